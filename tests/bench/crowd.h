/* Agents for the load generator: each has its own keys, membership, TLS connection, gRPC client and
 * Sync session (agent/session/session.h), as mesh-agent has; but no kernel and no files.
 *
 * All of them live on one loop. Of what it is told an agent keeps its position and counts. */
#pragma once
#include <string.h>
#include <uv.h>

#include "agent/session/enroll_request.h"
#include "agent/session/session.h"
#include "common/arena.h"
#include "common/buffer.h"
#include "common/env.h"
#include "common/error.h"
#include "common/grpc/channel.h"
#include "common/net/tls.h"
#include "common/net/transport.h"
#include "proto/channel.h"
#include "proto/convert.h"
#include "tests/bench/coordinator_process.h"

enum { CROWD_TICK_MS = 50 };

struct crowd;

struct crowd_agent {
        struct crowd *crowd;
        struct keyring keys;
        uint8_t node_id[NODE_ID_BYTES], token[INSTANCE_TOKEN_BYTES];
        bool has_token;
        struct position position;
        bool has_position;
        struct session *session;
        enum session_state state;
        unsigned attempt;
        struct transport *transport; /* while it connects */
        struct grpc_channel *channel;
        struct grpc_client_call *call;
        struct enroll_pending pending; /* while it enrols */
};

struct crowd {
        uv_loop_t loop;
        uv_timer_t timer;
        struct tls_client *tls;
        struct ip_endpoint address;
        struct setup_key key; /* for enrolling */
        struct enroll_wishes wishes;
        struct crowd_agent *agents;
        size_t count;
        /* what happened */
        size_t enrolled, enrolling, connected;
        size_t snapshots, deltas, delta_bytes, resumed;
        double last_delta_s;
};

static inline uint64_t crowd_now_ms(void)
{
        return env_monotonic_ms(env_system());
}

static inline void crowd_hang_up(struct crowd_agent *a)
{
        static const struct transport_events nothing = { 0 };
        struct grpc_channel *channel = a->channel;
        struct transport *transport = a->transport;
        a->channel = NULL;
        a->call = NULL;
        a->transport = NULL;
        grpc_channel_free(channel);
        if (transport) {
                transport_listen_to(transport, &nothing, NULL);
                transport_abort(transport, MESH_ECLOSED);
        }
}

static inline int crowd_connect(struct crowd_agent *a, const struct transport_events *events)
{
        int err = transport_connect_tcp(&a->crowd->loop, &a->crowd->address, a->crowd->tls,
                                        "127.0.0.1", TRANSPORT_HANDSHAKE_MS, &a->transport);
        if (!err)
                transport_listen_to(a->transport, events, a);
        return err;
}

/* Makes the open transport a channel with one call. */
static inline int crowd_call(struct crowd_agent *a, struct transport *transport,
                             const struct grpc_client_request *request, uint32_t message_bytes)
{
        struct grpc_limits limits = grpc_limits_default();
        limits.message_bytes = message_bytes;
        struct grpc_channel_options options = { .authority = "127.0.0.1",
                                                .limits = &limits,
                                                .env = env_system() };
        a->transport = NULL;
        int err = grpc_channel_new(transport, &options, &a->channel);
        return err ? err : grpc_channel_call(a->channel, request, &a->call);
}

/* ---- enrolling ---- */

static inline void crowd_enroll_finished(void *user, struct grpc_client_call *call,
                                         const struct grpc_outcome *outcome)
{
        struct crowd_agent *a = user;
        (void)call;
        if (outcome->status != GRPC_OK)
                fail_msg("enrolment: %s", outcome->message);
        a->crowd->enrolling--;
        a->crowd->enrolled++;
        crowd_hang_up(a);
}

static inline void crowd_enroll_message(void *user, struct grpc_client_call *call,
                                        const uint8_t *bytes, size_t len)
{
        struct crowd_agent *a = user;
        const Mesh__V1__EnrollGrantBody *grant;
        struct arena *arena = arena_new(ENROLL_ARENA_BYTES);
        (void)call;
        assert_int_equal(
                enroll_reply_open(&a->pending, &a->keys.identity, bytes, len, arena, &grant), 0);
        memcpy(a->node_id, grant->node_id.data, NODE_ID_BYTES);
        arena_free(arena);
}

