/* One unary call over a Unix socket for a program without a loop: meshctl.
 *
 * Runs a loop of its own until the call is finished. Not for daemons. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "common/grpc/status.h"

struct buffer;

/* Calls PATH on the socket with LEN bytes. On 0, *RET_STATUS and RET_TEXT (the status message,
 * GRPC_STATUS_MESSAGE_MAX + 1 bytes) are set, and with GRPC_OK RET_REPLY (initialised by the
 * caller) holds the response. A socket that cannot be reached is an error, not a status:
 * MESH_ENOENT (no socket), MESH_EREFUSED (nobody listens), MESH_EPERM. TIMEOUT_MS 0: none. */
int grpc_blocking_unary(const char *socket_path, const char *path, const void *bytes, size_t len,
                        uint64_t timeout_ms, enum grpc_status *ret_status, char *ret_text,
                        struct buffer *ret_reply);
