/* Enrolment; see the header. */
#include "agent/session/enroll.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "agent/apply/port.h"
#include "agent/config.h"
#include "agent/session/backoff.h"
#include "agent/session/enroll_request.h"
#include "agent/session/host_needs.h"
#include "agent/session/uplink.h"
#include "agent/state/state.h"
#include "common/arena.h"
#include "common/buffer.h"
#include "common/env.h"
#include "common/error.h"
#include "common/grpc/channel.h"
#include "common/log.h"
#include "common/net/dial.h"
#include "common/net/transport.h"
#include "common/printable.h"
#include "proto/enroll.h"

#define ENROLL_PATH "/mesh.v1.Enrollment/Enroll"

enum { CONNECTIONS_MAX = 4, RETRY_MAX_MS = 5000 };

/* One connection and the request that was sent over it. */
struct asking {
        struct enroll *enroll;
        struct transport *transport;
        struct grpc_channel *channel; /* owned; NULL: free */
        struct grpc_client_call *call;
        struct enroll_pending pending;
};

struct enroll {
        struct enroll_options options;
        struct enroll_wishes wishes;
        struct setup_key key;
        struct asking asking[CONNECTIONS_MAX];
        struct dial *dial; /* while racing */
        struct backoff backoff;
        uint64_t deadline_ms; /* monotonic */
        uv_timer_t timer;     /* the next round, or the end */
        void (*due)(struct enroll *enroll);
        bool refused; /* `result` holds an answer, if only from somebody unproven */
        struct enroll_result result;
};

static uint64_t now_ms(const struct enroll *e)
{
        return env_monotonic_ms(e->options.env);
}

/* ---- the end ---- */

static void asking_free(struct asking *asking)
{
        struct grpc_channel *channel = asking->channel;
        asking->channel = NULL;
        asking->transport = NULL;
        asking->call = NULL;
        grpc_channel_free(channel);
}

static void hang_up(struct enroll *e)
{
        struct dial *dial = e->dial;
        e->dial = NULL;
        if (dial)
                dial_cancel(dial);
        for (size_t i = 0; i < CONNECTIONS_MAX; i++)
                asking_free(&e->asking[i]);
}

static void on_closed(uv_handle_t *handle)
{
        struct enroll *e = handle->data;
        setup_key_done(&e->key);
        enroll_wishes_done(&e->wishes);
        sodium_memzero(e, sizeof(*e));
        free(e);
}

void enroll_cancel(struct enroll *e)
{
        hang_up(e);
        uv_close((uv_handle_t *)&e->timer, on_closed);
}

static void set_result(struct enroll *e, enum grpc_status status, const char *reason,
                       const char *text)
{
        e->result.status = status;
        (void)snprintf(e->result.reason, sizeof(e->result.reason), "%s", reason);
        (void)snprintf(e->result.text, sizeof(e->result.text), "%s", text);
        printable_make(e->result.reason); /* both may be a stranger's */
        printable_make(e->result.text);
}

static void finish(struct enroll *e)
{
        struct enroll_result result = e->result;
        void (*done)(void *user, const struct enroll_result *result) = e->options.done;
        void *user = e->options.user;
        enroll_cancel(e);
        done(user, &result);
}

static void on_timer(uv_timer_t *timer)
{
        struct enroll *e = timer->data;
        e->due(e);
}

/* What happens next happens from the loop. */
static void later(struct enroll *e, uint64_t after_ms, void (*due)(struct enroll *enroll))
{
        e->due = due;
        (void)uv_timer_start(&e->timer, on_timer, after_ms, 0);
}

/* ---- answers ---- */

static int join(struct enroll *e, const struct asking *asking,
                const Mesh__V1__EnrollGrantBody *grant)
{
        const struct net_peer *peer = transport_peer(asking->transport);
        struct host_needs needs = host_needs_of(e->options.state, e->options.config, &peer->remote);
        const struct grant_guard guard = { host_needs_prefix, &needs };
        struct agent_joining joining = {
                .coordinator = e->key.coordinator,
                .coordinator_name = e->key.host,
                .coordinator_port = e->key.port,
                .worked = &peer->remote,
                .guard = &guard,
                .now_ms = (uint64_t)env_wall_ms(e->options.env),
        };
        int err = port_find_free_udp(PORT_WIREGUARD, ENROLL_PORTS, &joining.wireguard_port);
        if (!err)
                err = agent_state_join(e->options.state, grant, &joining);
        return err;
}

static void refuse_local(struct enroll *e, int err, const char *what)
{
        char text[ENROLL_TEXT_LEN_MAX];
        (void)snprintf(text, sizeof(text), "%s: %s", what, mesh_strerror(err));
        set_result(e, GRPC_INTERNAL, "host", text);
}