static inline void crowd_enroll_open(void *user, struct transport *transport)
{
        static const struct grpc_client_events events = { .message = crowd_enroll_message,
                                                          .finished = crowd_enroll_finished };
        struct crowd_agent *a = user;
        struct grpc_client_request request = { .path = "/mesh.v1.Enrollment/Enroll",
                                               .kind = GRPC_UNARY,
                                               .events = &events,
                                               .user = a };
        struct buffer bytes = buffer_with_max(ENROLL_MESSAGE_MAX);
        struct enroll_wishes *wishes = &a->crowd->wishes;
        (void)snprintf(wishes->name, sizeof(wishes->name), "host%zu",
                       (size_t)(a - a->crowd->agents));
        keyring_make(env_system(), &a->keys);
        assert_int_equal(
                enroll_wishes_request(wishes, &a->crowd->key, &a->keys, &bytes, &a->pending), 0);
        assert_int_equal(crowd_call(a, transport, &request, ENROLL_MESSAGE_MAX), 0);
        assert_int_equal(grpc_client_call_send(a->call, bytes.bytes, bytes.len), 0);
        assert_int_equal(grpc_client_call_half_close(a->call), 0);
        buffer_done(&bytes);
}

static inline void crowd_enroll_closed(void *user, struct transport *transport, int err)
{
        (void)user;
        (void)transport;
        fail_msg("enrolment: %s", mesh_strerror(err));
}

static inline void crowd_enroll(struct crowd_agent *a)
{
        static const struct transport_events events = { .open = crowd_enroll_open,
                                                        .close = crowd_enroll_closed };
        a->crowd->enrolling++;
        assert_int_equal(crowd_connect(a, &events), 0);
}

/* ---- the Sync session ---- */

static inline void crowd_sync_message(void *user, struct grpc_client_call *call,
                                      const uint8_t *bytes, size_t len)
{
        struct crowd_agent *a = user;
        if (a->call != call)
                return;
        a->crowd->delta_bytes = len; /* of the last frame, if it is a delta */
        session_received(a->session, a->attempt, bytes, len, crowd_now_ms());
}

static inline void crowd_sync_finished(void *user, struct grpc_client_call *call,
                                       const struct grpc_outcome *outcome)
{
        struct crowd_agent *a = user;
        if (a->call != call)
                return;
        a->call = NULL;
        session_closed(a->session, a->attempt, outcome->status, outcome->message, crowd_now_ms());
}

static inline void crowd_sync_open(void *user, struct transport *transport)
{
        static const struct grpc_client_events events = { .message = crowd_sync_message,
                                                          .finished = crowd_sync_finished };
        struct crowd_agent *a = user;
        struct session_route route = { .via = "pin" };
        struct grpc_client_request request = {
                .path = "/mesh.v1.Agent/Sync", .kind = GRPC_BIDI, .events = &events, .user = a
        };
        assert_int_equal(session_opened(a->session, &route, crowd_now_ms(), &a->attempt), 0);
        assert_int_equal(crowd_call(a, transport, &request, CHANNEL_FRAME_MAX), 0);
}

static inline void crowd_sync_closed(void *user, struct transport *transport, int err)
{
        struct crowd_agent *a = user;
        (void)transport;
        a->transport = NULL;
        session_dial_failed(a->session, err, crowd_now_ms());
}

static inline int crowd_hook_dial(void *user)
{
        static const struct transport_events events = { .open = crowd_sync_open,
                                                        .close = crowd_sync_closed };
        struct crowd_agent *a = user;
        return crowd_connect(a, &events);
}

static inline void crowd_hook_describe(void *user, struct session_self *ret_self)
{
        struct crowd_agent *a = user;
        *ret_self = (struct session_self){ .identity = &a->keys.identity,
                                           .coordinator = a->crowd->key.coordinator,
                                           .node_id = a->node_id,
                                           .token = a->has_token ? a->token : NULL,
                                           .position = a->has_position ? &a->position : NULL };
}

static inline int crowd_hook_send(void *user, unsigned attempt, const uint8_t *frame, size_t len)
{
        struct crowd_agent *a = user;
        (void)attempt;
        return a->call ? grpc_client_call_send(a->call, frame, len) : MESH_ECLOSED;
}

static inline void crowd_hook_accept(void *user, unsigned attempt)
{
        (void)user;
        (void)attempt;
}

static inline void crowd_hook_reject(void *user, unsigned attempt)
{
        (void)attempt;
        crowd_hang_up(user);
}

static inline void crowd_hook_hang_up(void *user)
{
        crowd_hang_up(user);
}

