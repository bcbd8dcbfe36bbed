/* The shell of a race: resolver, transports, timer; see the header. */
#include "common/net/dial.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/error.h"
#include "common/net/transport.h"

enum { DIAL_TIMEOUT_MS = 20000, PORT_TEXT_MAX = 6 };

/* A look-up may hang in its thread for minutes: it outlives the dial if it has to. */
struct lookup {
        uv_getaddrinfo_t request;
        struct dial *dial; /* NULL: nobody waits any more */
};

struct dial {
        uv_loop_t *loop;
        uv_timer_t timer;
        struct race race;
        struct transport *transports[RACE_CANDIDATES_MAX]; /* by candidate; NULL: none (any more) */
        const struct dial_events *events;
        void *user;
        struct lookup *lookup; /* while it runs */
        struct tls_client *tls;
        char *host, *tls_name; /* owned */
        uint16_t port;
        uint32_t handshake_ms;
        uint64_t give_up_ms;
        int last_error;
        bool over;
};

static void pump(struct dial *d);

/* ---- the end ------------------------------------------------------------------------------------
 */

static void on_timer_closed(uv_handle_t *handle)
{
        struct dial *d = handle->data;
        free(d->host);
        free(d->tls_name);
        free(d);
}

/* Stops everything of the dial's own; transports that were handed up stay with CLOSE_HANDED false.
 */
static void end(struct dial *d, const struct transport *winner, bool close_handed)
{
        d->over = true;
        if (d->lookup) {
                d->lookup->dial = NULL;
                (void)uv_cancel((uv_req_t *)&d->lookup->request);
        }
        for (size_t i = 0; i < d->race.count; i++) {
                struct transport *t = d->transports[i];
                bool handed = d->race.candidates[i].state == RACE_CONNECTED;
                d->transports[i] = NULL;
                if (!t)
                        continue;
                transport_on_gone(t, NULL, NULL);
                if (!handed) {
                        transport_listen_to(t, NULL, NULL);
                        transport_abort(t, MESH_ECANCELED);
                } else if (t != winner && close_handed) {
                        transport_close(t);
                }
        }
        uv_close((uv_handle_t *)&d->timer, on_timer_closed);
}

static void fail(struct dial *d)
{
        int err = d->last_error ? d->last_error : MESH_ETIMEOUT;
        if (d->events->failed)
                d->events->failed(d->user, d, err);
        if (!d->over)
                end(d, NULL, false);
}

/* ---- candidates ---------------------------------------------------------------------------------
 */

static size_t index_of(const struct dial *d, const struct transport *transport)
{
        size_t i = 0;
        while (i < d->race.count && d->transports[i] != transport)
                i++;
        return i;
}

static void on_open(void *user, struct transport *transport)
{
        struct dial *d = user;
        size_t i = index_of(d, transport);
        race_connected(&d->race, i, uv_now(d->loop));
        transport_listen_to(transport, NULL, NULL);
        struct race_candidate from = d->race.candidates[i];
        d->events->connected(d->user, d, transport, &from);
        if (!d->over)
                pump(d);
}

static void on_close(void *user, struct transport *transport, int err)
{
        struct dial *d = user;
        (void)transport;
        if (err)
                d->last_error =
                        err; /* the race has been told by on_gone, and waits for the timer */
}

static const struct transport_events attempt_events = { .open = on_open, .close = on_close };

static void on_timer(uv_timer_t *timer)
{
        pump(timer->data);
}

static void pump_soon(struct dial *d)
{
        (void)uv_timer_start(&d->timer, on_timer, 0, 0);
}

/* An attempt failed, or what was handed up is gone. */
static void on_gone(void *user, struct transport *transport)
{
        struct dial *d = user;
        size_t i = index_of(d, transport);
        if (i == d->race.count)
                return;
        d->transports[i] = NULL;
        race_failed(&d->race, i, uv_now(d->loop));
        pump_soon(d);
}

static void start_candidate(struct dial *d, size_t i)
{
        struct transport *t;
        const char *name = d->tls_name ? d->tls_name : d->host;
        char text[IP_TEXT_MAX];
        const struct ip_endpoint *to = &d->race.candidates[i].address;
        int err = transport_connect_tcp(d->loop, to, d->tls,
                                        name ? name : ip_addr_format(&to->addr, text),
                                        d->handshake_ms, &t);
        if (err) {
                d->last_error = err;
                race_failed(&d->race, i, uv_now(d->loop));
                return;
        }
        d->transports[i] = t;
        transport_listen_to(t, &attempt_events, d);
        transport_on_gone(t, on_gone, d);
}

