/* Calls a daemon and explains failures; see the header. */
#include "meshctl/rpc.h"

#include <stdio.h>
#include <string.h>

#include "common/arena.h"
#include "common/buffer.h"
#include "common/error.h"
#include "common/grpc/blocking.h"
#include "meshctl/output.h"
#include "proto/pb.h"

enum { REPLY_ARENA_BYTES = 64 << 20 }; /* ours to give: the daemon is trusted */

static const struct {
        const char *name, *option, *cure;
} daemons[] = {
        [RPC_AGENT] = { "agent", "--agent-socket", "systemctl enable --now mesh-agent" },
        [RPC_COORDINATOR] = { "coordinator", "--coordinator-socket",
                              "run this on the coordinator's host, where `systemctl status "
                              "mesh-coordinator` tells more" },
};

/* What a status means for a script. */
static int exit_of(enum grpc_status status)
{
        switch (status) {
        case GRPC_OK:
                return EXIT_OK;
        case GRPC_INVALID_ARGUMENT:
                return EXIT_USAGE;
        case GRPC_UNAVAILABLE:
                return EXIT_UNREACHABLE;
        case GRPC_DEADLINE_EXCEEDED:
                return EXIT_TIMEOUT;
        case GRPC_UNAUTHENTICATED:
        case GRPC_PERMISSION_DENIED:
        case GRPC_FAILED_PRECONDITION:
                return EXIT_REFUSED;
        default:
                return EXIT_FAILED;
        }
}

static int unreachable(const struct invocation *in, enum rpc_daemon daemon, const char *socket,
                       int err)
{
        switch (err) {
        case MESH_ENOENT:
        case MESH_EREFUSED:
                return output_error(in, EXIT_UNREACHABLE, "not_running",
                                    "the %s is not running (%s: %s). Try: %s; or name its socket "
                                    "with %s",
                                    daemons[daemon].name, socket, mesh_strerror(err),
                                    daemons[daemon].cure, daemons[daemon].option);
        case MESH_EPERM:
                return output_error(in, EXIT_REFUSED, "rights", "%s: %s; try again with sudo",
                                    socket, mesh_strerror(err));
        case MESH_ETIMEOUT:
                return output_error(in, EXIT_TIMEOUT, "timeout", "the %s does not answer",
                                    daemons[daemon].name);
        default:
                return output_error(in, EXIT_UNREACHABLE, "unreachable", "%s: %s", socket,
                                    mesh_strerror(err));
        }
}

static int unpack(const struct invocation *in, const ProtobufCMessageDescriptor *type,
                  const struct buffer *bytes, struct rpc_reply *ret)
{
        int err = MESH_ENOMEM;
        ret->arena = arena_new(REPLY_ARENA_BYTES);
        if (ret->arena)
                err = pb_unpack(type, bytes->bytes, bytes->len, ret->arena, &ret->message);
        if (!err)
                return EXIT_OK;
        return output_error(in, EXIT_FAILED, NULL, "unreadable answer: %s", mesh_strerror(err));
}

int rpc_call(const struct invocation *in, enum rpc_daemon daemon, const char *method,
             const ProtobufCMessage *request, const ProtobufCMessageDescriptor *type,
             uint64_t timeout_ms, struct rpc_reply *ret)
{
        const char *socket = daemon == RPC_AGENT ? in->agent_socket : in->coordinator_socket;
        struct buffer bytes = buffer_with_max(PB_MESSAGE_MAX);
        struct buffer answer = buffer_with_max(PB_MESSAGE_MAX);
        struct grpc_blocking_result result;
        int code;
        *ret = (struct rpc_reply){ 0 };
        int err = pb_pack(request, &bytes);
        if (err) {
                code = output_error(in, EXIT_UNREADABLE, NULL, "the request is too large: %s",
                                    mesh_strerror(err));
                goto out;
        }
        err = grpc_blocking_unary(socket, method, bytes.bytes, bytes.len, timeout_ms, &answer,
                                  &result);
        if (err) {
                code = unreachable(in, daemon, socket, err);
        } else if (result.status != GRPC_OK) {
                const char *text = result.text[0] ? result.text : grpc_status_name(result.status);
                code = output_error(in, exit_of(result.status), result.reason, "%s", text);
        } else {
                code = unpack(in, type, &answer, ret);
        }
out:
        buffer_done(&answer);
        buffer_done(&bytes);
        return code;
}

void rpc_reply_done(struct rpc_reply *reply)
{
        arena_free(reply->arena);
        *reply = (struct rpc_reply){ 0 };
}
