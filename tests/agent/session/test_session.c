/* The session's machine on a virtual clock, against the coordinator's end of the channel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/session/session.h"
#include "common/arena.h"
#include "common/buffer.h"
#include "common/error.h"
#include "proto/channel.h"
#include "proto/convert.h"
#include "proto/pb.h"
#include "tests/support/seeded_env.h"

enum { FRAMES_MAX = 16 };

struct frame {
        unsigned attempt;
        uint8_t bytes[2048];
        size_t len;
};

/* The world around the session: the shell, and the coordinators at the other end. */
struct world {
        struct seeded_env e;
        struct session *session;
        struct identity coordinator, impostor, node;
        struct channel_ephemeral ephemeral, impostor_ephemeral;
        struct channel *ends[SESSION_ATTEMPTS_MAX]; /* the coordinator's, of each attempt */
        struct frame sent[FRAMES_MAX];
        size_t sent_count, taken;
        unsigned dials, hang_ups, accepts, rejects, beats, messages, welcomes;
        unsigned accepted;
        int dial_error, welcome_error;
        uint8_t node_id[NODE_ID_BYTES], token[INSTANCE_TOKEN_BYTES];
        bool has_token, has_position;
        struct position position;
        struct arena *arena;
};

/* ---- the hooks ---- */

static void describe(void *user, struct session_self *ret_self)
{
        struct world *w = user;
        *ret_self = (struct session_self){ .identity = &w->node,
                                           .coordinator = w->coordinator.public_key,
                                           .node_id = w->node_id,
                                           .token = w->has_token ? w->token : NULL,
                                           .position = w->has_position ? &w->position : NULL };
}

static int dial(void *user)
{
        struct world *w = user;
        w->dials++;
        return w->dial_error;
}

static int send_frame(void *user, unsigned attempt, const uint8_t *frame, size_t len)
{
        struct world *w = user;
        assert_true(w->sent_count < FRAMES_MAX && len <= sizeof(w->sent[0].bytes));
        struct frame *out = &w->sent[w->sent_count++];
        out->attempt = attempt;
        out->len = len;
        memcpy(out->bytes, frame, len);
        return 0;
}

static void accept_attempt(void *user, unsigned attempt)
{
        struct world *w = user;
        w->accepts++;
        w->accepted = attempt;
}

static void reject_attempt(void *user, unsigned attempt)
{
        struct world *w = user;
        (void)attempt;
        w->rejects++;
}

static void hang_up(void *user)
{
        ((struct world *)user)->hang_ups++;
}

static int welcomed(void *user, const Mesh__V1__WelcomeBody *welcome,
                    const struct session_route *route)
{
        struct world *w = user;
        (void)route;
        w->welcomes++;
        if (w->welcome_error)
                return w->welcome_error;
        memcpy(w->token, welcome->next_instance_token.data, INSTANCE_TOKEN_BYTES);
        w->has_token = true;
        return 0;
}

static void received(void *user, const Mesh__V1__CoordinatorMessage *message)
{
        struct world *w = user;
        assert_int_equal(message->body_case, MESH__V1__COORDINATOR_MESSAGE__BODY_LEFT);
        w->messages++;
}

static void beat(void *user)
{
        ((struct world *)user)->beats++;
}

static void entered(void *user, enum session_state state)
{
        (void)user;
        (void)state;
}

static const struct session_hooks hooks = {
        .describe = describe,
        .dial = dial,
        .send = send_frame,
        .accept = accept_attempt,
        .reject = reject_attempt,
        .hang_up = hang_up,
        .welcomed = welcomed,
        .received = received,
        .beat = beat,
        .entered = entered,
};

