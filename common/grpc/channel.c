/* The client's shell; see the header. */
#include "common/grpc/channel.h"

#include <stdlib.h>

#include "common/env.h"
#include "common/error.h"
#include "common/grpc/pump.h"
#include "common/net/transport.h"

struct grpc_channel {
        struct transport *transport; /* NULL once it is gone */
        struct grpc_client *client;  /* owned */
        struct grpc_channel_options options;
        uv_prepare_t prepare; /* runs before the loop sleeps, while there is something to send */
        uv_timer_t timer;
        unsigned handles;
        unsigned inside; /* depth of entries that use CLIENT */
        bool freed;      /* by the caller; the memory goes when nothing is inside */
};

static uint64_t now_ms(const struct grpc_channel *c)
{
        return env_monotonic_ms(c->options.env);
}

/* ---- entry and exit -----------------------------------------------------------------------------
 */

static void on_handle_closed(uv_handle_t *handle)
{
        struct grpc_channel *c = handle->data;
        if (--c->handles == 0)
                free(c);
}

static void free_now(struct grpc_channel *c)
{
        grpc_client_free(c->client);
        c->client = NULL;
        uv_close((uv_handle_t *)&c->prepare, on_handle_closed);
        uv_close((uv_handle_t *)&c->timer, on_handle_closed);
}

static void enter(struct grpc_channel *c)
{
        c->inside++;
}

static void leave(struct grpc_channel *c)
{
        if (--c->inside == 0 && c->freed)
                free_now(c);
}

/* ---- out and time -------------------------------------------------------------------------------
 */

static int next_bytes(void *user, const uint8_t **ret_bytes, size_t *ret_len)
{
        struct grpc_channel *c = user;
        int err = grpc_client_send_bytes(c->client, ret_bytes, ret_len);
        return c->freed ? MESH_ECANCELED : err; /* an event may have freed the channel */
}

static void on_timer(uv_timer_t *timer);

static void arm(struct grpc_channel *c)
{
        uint64_t now = now_ms(c), at = grpc_client_next_ms(c->client);
        if (at == UINT64_MAX)
                (void)uv_timer_stop(&c->timer);
        else
                (void)uv_timer_start(&c->timer, on_timer, at > now ? at - now : 0, 0);
}

/* After anything happened: send, arm the timer, close what is over. Ends with leave. */
static void settle_and_leave(struct grpc_channel *c)
{
        if (c->transport && !c->freed) {
                int err = grpc_pump(c->transport, next_bytes, c);
                if (!c->freed && (err || grpc_client_is_done(c->client)))
                        transport_close(c->transport);
                else if (!c->freed)
                        arm(c);
        }
        leave(c);
}

static void on_timer(uv_timer_t *timer)
{
        struct grpc_channel *c = timer->data;
        enter(c);
        grpc_client_tick(c->client, now_ms(c));
        settle_and_leave(c);
}

static void on_prepare(uv_prepare_t *prepare)
{
        struct grpc_channel *c = prepare->data;
        (void)uv_prepare_stop(prepare);
        enter(c);
        settle_and_leave(c);
}

static void on_wants_send(void *user, struct grpc_client *client)
{
        struct grpc_channel *c = user;
        (void)client;
        if (!c->freed && c->transport)
                (void)uv_prepare_start(&c->prepare, on_prepare);
}

/* ---- the transport ------------------------------------------------------------------------------
 */

static void on_read(void *user, struct transport *transport, const uint8_t *bytes, size_t len)
{
        struct grpc_channel *c = user;
        (void)transport;
        enter(c);
        /* An error leaves a GOAWAY to send; settle sees that the connection is over. */
        (void)grpc_client_receive(c->client, bytes, len, now_ms(c));
        settle_and_leave(c);
}

static void on_drain(void *user, struct transport *transport)
{
        struct grpc_channel *c = user;
        (void)transport;
        enter(c);
        settle_and_leave(c);
}

static void on_close(void *user, struct transport *transport, int err)
{
        struct grpc_channel *c = user;
        (void)transport;
        c->transport = NULL;
        (void)uv_timer_stop(&c->timer);
        (void)uv_prepare_stop(&c->prepare);
        enter(c);
        grpc_client_lost(c->client, err ? mesh_strerror(err) : "the connection was closed");
        if (!c->freed && c->options.closed)
                c->options.closed(c->options.user, c, err);
        leave(c);
}

static const struct transport_events channel_events = { .read = on_read,
                                                        .drain = on_drain,
                                                        .close = on_close };

/* ---- the channel --------------------------------------------------------------------------------
 */

int grpc_channel_new(struct transport *transport, const struct grpc_channel_options *options,
                     struct grpc_channel **ret_channel)
{
        struct grpc_channel *c = calloc(1, sizeof(*c));
        const char *authority = options->authority ? options->authority : "localhost";
        int err = c ? 0 : MESH_ENOMEM;
        if (!err) {
                c->options = *options;
                err = grpc_client_new(options->limits, authority, transport_peer(transport)->tls,
                                      on_wants_send, c, now_ms(c), &c->client);
        }
        if (err) {
                free(c);
                transport_listen_to(transport, NULL, NULL);
                transport_abort(transport, err);
                return err;
        }
        c->transport = transport;
        (void)uv_prepare_init(transport_loop(transport), &c->prepare);
        (void)uv_timer_init(transport_loop(transport), &c->timer);
        c->prepare.data = c->timer.data = c;
        c->handles = 2;
        transport_listen_to(transport, &channel_events, c);
        on_wants_send(c, c->client); /* the preface */
        *ret_channel = c;
        return 0;
}

int grpc_channel_open_unix(uv_loop_t *loop, const char *path,
                           const struct grpc_channel_options *options,
                           struct grpc_channel **ret_channel)
{
        struct transport *transport;
        int err = transport_connect_unix(loop, path, &transport);
        return err ? err : grpc_channel_new(transport, options, ret_channel);
}

void grpc_channel_free(struct grpc_channel *channel)
{
        if (!channel || channel->freed)
                return;
        channel->freed = true;
        grpc_client_mute(channel->client);
        if (channel->transport) {
                transport_listen_to(channel->transport, NULL, NULL);
                transport_close(channel->transport);
                channel->transport = NULL;
        }
        if (channel->inside == 0)
                free_now(channel);
}

int grpc_channel_call(struct grpc_channel *channel, const struct grpc_client_request *request,
                      struct grpc_client_call **ret_call)
{
        if (!channel->transport)
                return MESH_ECLOSED;
        return grpc_client_call(channel->client, request, now_ms(channel), ret_call);
}

struct transport *grpc_channel_transport(const struct grpc_channel *channel)
{
        return channel->transport;
}
