/* The agent's config file as `meshctl enroll` writes it.
 *
 * The agent only reads it. A file that enrolment wrote may be written again when a flag asks for
 * it; a file that somebody edited or made is never touched. 06-boot.md, "Where things are". */
#pragma once
#include <stdbool.h>

#include "mesh/v1/local.pb-c.h"
#include "meshctl/verb.h"

enum agent_config_outcome { AGENT_CONFIG_WRITTEN, AGENT_CONFIG_KEPT };

/* Writes DESCRIBE's config path according to the firewall options of IN, if there is none yet or a
 * flag asks for it. Returns EXIT_OK, or the exit code after the error was printed. */
int agent_config_write(const struct invocation *in, const Mesh__V1__DescribeReply *describe,
                       enum agent_config_outcome *ret_outcome);