static int setup(void **state)
{
        static struct world world;
        struct world *w = &world;
        *w = (struct world){ .arena = arena_new(1 << 20) };
        seeded_env_init(&w->e, 11);
        identity_make(&w->e.env, &w->coordinator);
        identity_make(&w->e.env, &w->impostor);
        identity_make(&w->e.env, &w->node);
        memset(w->node_id, 0x4e, sizeof(w->node_id));
        w->session = session_new(&hooks, w, &w->e.env);
        *state = w;
        return channel_ephemeral_renew(&w->ephemeral, &w->coordinator, &w->e.env, 0) ||
               channel_ephemeral_renew(&w->impostor_ephemeral, &w->impostor, &w->e.env, 0);
}

static int teardown(void **state)
{
        struct world *w = *state;
        for (size_t i = 0; i < SESSION_ATTEMPTS_MAX; i++)
                channel_free(w->ends[i]);
        session_free(w->session);
        arena_free(w->arena);
        return 0;
}

/* ---- steps ---- */

static void pass(struct world *w, uint64_t ms)
{
        w->e.now_ms += ms;
        session_tick(w->session, w->e.now_ms);
}

static void assert_state(const struct world *w, enum session_state state)
{
        assert_string_equal(session_state_name(session_state(w->session)),
                            session_state_name(state));
}

static unsigned open_connection(struct world *w)
{
        struct session_route route = { .via = "pin" };
        unsigned attempt;
        route.remote = (struct ip_endpoint){ .addr = { .len = 4, .bytes = { 192, 0, 2, 1 } },
                                             .port = 443 };
        assert_int_equal(session_opened(w->session, &route, w->e.now_ms, &attempt), 0);
        return attempt;
}

static void say_hello(struct world *w, unsigned attempt, const struct identity *who,
                      const struct channel_ephemeral *ephemeral)
{
        struct buffer frame = buffer_with_max(CHANNEL_HELLO_MAX);
        channel_free(w->ends[attempt]);
        w->ends[attempt] = channel_new_coordinator(who, ephemeral, &w->e.env);
        assert_int_equal(channel_hello_make(w->ends[attempt], &frame), 0);
        session_received(w->session, attempt, frame.bytes, frame.len, w->e.now_ms);
        buffer_done(&frame);
}

/* The frame that the session sent next. */
static const struct frame *take(struct world *w)
{
        assert_true(w->taken < w->sent_count);
        return &w->sent[w->taken++];
}

static const Mesh__V1__ProofBody *take_proof(struct world *w, unsigned attempt)
{
        const Mesh__V1__ProofBody *body;
        const struct frame *hello = take(w), *proof = take(w);
        assert_int_equal(hello->attempt, attempt);
        assert_int_equal(channel_agent_hello_read(w->ends[attempt], hello->bytes, hello->len), 0);
        assert_int_equal(
                channel_proof_read(w->ends[attempt], proof->bytes, proof->len, w->arena, &body), 0);
        assert_int_equal(channel_proof_check(w->ends[attempt], w->node.public_key), 0);
        return body;
}

static void say_welcome(struct world *w, unsigned attempt)
{
        Mesh__V1__WelcomeBody body = MESH__V1__WELCOME_BODY__INIT;
        Mesh__V1__Epoch epoch = MESH__V1__EPOCH__INIT;
        struct buffer frame = buffer_with_max(CHANNEL_HANDSHAKE_MAX);
        uint8_t token[INSTANCE_TOKEN_BYTES] = { 0x77 };
        body.epoch = &epoch;
        body.next_instance_token = binary_of(token, sizeof(token));
        assert_int_equal(channel_welcome_make(w->ends[attempt], &body, &frame), 0);
        session_received(w->session, attempt, frame.bytes, frame.len, w->e.now_ms);
        buffer_done(&frame);
}

static void say(struct world *w, unsigned attempt, const Mesh__V1__CoordinatorMessage *message)
{
        struct buffer plain = buffer_with_max(1024), frame = buffer_with_max(2048);
        assert_int_equal(pb_pack(&message->base, &plain), 0);
        assert_int_equal(channel_seal(w->ends[attempt], plain.bytes, plain.len, &frame), 0);
        session_received(w->session, attempt, frame.bytes, frame.len, w->e.now_ms);
        buffer_done(&plain);
        buffer_done(&frame);
}