/* Does what is due and arms the timer for what comes next. */
static void pump(struct dial *d)
{
        uint64_t now = uv_now(d->loop);
        size_t i;
        while (race_start_next(&d->race, now, &i))
                start_candidate(d, i);
        if (race_is_lost(&d->race) || now >= d->give_up_ms) {
                fail(d);
                return;
        }
        uint64_t next = race_next_ms(&d->race);
        if (next > d->give_up_ms)
                next = d->give_up_ms;
        (void)uv_timer_start(&d->timer, on_timer, next > now ? next - now : 0, 0);
}

/* ---- the resolver -------------------------------------------------------------------------------
 */

static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *list)
{
        struct lookup *lookup = request->data;
        struct dial *d = lookup->dial;
        free(lookup);
        if (d) {
                d->lookup = NULL;
                if (status < 0 && d->last_error == 0)
                        d->last_error = MESH_EUNREACH;
                for (const struct addrinfo *at = list; at; at = at->ai_next) {
                        struct ip_endpoint endpoint;
                        if (ip_endpoint_from_sockaddr(at->ai_addr, &endpoint) == 0)
                                race_add(&d->race, &endpoint, RACE_VIA_RESOLVER);
                }
                race_resolved(&d->race);
                pump(d);
        }
        uv_freeaddrinfo(list);
}

static int start_lookup(struct dial *d)
{
        char port[PORT_TEXT_MAX];
        const struct addrinfo hints = { .ai_family = AF_UNSPEC,
                                        .ai_socktype = SOCK_STREAM,
                                        .ai_flags = AI_NUMERICSERV };
        (void)snprintf(port, sizeof(port), "%u", (unsigned)d->port);
        struct lookup *lookup = calloc(1, sizeof(*lookup));
        if (!lookup)
                return MESH_ENOMEM;
        lookup->request.data = lookup;
        lookup->dial = d;
        int rv = uv_getaddrinfo(d->loop, &lookup->request, on_resolved, d->host, port, &hints);
        if (rv < 0) {
                free(lookup);
                return MESH_EUNREACH;
        }
        d->lookup = lookup;
        return 0;
}

/* A host that is an address needs no resolver. */
static void add_host(struct dial *d)
{
        struct ip_endpoint endpoint = { .port = d->port };
        if (ip_addr_parse(d->host, &endpoint.addr) == 0)
                race_add(&d->race, &endpoint, RACE_VIA_RESOLVER);
        else if (start_lookup(d) == 0)
                d->race.resolving = true;
}

/* ---- the caller's side --------------------------------------------------------------------------
 */

static int copy_names(struct dial *d, const struct dial_options *options)
{
        if (options->host && !(d->host = strdup(options->host)))
                return MESH_ENOMEM;
        if (options->tls_name && !(d->tls_name = strdup(options->tls_name)))
                return MESH_ENOMEM;
        return 0;
}

int dial_start(uv_loop_t *loop, const struct dial_options *options,
               const struct dial_events *events, void *user, struct dial **ret_dial)
{
        if (!options->host && options->pin_count == 0)
                return MESH_EINVAL;
        struct dial *d = calloc(1, sizeof(*d));
        if (!d)
                return MESH_ENOMEM;
        d->loop = loop;
        d->events = events;
        d->user = user;
        d->tls = options->tls;
        d->port = options->port;
        d->handshake_ms = options->handshake_ms;
        (void)uv_timer_init(loop, &d->timer);
        d->timer.data = d;
        uv_update_time(loop);
        d->give_up_ms =
                uv_now(loop) + (options->timeout_ms ? options->timeout_ms : DIAL_TIMEOUT_MS);
        race_init(&d->race, false, uv_now(loop));
        int err = copy_names(d, options);
        if (err) {
                end(d, NULL, false);
                return err;
        }
        for (size_t i = 0; i < options->pin_count; i++)
                race_add(&d->race, &options->pins[i], RACE_VIA_PIN);
        if (d->host)
                add_host(d);
        pump_soon(d);
        *ret_dial = d;
        return 0;
}

void dial_accept(struct dial *dial, struct transport *transport)
{
        end(dial, transport, true);
}

void dial_reject(struct dial *dial, struct transport *transport)
{
        size_t i = index_of(dial, transport);
        if (i == dial->race.count)
                return; /* it closed by itself, and the race goes on already */
        transport_on_gone(transport, NULL, NULL);
        dial->transports[i] = NULL;
        race_failed(&dial->race, i, uv_now(dial->loop));
        transport_abort(transport, MESH_EAUTH);
        pump_soon(dial);
}

void dial_cancel(struct dial *dial)
{
        end(dial, NULL, true);
}
