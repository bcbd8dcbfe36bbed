/* From argv to an invocation, by the verb table. */
#pragma once
#include "meshctl/verb.h"

#define MESHCTL_AGENT_SOCKET       "/run/mesh-agent/control.sock"
#define MESHCTL_COORDINATOR_SOCKET "/run/mesh-coordinator/admin.sock"

/* Parses a whole command line. Returns -1 if RET is to be run; else the exit code, after help or
 * an error was printed. Options may stand anywhere; "--" ends them. */
int parse_arguments(int argc, char **argv, struct invocation *ret);