static void say_beat(struct world *w, unsigned attempt, uint64_t counter)
{
        Mesh__V1__CoordinatorMessage message = MESH__V1__COORDINATOR_MESSAGE__INIT;
        Mesh__V1__Heartbeat heartbeat = MESH__V1__HEARTBEAT__INIT;
        heartbeat.counter = counter;
        message.body_case = MESH__V1__COORDINATOR_MESSAGE__BODY_HEARTBEAT;
        message.heartbeat = &heartbeat;
        say(w, attempt, &message);
}

static unsigned connect_session(struct world *w)
{
        unsigned attempt = open_connection(w);
        say_hello(w, attempt, &w->coordinator, &w->ephemeral);
        (void)take_proof(w, attempt);
        say_welcome(w, attempt);
        assert_state(w, SESSION_CONNECTED);
        return attempt;
}

static void begin(struct world *w)
{
        session_start(w->session, w->e.now_ms);
        assert_state(w, SESSION_DIALLING);
}

/* ---- the way up ---- */

static void connects(void **state)
{
        struct world *w = *state;
        bool refused;
        assert_state(w, SESSION_IDLE);
        begin(w);
        unsigned attempt = open_connection(w);
        assert_state(w, SESSION_HELLO);
        say_hello(w, attempt, &w->coordinator, &w->ephemeral);
        assert_state(w, SESSION_PROOF);
        const Mesh__V1__ProofBody *body = take_proof(w, attempt);
        assert_memory_equal(body->node_id.data, w->node_id, NODE_ID_BYTES);
        assert_int_equal(body->instance_token.len, 0); /* the first connection */
        assert_null(body->position);
        say_welcome(w, attempt);
        assert_state(w, SESSION_CONNECTED);
        assert_int_equal(w->accepts, 1);
        assert_int_equal(w->dials, 1);
        assert_non_null(session_route(w->session));
        assert_string_equal(session_error(w->session, &refused), "");
        assert_false(refused);
}

static void proves_with_token_and_position(void **state)
{
        struct world *w = *state;
        w->has_token = w->has_position = true;
        memset(w->token, 0x55, sizeof(w->token));
        w->position.generation = 77;
        begin(w);
        unsigned attempt = open_connection(w);
        say_hello(w, attempt, &w->coordinator, &w->ephemeral);
        const Mesh__V1__ProofBody *body = take_proof(w, attempt);
        assert_memory_equal(body->instance_token.data, w->token, INSTANCE_TOKEN_BYTES);
        assert_int_equal(body->position->generation, 77);
        say_welcome(w, attempt);
        assert_int_equal(w->token[0], 0x77); /* the next one */
}

/* An impostor costs no time: rejected at once, the race goes on, and the pin wins. */
static void an_impostor_is_rejected_at_once(void **state)
{
        struct world *w = *state;
        begin(w);
        unsigned liar = open_connection(w);
        say_hello(w, liar, &w->impostor, &w->impostor_ephemeral);
        assert_int_equal(w->rejects, 1);
        assert_int_equal(w->sent_count, 0); /* and learnt nothing */
        assert_state(w, SESSION_DIALLING);
        (void)connect_session(w);
        assert_int_equal(w->dials, 1);
}

/* Two that prove themselves: only one gets a Proof, the other only when that one fails. */
static void one_proof_at_a_time(void **state)
{
        struct world *w = *state;
        begin(w);
        unsigned first = open_connection(w), second = open_connection(w);
        say_hello(w, first, &w->coordinator, &w->ephemeral);
        (void)take_proof(w, first);
        say_hello(w, second, &w->coordinator, &w->ephemeral);
        assert_int_equal(w->sent_count, 3); /* hello and proof of one, hello of the other */
        pass(w, SESSION_PROOF_MS);
        assert_int_equal(w->rejects, 1);
        assert_int_equal(w->sent_count, 4);
        (void)take_proof(w, second);
        say_welcome(w, second);
        assert_state(w, SESSION_CONNECTED);
        assert_int_equal(w->accepted, second);
}