/* Not the coordinator, or not one that answers: the next address. */
static void reject(struct enroll *e, struct asking *asking)
{
        struct transport *transport = asking->transport;
        if (e->dial && transport)
                dial_reject(e->dial, transport);
        asking_free(asking);
}

static void round_over(struct enroll *e);

static bool is_asking(const struct enroll *e)
{
        for (size_t i = 0; i < CONNECTIONS_MAX; i++)
                if (e->asking[i].channel)
                        return true;
        return false;
}

/* The same for one that was asked; the race may be over already, and this the last. */
static void reject_answer(struct enroll *e, struct asking *asking)
{
        asking->call = NULL;
        reject(e, asking);
        if (!e->dial && !is_asking(e))
                round_over(e);
}

static void on_reply(void *user, struct grpc_client_call *call, const uint8_t *bytes, size_t len)
{
        struct asking *asking = user;
        struct enroll *e = asking->enroll;
        const Mesh__V1__EnrollGrantBody *grant;
        if (asking->call != call)
                return;
        struct arena *arena = arena_new(ENROLL_ARENA_BYTES);
        int err = arena ? enroll_reply_open(&asking->pending, &e->options.state->keys.identity,
                                            bytes, len, arena, &grant)
                        : MESH_ENOMEM;
        if (err) {
                e->refused = true;
                set_result(e, GRPC_UNAUTHENTICATED, "impostor",
                           "what answers at the coordinator's address is not the coordinator that "
                           "the setup key names; nothing secret was sent. Check its address and "
                           "DNS");
                reject_answer(e, asking);
        } else {
                err = join(e, asking, grant);
                if (err == MESH_EADDRINUSE)
                        set_result(e, GRPC_FAILED_PRECONDITION, "addresses",
                                   "the mesh's address range holds an address of this host's own "
                                   "network, or of the way to the coordinator; give the mesh "
                                   "another range");
                else if (err)
                        refuse_local(e, err, "the membership could not be stored");
                else
                        e->result = (struct enroll_result){ .status = GRPC_OK };
                asking->call = NULL;
                hang_up(e);
                later(e, 0, finish);
        }
        arena_free(arena);
}

/* Statuses that may pass by themselves. */
static bool is_transient(enum grpc_status status)
{
        return status == GRPC_UNAVAILABLE || status == GRPC_DEADLINE_EXCEEDED ||
               status == GRPC_CANCELLED || status == GRPC_RESOURCE_EXHAUSTED ||
               status == GRPC_ABORTED;
}

static void take_refusal(struct enroll *e, const struct grpc_outcome *outcome)
{
        const char *reason = grpc_metadata_text(outcome->trailers, "mesh-reason");
        if (is_transient(outcome->status))
                return;
        e->refused = true;
        if (outcome->status == GRPC_UNIMPLEMENTED || outcome->status == GRPC_UNKNOWN)
                set_result(e, GRPC_UNAVAILABLE, "impostor",
                           "what answers at the coordinator's address is no mesh coordinator; "
                           "check address and port");
        else
                set_result(e, outcome->status, reason ? reason : "refused",
                           enroll_refusal_text(reason, outcome->message));
}

static void on_finished(void *user, struct grpc_client_call *call,
                        const struct grpc_outcome *outcome)
{
        struct asking *asking = user;
        struct enroll *e = asking->enroll;
        if (asking->call != call)
                return;
        take_refusal(e, outcome);
        reject_answer(e, asking);
}

static const struct grpc_client_events call_events = { .message = on_reply,
                                                       .finished = on_finished };

/* ---- a round ---- */

static int ask(struct asking *asking, struct transport *transport)
{
        struct enroll *e = asking->enroll;
        char authority[SETUP_KEY_HOST_MAX + 8];
        (void)snprintf(authority, sizeof(authority), "%s:%u", e->key.host, e->key.port);
        struct grpc_channel_options options = { .authority = authority,
                                                .env = e->options.env,
                                                .user = asking };
        struct grpc_client_request request = { .path = ENROLL_PATH,
                                               .kind = GRPC_UNARY,
                                               .timeout_ms = ENROLL_CALL_MS,
                                               .events = &call_events,
                                               .user = asking };
        struct buffer bytes = buffer_with_max(ENROLL_MESSAGE_MAX);
        int err = grpc_channel_new(transport, &options, &asking->channel);
        if (err)
                goto out;
        asking->transport = transport;
        err = enroll_wishes_request(&e->wishes, &e->key, &e->options.state->keys, &bytes,
                                    &asking->pending);
        if (!err)
                err = grpc_channel_call(asking->channel, &request, &asking->call);
        if (!err)
                err = grpc_client_call_send(asking->call, bytes.bytes, bytes.len);
        if (!err)
                err = grpc_client_call_half_close(asking->call);
out:
        buffer_done(&bytes);
        return err;
}

