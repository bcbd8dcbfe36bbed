/* The TCP ports on which sshd listens, as its configuration says: what break-glass must keep open.
 *
 * Reads sshd_config and its drop-ins; without any Port line, 22. sshd_config(5). */
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { SSH_PORTS_MAX = 8 };

/* At most SSH_PORTS_MAX ports, without duplicates; returns how many, at least 1. */
size_t ssh_ports(uint16_t out[static SSH_PORTS_MAX]);

/* Adds PORT, unless it is there already or OUT is full. */
void ssh_ports_add(uint16_t port, uint16_t out[static SSH_PORTS_MAX], size_t *count);

/* Adds the server's port of $SSH_CONNECTION ("CLIENT PORT SERVER PORT"; NULL and anything else adds
 * nothing): the way in that whoever types this is using. ssh(1). */
void ssh_ports_add_connection(const char *connection, uint16_t out[static SSH_PORTS_MAX],
                              size_t *count);

/* Adds the ports of one file's TEXT (NUL-terminated): Port lines and ports in ListenAddress. */
void ssh_ports_parse(const char *text, uint16_t out[static SSH_PORTS_MAX], size_t *count);
