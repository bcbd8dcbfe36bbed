/* The server's shell; see the header. */
#include "common/grpc/server.h"

#include <stdlib.h>

#include "common/env.h"
#include "common/error.h"
#include "common/grpc/connection.h"
#include "common/grpc/memory.h"
#include "common/grpc/pump.h"
#include "common/net/listener.h"
#include "common/net/transport.h"
#include "common/page_pool.h"

enum { LISTENERS_MAX = 8 };

/* One connection: engine and transport. */
struct link {
        struct link *next, *previous; /* of the server */
        struct link *next_flush;
        struct grpc_server *server;
        struct transport *transport;
        struct grpc_connection *connection; /* owned */
        uint64_t due_ms;                    /* the engine's next time */
        bool flush_due, closing;
};

struct grpc_server {
        uv_loop_t *loop;
        uv_prepare_t prepare; /* runs before the loop sleeps, while there is something to send */
        uv_timer_t timer;
        unsigned handles;
        uint64_t timer_ms; /* what the timer is armed for, on ENV's clock; UINT64_MAX: not */
        struct grpc_server_options options;
        struct grpc_engine engine;
        struct listener *listeners[LISTENERS_MAX];
        size_t listener_count;
        struct link *links, *flush; /* all; those with something to send */
        uint32_t link_count;
        bool freeing;
        void (*drained)(void *user);
        void *drained_user;
};

static uint64_t now_ms(const struct grpc_server *s)
{
        return env_monotonic_ms(s->options.env);
}

/* ---- out and time -------------------------------------------------------------------------------
 */

static int next_bytes(void *engine, const uint8_t **ret_bytes, size_t *ret_len)
{
        return grpc_connection_send(engine, ret_bytes, ret_len);
}

static void on_timer(uv_timer_t *timer);

static void arm(struct grpc_server *s, uint64_t at_ms)
{
        if (at_ms >= s->timer_ms || s->freeing)
                return;
        uint64_t now = now_ms(s);
        s->timer_ms = at_ms;
        (void)uv_timer_start(&s->timer, on_timer, at_ms > now ? at_ms - now : 0, 0);
}

/* After anything happened on a connection: send, note its next time, close it if it is over. */
static void settle(struct link *link)
{
        if (link->closing)
                return;
        int err = grpc_pump(link->transport, next_bytes, link->connection);
        if (err || grpc_connection_is_over(link->connection)) {
                link->closing = true;
                transport_close(link->transport);
                return;
        }
        link->due_ms = grpc_connection_next_ms(link->connection);
        arm(link->server, link->due_ms);
}

static void on_timer(uv_timer_t *timer)
{
        struct grpc_server *s = timer->data;
        uint64_t now = now_ms(s), next_ms = UINT64_MAX;
        s->timer_ms = UINT64_MAX;
        for (struct link *link = s->links, *next; link; link = next) {
                next = link->next; /* links go only in their close event */
                if (link->due_ms <= now && !link->closing) {
                        grpc_connection_tick(link->connection, now);
                        settle(link);
                }
                if (!link->closing && link->due_ms < next_ms)
                        next_ms = link->due_ms;
        }
        arm(s, next_ms);
}

static void flush_all(uv_prepare_t *prepare)
{
        struct grpc_server *s = prepare->data;
        while (s->flush) {
                struct link *link = s->flush;
                s->flush = link->next_flush;
                link->flush_due = false;
                settle(link);
        }
        (void)uv_prepare_stop(prepare);
}

static void on_wants_send(void *user, struct grpc_connection *connection)
{
        struct link *link = user;
        struct grpc_server *s = link->server;
        (void)connection;
        if (link->flush_due || link->closing || s->freeing)
                return;
        link->flush_due = true;
        link->next_flush = s->flush;
        s->flush = link;
        (void)uv_prepare_start(&s->prepare, flush_all);
}

/* ---- connections --------------------------------------------------------------------------------
 */

static void on_read(void *user, struct transport *transport, const uint8_t *bytes, size_t len)
{
        struct link *link = user;
        (void)transport;
        if (link->closing)
                return;
        /* An error leaves a GOAWAY to send; settle sees that the connection is over. */
        (void)grpc_connection_receive(link->connection, bytes, len, now_ms(link->server));
        settle(link);
}

static void on_drain(void *user, struct transport *transport)
{
        (void)transport;
        settle(user);
}

static void forget_flush(struct link *link)
{
        struct link **at = &link->server->flush;
        while (*at && *at != link)
                at = &(*at)->next_flush;
        if (*at)
                *at = link->next_flush;
}

