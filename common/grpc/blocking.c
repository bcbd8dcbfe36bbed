/* A unary call and its loop; see the header. */
#include "common/grpc/blocking.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "common/buffer.h"
#include "common/env.h"
#include "common/error.h"
#include "common/grpc/channel.h"

struct unary {
        struct grpc_channel *channel;
        struct buffer *reply; /* borrowed */
        struct grpc_blocking_result result;
        bool finished;
        int error;
};

static void on_message(void *user, struct grpc_client_call *call, const uint8_t *bytes, size_t len)
{
        struct unary *unary = user;
        (void)call;
        buffer_put(unary->reply, bytes, len);
}

static void on_finished(void *user, struct grpc_client_call *call,
                        const struct grpc_outcome *outcome)
{
        struct unary *unary = user;
        struct grpc_blocking_result *result = &unary->result;
        const char *reason = grpc_metadata_text(outcome->trailers, "mesh-reason");
        (void)call;
        unary->finished = true;
        result->status = outcome->status;
        (void)snprintf(result->text, sizeof(result->text), "%s", outcome->message);
        (void)snprintf(result->reason, sizeof(result->reason), "%s", reason ? reason : "");
        /* A connection that failed says why in closed, which follows. */
        if (grpc_channel_transport(unary->channel))
                grpc_channel_free(unary->channel);
}

static void on_closed(void *user, struct grpc_channel *channel, int err)
{
        struct unary *unary = user;
        unary->error = err;
        if (!unary->finished)
                unary->error = err ? err : MESH_ECLOSED;
        grpc_channel_free(channel);
}

static const struct grpc_client_events events = { .message = on_message, .finished = on_finished };

static int start(struct unary *unary, uv_loop_t *loop, const char *socket_path,
                 const struct grpc_client_request *request, const void *bytes, size_t len)
{
        const struct grpc_channel_options options = { .env = env_system(),
                                                      .closed = on_closed,
                                                      .user = unary };
        struct grpc_client_call *call;
        int err = grpc_channel_open_unix(loop, socket_path, &options, &unary->channel);
        if (err)
                return err;
        err = grpc_channel_call(unary->channel, request, &call);
        if (!err)
                err = grpc_client_call_send(call, bytes, len);
        if (!err)
                err = grpc_client_call_half_close(call);
        if (err)
                grpc_channel_free(unary->channel);
        return err;
}

int grpc_blocking_unary(const char *socket_path, const char *path, const void *bytes, size_t len,
                        uint64_t timeout_ms, struct buffer *ret_reply,
                        struct grpc_blocking_result *ret_result)
{
        struct unary unary = { .reply = ret_reply };
        const struct grpc_client_request request = {
                .path = path,
                .kind = GRPC_UNARY,
                .timeout_ms = timeout_ms,
                .events = &events,
                .user = &unary,
        };
        uv_loop_t loop;
        const struct sigaction ignore = { .sa_handler = SIG_IGN };
        struct sigaction before;
        int rv = uv_loop_init(&loop);
        if (rv < 0)
                return mesh_error_from_errno(-rv);
        (void)sigaction(SIGPIPE, &ignore, &before); /* a daemon that dies is an error to report */
        int err = start(&unary, &loop, socket_path, &request, bytes, len);
        (void)uv_run(&loop, UV_RUN_DEFAULT);
        (void)uv_loop_close(&loop);
        (void)sigaction(SIGPIPE, &before, NULL);
        if (!err)
                err = unary.error;
        if (!err)
                err = buffer_error(ret_reply);
        if (!err)
                *ret_result = unary.result;
        return err;
}
