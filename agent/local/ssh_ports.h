/* The TCP ports on which sshd listens, as its configuration says: what break-glass must keep open.
 *
 * Reads sshd_config and its drop-ins; without any Port line, 22. sshd_config(5). */
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { SSH_PORTS_MAX = 8 };

/* At most SSH_PORTS_MAX ports, without duplicates; returns how many, at least 1. */
size_t ssh_ports(uint16_t out[static SSH_PORTS_MAX]);

/* Adds the ports of one file's TEXT (NUL-terminated): Port lines and ports in ListenAddress. */
void ssh_ports_parse(const char *text, uint16_t out[static SSH_PORTS_MAX], size_t *count);