static void forget(struct link *link)
{
        struct grpc_server *s = link->server;
        link->closing = true;
        if (link->flush_due)
                forget_flush(link);
        if (link->previous)
                link->previous->next = link->next;
        else
                s->links = link->next;
        if (link->next)
                link->next->previous = link->previous;
        s->link_count--;
        /* Calls first: their closed may look at what gone is going to free. */
        struct grpc_connection *connection = link->connection;
        grpc_connection_end_calls(connection);
        if (s->options.gone)
                s->options.gone(s->options.user, connection);
        grpc_connection_free(connection);
        free(link);
}

static void tell_if_drained(struct grpc_server *s)
{
        void (*drained)(void *) = s->drained;
        if (s->link_count > 0 || !drained)
                return;
        s->drained = NULL;
        drained(s->drained_user);
}

static void on_close(void *user, struct transport *transport, int err)
{
        struct link *link = user;
        struct grpc_server *s = link->server;
        (void)transport, (void)err;
        forget(link);
        tell_if_drained(s);
}

static const struct transport_events link_events = { .read = on_read,
                                                     .drain = on_drain,
                                                     .close = on_close };

static void on_accepted(void *user, struct transport *transport)
{
        struct grpc_server *s = user;
        struct link *link = calloc(1, sizeof(*link));
        const struct net_peer *peer = transport_peer(transport);
        if (!link ||
            grpc_connection_new(&s->engine, peer, link, now_ms(s), &link->connection) != 0) {
                free(link);
                transport_abort(transport, MESH_ENOMEM);
                return;
        }
        link->server = s;
        link->transport = transport;
        link->next = s->links;
        if (s->links)
                s->links->previous = link;
        s->links = link;
        s->link_count++;
        transport_listen_to(transport, &link_events, link);
        if (s->options.connected)
                s->options.connected(s->options.user, link->connection, peer);
        settle(link); /* our SETTINGS */
}

/* ---- the server ---------------------------------------------------------------------------------
 */

int grpc_server_new(uv_loop_t *loop, const struct grpc_server_options *options,
                    struct grpc_server **ret_server)
{
        struct grpc_server *s = calloc(1, sizeof(*s));
        struct page_pool *pool = NULL;
        if (!s)
                return MESH_ENOMEM;
        /* Where so much address space is not to be had (strict overcommit), malloc does. */
        (void)page_pool_new(LISTENER_CONNECTIONS, GRPC_BLOCK_BYTES, &pool);
        s->loop = loop;
        s->options = *options;
        s->engine = (struct grpc_engine){
                .limits = options->limits ? *options->limits : grpc_limits_default(),
                .services = options->services,
                .service_count = options->service_count,
                .pool = pool,
                .wants_send = on_wants_send,
        };
        s->timer_ms = UINT64_MAX;
        (void)uv_prepare_init(loop, &s->prepare);
        (void)uv_timer_init(loop, &s->timer);
        s->prepare.data = s->timer.data = s;
        s->handles = 2;
        *ret_server = s;
        return 0;
}

int grpc_server_listen(struct grpc_server *server, const struct listener_options *options,
                       struct listener **ret_listener)
{
        if (server->listener_count == LISTENERS_MAX)
                return MESH_ELIMIT;
        struct listener **slot = &server->listeners[server->listener_count];
        int err = listener_new(server->loop, options, on_accepted, server, slot);
        if (err)
                return err;
        server->listener_count++;
        if (ret_listener)
                *ret_listener = *slot;
        return 0;
}

static void stop_listening(struct grpc_server *s)
{
        while (s->listener_count > 0)
                listener_close(s->listeners[--s->listener_count]);
}

/* The timer that has nothing more to wait for calls it, so that done never comes from inside
 * grpc_server_shutdown. */
static void on_nothing_left(uv_timer_t *timer)
{
        tell_if_drained(timer->data);
}

void grpc_server_shutdown(struct grpc_server *server, void (*done)(void *user), void *user)
{
        server->drained = done;
        server->drained_user = user;
        stop_listening(server);
        if (server->link_count == 0)
                (void)uv_timer_start(&server->timer, on_nothing_left, 0, 0);
        for (struct link *link = server->links; link; link = link->next) {
                grpc_connection_shutdown(link->connection, now_ms(server));
                settle(link);
        }
}

static void on_handle_closed(uv_handle_t *handle)
{
        struct grpc_server *s = handle->data;
        if (--s->handles > 0)
                return;
        page_pool_free(s->engine.pool);
        free(s);
}

void grpc_server_free(struct grpc_server *server)
{
        if (!server)
                return;
        server->freeing = true;
        stop_listening(server);
        while (server->links) {
                struct transport *transport = server->links->transport;
                transport_listen_to(transport, NULL, NULL);
                transport_close(transport);
                forget(server->links);
        }
        uv_close((uv_handle_t *)&server->prepare, on_handle_closed);
        uv_close((uv_handle_t *)&server->timer, on_handle_closed);
}

uint32_t grpc_server_connections(const struct grpc_server *server)
{
        return server->link_count;
}
