/* What the agent says to the coordinator and takes from it, between session and state. */
#pragma once
#include "mesh/v1/agent.pb-c.h"

struct agent;

/* The session has just been connected: tells where this host is and what it runs. */
void agent_sync_begin(struct agent *agent);

/* Takes a snapshot's chunk or a delta; what cannot be taken is told, and a snapshot asked for. */
void agent_sync_take(struct agent *agent, const Mesh__V1__CoordinatorMessage *message);

/* Sends a Report: endpoints (the connection's local address first) and peers. Nothing unless
 * connected; the same for Applied: what runs, or why not. */
void agent_sync_report(struct agent *agent);
void agent_sync_applied(struct agent *agent);
