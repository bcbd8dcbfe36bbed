/* The shell of the Sync session: races addresses, carries frames, keeps its time.
 *
 * Glue between session.h (which decides) and common/net, common/grpc (which do). What the
 * coordinator says goes to the events; nothing is kept here. Caller: agent.c. */
#pragma once
#include <uv.h>

#include "agent/session/session.h"

struct agent_config;
struct agent_state;
struct uplink; /* opaque */
struct tls_client;

struct uplink_events {
        /* A Welcome, stored already. */
        void (*welcomed)(void *user);

        /* A message other than a heartbeat; borrowed for the call. */
        void (*received)(void *user, const Mesh__V1__CoordinatorMessage *message);

        /* A heartbeat was answered. */
        void (*beat)(void *user);

        /* The session's state changed. */
        void (*entered)(void *user, enum session_state state);
};

struct uplink_options {
        uv_loop_t *loop;
        const struct env *env;
        struct tls_client *tls;
        struct agent_state *state;         /* read for each try; Welcome is stored in it */
        const struct agent_config *config; /* its pins are tried, too */
        const struct uplink_events *events;
        void *user;
};

/* An idle one; everything in OPTIONS is borrowed. Returned owned. MESH_ENOMEM. */
int uplink_new(const struct uplink_options *options, struct uplink **ret_uplink);

/* Hangs up; the memory goes with the loop. NULL is allowed. No event is called any more. */
void uplink_close(struct uplink *uplink);

/* Begins to connect, if the state holds a membership and it has not begun. */
void uplink_start(struct uplink *uplink);

/* Hangs up and stays idle. Not from inside an event. */
void uplink_stop(struct uplink *uplink);

/* The host's network changed: try at once. */
void uplink_network_changed(struct uplink *uplink);

/* session_send. */
int uplink_send(struct uplink *uplink, const Mesh__V1__AgentMessage *message);

/* For status and reports; borrowed. */
const struct session *uplink_session(const struct uplink *uplink);

/* The addresses to race: the config's pins, then the learnt ones, without duplicates. Returns how
 * many, at most MAX. Used by enrolment, too. */
size_t uplink_pins(const struct agent_state *state, const struct agent_config *config,
                   uint16_t default_port, struct ip_endpoint *out, size_t max);
