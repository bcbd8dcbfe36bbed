/* One unary call over a Unix socket for a program without a loop: meshctl.
 *
 * Runs a loop of its own until the call is finished. Not for daemons. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "common/grpc/status.h"

struct buffer;

enum { GRPC_REASON_MAX = 32 };

/* How the call ended. Plain value. */
struct grpc_blocking_result {
        enum grpc_status status;
        char text[GRPC_STATUS_MESSAGE_MAX + 1]; /* the status message; may be empty */
        char reason[GRPC_REASON_MAX];           /* the trailer mesh-reason; may be empty */
};

/* Calls PATH on the socket with LEN bytes. On 0, *RET_RESULT is set, and with GRPC_OK RET_REPLY
 * (initialised by the caller) holds the response. A socket that cannot be reached is an error, not
 * a status: MESH_ENOENT (no socket), MESH_EREFUSED (nobody listens), MESH_EPERM. TIMEOUT_MS 0:
 * none.
 */
int grpc_blocking_unary(const char *socket_path, const char *path, const void *bytes, size_t len,
                        uint64_t timeout_ms, struct buffer *ret_reply,
                        struct grpc_blocking_result *ret_result);