static void a_silent_address_is_given_up(void **state)
{
        struct world *w = *state;
        begin(w);
        (void)open_connection(w);
        pass(w, SESSION_HELLO_MS - 1);
        assert_int_equal(w->rejects, 0);
        pass(w, 1);
        assert_int_equal(w->rejects, 1);
        assert_state(w, SESSION_DIALLING); /* the race may bring others */
        session_dial_failed(w->session, MESH_EUNREACH, w->e.now_ms);
        assert_state(w, SESSION_BACKOFF);
}

static void the_race_may_end_before_the_proof(void **state)
{
        struct world *w = *state;
        begin(w);
        unsigned attempt = open_connection(w);
        session_dial_failed(w->session, MESH_EUNREACH, w->e.now_ms);
        assert_state(w, SESSION_HELLO);
        session_closed(w->session, attempt, GRPC_UNAVAILABLE, "gone", w->e.now_ms);
        assert_state(w, SESSION_BACKOFF);
}

static void attempts_have_a_maximum(void **state)
{
        struct world *w = *state;
        struct session_route route = { .via = "pin" };
        unsigned attempt;
        assert_int_equal(session_opened(w->session, &route, 0, &attempt), MESH_ESTATE);
        begin(w);
        for (unsigned i = 0; i < SESSION_ATTEMPTS_MAX; i++)
                (void)open_connection(w);
        assert_int_equal(session_opened(w->session, &route, w->e.now_ms, &attempt), MESH_ELIMIT);
}

/* ---- connected ---- */

static void heartbeats_are_echoed(void **state)
{
        struct world *w = *state;
        begin(w);
        unsigned attempt = connect_session(w);
        pass(w, 10 * 1000);
        say_beat(w, attempt, 41);
        assert_int_equal(w->beats, 1);
        const struct frame *frame = take(w);
        struct buffer plain = buffer_with_max(1024);
        ProtobufCMessage *unpacked;
        assert_int_equal(channel_open(w->ends[attempt], frame->bytes, frame->len, &plain), 0);
        assert_int_equal(pb_unpack(&mesh__v1__agent_message__descriptor, plain.bytes, plain.len,
                                   w->arena, &unpacked),
                         0);
        const Mesh__V1__AgentMessage *echo = (const Mesh__V1__AgentMessage *)unpacked;
        assert_int_equal(echo->body_case, MESH__V1__AGENT_MESSAGE__BODY_HEARTBEAT);
        assert_int_equal(echo->heartbeat->counter, 41);
        assert_int_equal(session_heard_ms(w->session), w->e.now_ms);
        buffer_done(&plain);
}

static void silence_is_death_after_30_s(void **state)
{
        struct world *w = *state;
        bool refused;
        begin(w);
        unsigned attempt = connect_session(w);
        pass(w, 20 * 1000);
        say_beat(w, attempt, 1);
        pass(w, SESSION_SILENCE_MS - 1);
        assert_state(w, SESSION_CONNECTED);
        assert_int_equal(session_next_ms(w->session), w->e.now_ms + 1);
        pass(w, 1);
        assert_state(w, SESSION_BACKOFF);
        assert_non_null(strstr(session_error(w->session, &refused), "30 s"));
        assert_int_equal(w->hang_ups, 1);
}

static void other_messages_are_handed_on(void **state)
{
        struct world *w = *state;
        Mesh__V1__CoordinatorMessage message = MESH__V1__COORDINATOR_MESSAGE__INIT;
        Mesh__V1__Left left = MESH__V1__LEFT__INIT;
        begin(w);
        unsigned attempt = connect_session(w);
        message.body_case = MESH__V1__COORDINATOR_MESSAGE__BODY_LEFT;
        message.left = &left;
        say(w, attempt, &message);
        assert_int_equal(w->messages, 1);
}