static void on_connected(void *user, struct dial *dial, struct transport *transport,
                         const struct race_candidate *from)
{
        struct enroll *e = user;
        (void)from;
        for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
                struct asking *asking = &e->asking[i];
                if (asking->channel)
                        continue;
                int err = ask(asking, transport);
                if (err) {
                        log_debug("enrolment: %s", mesh_strerror(err));
                        asking->call = NULL;
                        reject(e, asking);
                }
                return;
        }
        dial_reject(dial, transport);
}

static void on_dial_failed(void *user, struct dial *dial, int err)
{
        struct enroll *e = user;
        (void)dial;
        e->dial = NULL;
        if (!e->refused) {
                char text[ENROLL_TEXT_LEN_MAX];
                (void)snprintf(text, sizeof(text),
                               "the coordinator %s port %u cannot be reached (%s); check that it "
                               "runs and that its port is open to this host",
                               e->key.host, e->key.port, mesh_strerror(err));
                set_result(e, GRPC_UNAVAILABLE, "unreachable", text);
        }
        if (!is_asking(e))
                round_over(e);
}

static const struct dial_events dial_events = { .connected = on_connected,
                                                .failed = on_dial_failed };

static void begin_round(struct enroll *e)
{
        struct ip_endpoint pins[AGENT_CONFIG_PINS_MAX];
        uint64_t now = now_ms(e);
        struct dial_options options = {
                .host = e->key.host,
                .port = e->key.port,
                .pins = pins,
                .pin_count = uplink_pins(e->options.state, e->options.config, e->key.port, pins,
                                         AGENT_CONFIG_PINS_MAX),
                .tls = e->options.tls,
                .tls_name = e->key.host,
                .timeout_ms = now < e->deadline_ms ? (uint32_t)(e->deadline_ms - now) : 1,
        };
        e->refused = false;
        int err = dial_start(e->options.loop, &options, &dial_events, e, &e->dial);
        if (err)
                on_dial_failed(e, NULL, err);
}

/* Nobody is left to ask. A refusal stands; what may pass is tried again while there is time. */
static void round_over(struct enroll *e)
{
        uint64_t now = now_ms(e);
        uint64_t wait_ms = 200 + backoff_draw(&e->backoff, false, e->options.env, now);
        if (!e->result.reason[0])
                set_result(e, GRPC_UNAVAILABLE, "unreachable",
                           "the coordinator did not answer; try again");
        if (e->refused || now + wait_ms >= e->deadline_ms)
                later(e, 0, finish);
        else
                later(e, wait_ms, begin_round);
}

/* ---- the beginning ---- */

/* What can be said without any network; false: it was, in the result. */
static bool check(struct enroll *e)
{
        struct agent_state *state = e->options.state;
        int err = setup_key_parse(e->options.setup_key, strlen(e->options.setup_key), &e->key);
        if (err) {
                set_result(e, GRPC_INVALID_ARGUMENT, "mistyped", enroll_mistyped_text(err));
                return false;
        }
        if (state->enrolled) {
                bool same =
                        memcmp(state->membership.coordinator, e->key.coordinator, KEY_BYTES) == 0;
                if (same)
                        e->result = (struct enroll_result){ .status = GRPC_OK, .unchanged = true };
                else
                        set_result(e, GRPC_FAILED_PRECONDITION, "other_mesh",
                                   "this host is a member of another mesh; leave it first: "
                                   "meshctl leave");
                return false;
        }
        err = agent_state_make_keys(state, e->options.env);
        if (err)
                refuse_local(e, err, "the node's keys could not be stored");
        return err == 0;
}

int enroll_start(const struct enroll_options *options, struct enroll **ret_enroll)
{
        struct enroll *e = calloc(1, sizeof(*e));
        if (!e)
                return MESH_ENOMEM;
        e->options = *options;
        int err = enroll_wishes_init(&e->wishes, options->name, options->tags, options->tag_count);
        if (err) {
                free(e);
                return err;
        }
        for (size_t i = 0; i < CONNECTIONS_MAX; i++)
                e->asking[i].enroll = e;
        e->backoff = (struct backoff){ .min_ms = 500,
                                       .max_ms = RETRY_MAX_MS,
                                       .late_ms = RETRY_MAX_MS,
                                       .late_after_ms = UINT64_MAX };
        e->deadline_ms =
                now_ms(e) + (options->timeout_ms ? options->timeout_ms : ENROLL_DEFAULT_MS);
        (void)uv_timer_init(options->loop, &e->timer);
        e->timer.data = e;
        bool ask_network = check(e);
        e->options.setup_key = NULL; /* the caller wipes it now */
        later(e, 0, ask_network ? begin_round : finish);
        *ret_enroll = e;
        return 0;
}
