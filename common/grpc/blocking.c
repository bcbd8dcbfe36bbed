/* A unary call and its loop; see the header. */
#include "common/grpc/blocking.h"

#include <string.h>
#include <uv.h>

#include "common/buffer.h"
#include "common/env.h"
#include "common/error.h"
#include "common/grpc/channel.h"

struct unary {
        struct grpc_channel *channel;
        struct buffer *reply; /* borrowed */
        char *text;           /* borrowed */
        enum grpc_status status;
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
        size_t len = strnlen(outcome->message, GRPC_STATUS_MESSAGE_MAX);
        (void)call;
        unary->finished = true;
        unary->status = outcome->status;
        memcpy(unary->text, outcome->message, len);
        unary->text[len] = '\0';
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
                        uint64_t timeout_ms, enum grpc_status *ret_status, char *ret_text,
                        struct buffer *ret_reply)
{
        struct unary unary = { .reply = ret_reply, .text = ret_text };
        const struct grpc_client_request request = {
                .path = path,
                .kind = GRPC_UNARY,
                .timeout_ms = timeout_ms,
                .events = &events,
                .user = &unary,
        };
        uv_loop_t loop;
        int rv = uv_loop_init(&loop);
        if (rv < 0)
                return mesh_error_from_errno(-rv);
        int err = start(&unary, &loop, socket_path, &request, bytes, len);
        (void)uv_run(&loop, UV_RUN_DEFAULT);
        (void)uv_loop_close(&loop);
        if (!err)
                err = unary.error;
        if (!err)
                err = buffer_error(ret_reply);
        if (!err)
                *ret_status = unary.status;
        return err;
}