static void a_forged_frame_ends_the_stream(void **state)
{
        struct world *w = *state;
        static const uint8_t forged[] = { 0x0a, 4, 1, 2, 3, 4 };
        begin(w);
        unsigned attempt = connect_session(w);
        session_received(w->session, attempt, forged, sizeof(forged), w->e.now_ms);
        assert_state(w, SESSION_BACKOFF);
        assert_int_equal(w->messages, 0);
}

static void sending_needs_a_connection(void **state)
{
        struct world *w = *state;
        Mesh__V1__AgentMessage message = MESH__V1__AGENT_MESSAGE__INIT;
        assert_int_equal(session_send(w->session, &message), MESH_ESTATE);
        begin(w);
        assert_int_equal(session_send(w->session, &message), MESH_ESTATE);
}

/* ---- the way back ---- */

/* Full jitter under a cap that doubles from 1 s to 15 s. */
static void backs_off_exponentially(void **state)
{
        struct world *w = *state;
        uint64_t longest = 0;
        begin(w);
        for (unsigned i = 0; i < 40; i++) {
                uint64_t cap = i < 4 ? UINT64_C(1000) << i : SESSION_BACKOFF_MAX_MS;
                session_dial_failed(w->session, MESH_EREFUSED, w->e.now_ms);
                assert_state(w, SESSION_BACKOFF);
                uint64_t wait = session_next_ms(w->session) - w->e.now_ms;
                if (wait > cap)
                        fail_msg("try %u waits %u ms", i, (unsigned)wait);
                longest = wait > longest ? wait : longest;
                pass(w, wait);
                assert_state(w, SESSION_DIALLING);
        }
        assert_true(longest > 10 * 1000);
        assert_int_equal(w->dials, 41);
}

static void waits_longer_only_after_an_hour(void **state)
{
        struct world *w = *state;
        uint64_t longest = 0;
        begin(w);
        w->e.now_ms += SESSION_LATE_AFTER_MS;
        for (unsigned i = 0; i < 40; i++) {
                session_dial_failed(w->session, MESH_EREFUSED, w->e.now_ms);
                uint64_t wait = session_next_ms(w->session) - w->e.now_ms;
                longest = wait > longest ? wait : longest;
                pass(w, wait);
        }
        assert_true(longest > SESSION_BACKOFF_MAX_MS && longest <= SESSION_BACKOFF_LATE_MS);
}

static void a_settled_stream_starts_from_1_s_again(void **state)
{
        struct world *w = *state;
        begin(w);
        for (unsigned i = 0; i < 10; i++) {
                session_dial_failed(w->session, MESH_EREFUSED, w->e.now_ms);
                pass(w, session_next_ms(w->session) - w->e.now_ms);
        }
        unsigned attempt = connect_session(w);
        w->e.now_ms += SESSION_SETTLED_MS;
        session_closed(w->session, attempt, GRPC_UNAVAILABLE, NULL, w->e.now_ms);
        assert_true(session_next_ms(w->session) - w->e.now_ms <= SESSION_BACKOFF_MIN_MS);
}

static void a_new_network_ends_the_wait(void **state)
{
        struct world *w = *state;
        begin(w);
        for (unsigned i = 0; i < 10; i++) {
                session_dial_failed(w->session, MESH_EREFUSED, w->e.now_ms);
                pass(w, session_next_ms(w->session) - w->e.now_ms);
        }
        session_dial_failed(w->session, MESH_EREFUSED, w->e.now_ms);
        session_network_changed(w->session, false, w->e.now_ms);
        assert_int_equal(session_next_ms(w->session), w->e.now_ms);
        pass(w, 0);
        assert_state(w, SESSION_DIALLING);
        session_network_changed(w->session, false, w->e.now_ms); /* during the race */
        session_dial_failed(w->session, MESH_EUNREACH, w->e.now_ms);
        assert_int_equal(session_next_ms(w->session), w->e.now_ms);
}