static inline int crowd_hook_welcomed(void *user, const Mesh__V1__WelcomeBody *welcome,
                                      const struct session_route *route)
{
        struct crowd_agent *a = user;
        (void)route;
        a->has_token = binary_read(&welcome->next_instance_token, a->token, sizeof(a->token)) == 0;
        a->crowd->resumed += welcome->resumed ? 1 : 0;
        return 0;
}

static inline void crowd_hook_received(void *user, const Mesh__V1__CoordinatorMessage *message)
{
        struct crowd_agent *a = user;
        const Mesh__V1__Position *position = NULL;
        if (message->body_case == MESH__V1__COORDINATOR_MESSAGE__BODY_SNAPSHOT) {
                if (!message->snapshot->last)
                        return;
                a->crowd->snapshots++;
                position = message->snapshot->position;
        } else if (message->body_case == MESH__V1__COORDINATOR_MESSAGE__BODY_DELTA) {
                a->crowd->deltas++;
                a->crowd->last_delta_s = bench_now_s();
                position = message->delta->to;
        }
        if (position)
                a->has_position = position_from_message(position, &a->position) == 0;
}

static inline void crowd_hook_beat(void *user)
{
        (void)user;
}

static inline void crowd_hook_entered(void *user, enum session_state state)
{
        struct crowd_agent *a = user;
        if (a->state == SESSION_CONNECTED)
                a->crowd->connected--;
        if (state == SESSION_CONNECTED)
                a->crowd->connected++;
        a->state = state;
}

static const struct session_hooks crowd_hooks = {
        .describe = crowd_hook_describe,
        .dial = crowd_hook_dial,
        .send = crowd_hook_send,
        .accept = crowd_hook_accept,
        .reject = crowd_hook_reject,
        .hang_up = crowd_hook_hang_up,
        .welcomed = crowd_hook_welcomed,
        .received = crowd_hook_received,
        .beat = crowd_hook_beat,
        .entered = crowd_hook_entered,
};

/* ---- the crowd ---- */

static inline void crowd_tick(uv_timer_t *timer)
{
        struct crowd *crowd = timer->data;
        uint64_t now = crowd_now_ms();
        for (size_t i = 0; i < crowd->count; i++)
                if (crowd->agents[i].session && session_next_ms(crowd->agents[i].session) <= now)
                        session_tick(crowd->agents[i].session, now);
}

static inline void crowd_init(struct crowd *crowd, size_t count, const struct ip_endpoint *address)
{
        memset(crowd, 0, sizeof(*crowd));
        crowd->count = count;
        crowd->address = *address;
        crowd->agents = calloc(count, sizeof(struct crowd_agent));
        assert_non_null(crowd->agents);
        assert_int_equal(uv_loop_init(&crowd->loop), 0);
        assert_int_equal(uv_timer_init(&crowd->loop, &crowd->timer), 0);
        crowd->timer.data = crowd;
        assert_int_equal(uv_timer_start(&crowd->timer, crowd_tick, CROWD_TICK_MS, CROWD_TICK_MS),
                         0);
        assert_int_equal(tls_client_new("/nonexistent", &crowd->tls), 0);
        for (size_t i = 0; i < count; i++) {
                struct crowd_agent *a = &crowd->agents[i];
                a->crowd = crowd;
                a->session = session_new(&crowd_hooks, a, env_system());
                assert_non_null(a->session);
        }
}

static inline void crowd_done(struct crowd *crowd)
{
        for (size_t i = 0; i < crowd->count; i++)
                session_stop(crowd->agents[i].session);
        uv_close((uv_handle_t *)&crowd->timer, NULL);
        uv_run(&crowd->loop, UV_RUN_DEFAULT);
        assert_int_equal(uv_loop_close(&crowd->loop), 0);
        for (size_t i = 0; i < crowd->count; i++) {
                session_free(crowd->agents[i].session);
                keyring_done(&crowd->agents[i].keys);
        }
        tls_client_free(crowd->tls);
        free(crowd->agents);
}

/* Runs the loop until the counter *COUNTER is WANTED; fails after SECONDS. */
static inline void crowd_until(struct crowd *crowd, const size_t *counter, size_t wanted,
                               double seconds, const char *what)
{
        double end = bench_now_s() + seconds;
        while (*counter < wanted) {
                uv_run(&crowd->loop, UV_RUN_ONCE);
                if (bench_now_s() > end)
                        fail_msg("%s: %zu of %zu after %.0f s", what, *counter, wanted, seconds);
        }
}

static inline void crowd_wait(struct crowd *crowd, double seconds)
{
        double end = bench_now_s() + seconds;
        while (bench_now_s() < end)
                uv_run(&crowd->loop, UV_RUN_ONCE);
}