static void a_lost_local_address_ends_the_stream(void **state)
{
        struct world *w = *state;
        begin(w);
        (void)connect_session(w);
        session_network_changed(w->session, false, w->e.now_ms);
        assert_state(w, SESSION_CONNECTED);
        session_network_changed(w->session, true, w->e.now_ms);
        assert_state(w, SESSION_BACKOFF);
        assert_int_equal(session_next_ms(w->session), w->e.now_ms);
}

static const struct {
        enum grpc_status status;
        bool refusal;
} endings[] = {
        { GRPC_UNAUTHENTICATED, true },
        { GRPC_PERMISSION_DENIED, true },
        { GRPC_FAILED_PRECONDITION, true },
        { GRPC_UNAVAILABLE, false },
        { GRPC_RESOURCE_EXHAUSTED, false },
        { GRPC_ABORTED, false },
        { GRPC_OK, false },
};

static void tells_a_refusal_from_an_overload(void **state)
{
        struct world *w = *state;
        bool refused;
        begin(w);
        for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
                unsigned attempt = open_connection(w);
                say_hello(w, attempt, &w->coordinator, &w->ephemeral);
                session_closed(w->session, attempt, endings[i].status, "the reason", w->e.now_ms);
                const char *error = session_error(w->session, &refused);
                assert_int_equal(refused, endings[i].refusal);
                assert_non_null(strstr(error, endings[i].status == GRPC_OK
                                                      ? "the coordinator ended the stream"
                                                      : "the reason"));
                session_dial_failed(w->session, MESH_EUNREACH, w->e.now_ms);
                assert_state(w, SESSION_BACKOFF); /* for ever: it tries again */
                pass(w, session_next_ms(w->session) - w->e.now_ms);
                assert_state(w, SESSION_DIALLING);
        }
}

static void what_is_no_hello_is_an_impostor(void **state)
{
        static const struct {
                const char *name;
                uint8_t bytes[8];
                size_t len;
        } rows[] = {
                { "empty", { 0 }, 0 },
                { "an empty Hello", { 0x0a, 0 }, 2 },
                { "rubbish", { 0x0a, 3, 0xff, 0xff, 0xff }, 5 },
                { "no Frame", { 0xff, 0xff }, 2 },
        };
        struct world *w = *state;
        bool refused;
        begin(w);
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                unsigned attempt = open_connection(w);
                session_received(w->session, attempt, rows[i].bytes, rows[i].len, w->e.now_ms);
                if (!strstr(session_error(w->session, &refused), "not this mesh's coordinator"))
                        fail_msg("%s: %s", rows[i].name, session_error(w->session, &refused));
                assert_int_equal(w->rejects, i + 1);
                assert_int_equal(w->sent_count, 0);
        }
}

/* An impostor that replays the coordinator's Hello can refuse, too: it only loses its own turn. */
static void a_refusal_does_not_end_the_race(void **state)
{
        struct world *w = *state;
        bool refused;
        begin(w);
        unsigned liar = open_connection(w);
        say_hello(w, liar, &w->coordinator, &w->ephemeral);
        session_closed(w->session, liar, GRPC_UNAUTHENTICATED, "removed", w->e.now_ms);
        assert_state(w, SESSION_DIALLING);
        unsigned stranger = open_connection(w);
        session_closed(w->session, stranger, GRPC_UNAVAILABLE, "busy", w->e.now_ms);
        assert_non_null(strstr(session_error(w->session, &refused), "removed"));
        assert_true(refused); /* as long as nobody else is found */
        w->sent_count = w->taken = 0;
        connect_session(w);
        assert_state(w, SESSION_CONNECTED);
        assert_string_equal(session_error(w->session, &refused), "");
        assert_false(refused);
        assert_int_equal(w->dials, 1);
        assert_int_equal(w->hang_ups, 0);
}

/* Its text reaches the log, a terminal and JSON. */
static void a_strangers_text_is_made_printable(void **state)
{
        struct world *w = *state;
        bool refused;
        begin(w);
        unsigned attempt = open_connection(w);
        session_closed(w->session, attempt, GRPC_UNAVAILABLE, "\x1b[2J\n<3>forged\xff",
                       w->e.now_ms);
        assert_non_null(strstr(session_error(w->session, &refused), ": ?[2J?<3>forged?"));
}

/* Anybody can send a status; only who proved to be the coordinator can refuse. */
static void a_stranger_cannot_refuse(void **state)
{
        struct world *w = *state;
        bool refused;
        begin(w);
        unsigned attempt = open_connection(w);
        session_closed(w->session, attempt, GRPC_UNAUTHENTICATED, "go away", w->e.now_ms);
        (void)session_error(w->session, &refused);
        assert_false(refused);
        assert_state(w, SESSION_DIALLING);
        (void)connect_session(w);
}

static void an_older_epoch_is_not_followed(void **state)
{
        struct world *w = *state;
        bool refused;
        begin(w);
        unsigned attempt = open_connection(w);
        w->welcome_error = MESH_ESTATE;
        say_hello(w, attempt, &w->coordinator, &w->ephemeral);
        (void)take_proof(w, attempt);
        say_welcome(w, attempt);
        assert_state(w, SESSION_BACKOFF);
        assert_int_equal(w->accepts, 0);
        assert_non_null(strstr(session_error(w->session, &refused), "older state"));
        assert_true(refused);
}

/* Nothing is done with a Welcome that could not be stored. */
static void a_full_disk_keeps_the_token(void **state)
{
        struct world *w = *state;
        begin(w);
        unsigned attempt = open_connection(w);
        w->welcome_error = MESH_ENOSPC;
        say_hello(w, attempt, &w->coordinator, &w->ephemeral);
        (void)take_proof(w, attempt);
        say_welcome(w, attempt);
        assert_int_equal(w->accepts, 0);
        assert_int_equal(w->rejects, 1);
        assert_false(w->has_token);
}

static void stops_and_starts(void **state)
{
        struct world *w = *state;
        begin(w);
        (void)connect_session(w);
        session_stop(w->session);
        assert_state(w, SESSION_IDLE);
        assert_int_equal(w->hang_ups, 1);
        assert_int_equal(session_next_ms(w->session), UINT64_MAX);
        session_stop(w->session);
        assert_int_equal(w->hang_ups, 1);
        begin(w);
        (void)connect_session(w);
        assert_int_equal(session_entered_count(w->session, SESSION_CONNECTED), 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(connects),
                TEST(proves_with_token_and_position),
                TEST(an_impostor_is_rejected_at_once),
                TEST(one_proof_at_a_time),
                TEST(a_silent_address_is_given_up),
                TEST(the_race_may_end_before_the_proof),
                TEST(attempts_have_a_maximum),
                TEST(heartbeats_are_echoed),
                TEST(silence_is_death_after_30_s),
                TEST(other_messages_are_handed_on),
                TEST(a_forged_frame_ends_the_stream),
                TEST(sending_needs_a_connection),
                TEST(backs_off_exponentially),
                TEST(waits_longer_only_after_an_hour),
                TEST(a_settled_stream_starts_from_1_s_again),
                TEST(a_new_network_ends_the_wait),
                TEST(a_lost_local_address_ends_the_stream),
                TEST(tells_a_refusal_from_an_overload),
                TEST(what_is_no_hello_is_an_impostor),
                TEST(a_refusal_does_not_end_the_race),
                TEST(a_stranger_cannot_refuse),
                TEST(a_strangers_text_is_made_printable),
                TEST(an_older_epoch_is_not_followed),
                TEST(a_full_disk_keeps_the_token),
                TEST(stops_and_starts),
        };
        return cmocka_run_group_tests_name("agent/session/session", tests, NULL, NULL);
}
