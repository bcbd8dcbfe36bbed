/* The Sync channel: handshake of both ends, and those who stand between them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "common/arena.h"
#include "common/buffer.h"
#include "common/error.h"
#include "proto/channel.h"
#include "proto/convert.h"
#include "proto/frame.h"
#include "proto/pb.h"
#include "tests/support/seeded_env.h"

enum { NODE_ID_FILL = 0x4e };

struct world {
        struct seeded_env e;
        struct identity coordinator, node, stranger;
        struct channel_ephemeral ephemeral;
        struct channel *at_coordinator, *at_agent;
        struct buffer hello, agent_hello, proof, welcome, plain;
        struct arena *arena;
};

static void begin(struct world *w)
{
        channel_free(w->at_coordinator);
        channel_free(w->at_agent);
        w->at_coordinator = channel_new_coordinator(&w->coordinator, &w->ephemeral, &w->e.env);
        w->at_agent = channel_new_agent(w->coordinator.public_key, &w->e.env);
        assert_non_null(w->at_coordinator);
        assert_non_null(w->at_agent);
        struct buffer *const buffers[] = { &w->hello, &w->agent_hello, &w->proof, &w->welcome,
                                           &w->plain };
        for (size_t i = 0; i < 5; i++)
                buffer_clear(buffers[i]);
        arena_clear(w->arena);
}

static int setup(void **state)
{
        static struct world world;
        struct world *w = &world;
        *w = (struct world){ .arena = arena_new(CHANNEL_ARENA_BYTES) };
        seeded_env_init(&w->e, 9);
        identity_make(&w->e.env, &w->coordinator);
        identity_make(&w->e.env, &w->node);
        identity_make(&w->e.env, &w->stranger);
        w->hello = w->agent_hello = w->proof = w->welcome = buffer_with_max(CHANNEL_FRAME_MAX);
        w->plain = buffer_with_max(CHANNEL_PLAIN_MAX);
        *state = w;
        int err = channel_ephemeral_renew(&w->ephemeral, &w->coordinator, &w->e.env, 0);
        begin(w);
        return err;
}

static int teardown(void **state)
{
        struct world *w = *state;
        channel_free(w->at_coordinator);
        channel_free(w->at_agent);
        channel_ephemeral_done(&w->ephemeral);
        buffer_done(&w->hello);
        buffer_done(&w->agent_hello);
        buffer_done(&w->proof);
        buffer_done(&w->welcome);
        buffer_done(&w->plain);
        arena_free(w->arena);
        return 0;
}

/* ---- the steps, in order; each returns the receiver's verdict ---- */

static int step_hello(struct world *w)
{
        assert_int_equal(channel_hello_make(w->at_coordinator, &w->hello), 0);
        return channel_hello_read(w->at_agent, w->hello.bytes, w->hello.len, &w->agent_hello);
}

static int step_agent_hello(struct world *w)
{
        return channel_agent_hello_read(w->at_coordinator, w->agent_hello.bytes,
                                        w->agent_hello.len);
}

static int make_proof(struct world *w, const struct identity *node)
{
        uint8_t id[NODE_ID_BYTES];
        Mesh__V1__ProofBody body = MESH__V1__PROOF_BODY__INIT;
        memset(id, NODE_ID_FILL, sizeof(id));
        body.node_id = binary_of(id, sizeof(id));
        return channel_proof_make(w->at_agent, node, &body, &w->proof);
}

static int read_proof(struct world *w)
{
        const Mesh__V1__ProofBody *body;
        int err = channel_proof_read(w->at_coordinator, w->proof.bytes, w->proof.len, w->arena,
                                     &body);
        if (!err) {
                assert_int_equal(body->node_id.data[0], NODE_ID_FILL);
                assert_int_equal(body->nonce.len, 32);
        }
        return err;
}

static int make_welcome(struct world *w)
{
        uint8_t token[INSTANCE_TOKEN_BYTES] = { 5 };
        Mesh__V1__WelcomeBody body = MESH__V1__WELCOME_BODY__INIT;
        body.next_instance_token = binary_of(token, sizeof(token));
        body.name = "alpha";
        return channel_welcome_make(w->at_coordinator, &body, &w->welcome);
}

static int read_welcome(struct world *w)
{
        const Mesh__V1__WelcomeBody *body;
        int err = channel_welcome_read(w->at_agent, w->welcome.bytes, w->welcome.len, w->arena,
                                       &body);
        if (!err)
                assert_string_equal(body->name, "alpha");
        return err;
}

static void shake_hands(struct world *w)
{
        begin(w);
        assert_int_equal(step_hello(w), 0);
        assert_int_equal(step_agent_hello(w), 0);
        assert_int_equal(make_proof(w, &w->node), 0);
        assert_int_equal(read_proof(w), 0);
        assert_int_equal(channel_proof_check(w->at_coordinator, w->node.public_key), 0);
        assert_false(channel_is_open(w->at_coordinator));
        assert_int_equal(make_welcome(w), 0);
        assert_false(channel_is_open(w->at_agent));
        assert_int_equal(read_welcome(w), 0);
        assert_true(channel_is_open(w->at_coordinator));
        assert_true(channel_is_open(w->at_agent));
}

static int pass(struct world *w, struct channel *from, struct channel *to, const void *bytes,
                size_t len)
{
        struct buffer frame = buffer_with_max(CHANNEL_FRAME_MAX);
        assert_int_equal(channel_seal(from, bytes, len, &frame), 0);
        if (len >= 4)
                assert_null(memmem(frame.bytes, frame.len, bytes, len));
        buffer_clear(&w->plain);
        int err = channel_open(to, frame.bytes, frame.len, &w->plain);
        if (!err) {
                assert_int_equal(w->plain.len, len);
                if (len > 0)
                        assert_memory_equal(w->plain.bytes, bytes, len);
        }
        buffer_done(&frame);
        return err;
}

static void there_and_back(void **state)
{
        static uint8_t big[CHANNEL_PLAIN_MAX + 1];
        struct world *w = *state;
        shake_hands(w);
        for (size_t i = 0; i < 100; i++) {
                assert_int_equal(pass(w, w->at_coordinator, w->at_agent, "delta one", 9), 0);
                assert_int_equal(pass(w, w->at_agent, w->at_coordinator, "report", 6), 0);
        }
        assert_int_equal(pass(w, w->at_agent, w->at_coordinator, NULL, 0), 0);
        assert_int_equal(pass(w, w->at_agent, w->at_coordinator, big, CHANNEL_PLAIN_MAX), 0);
        struct buffer frame = buffer_with_max(CHANNEL_FRAME_MAX);
        assert_int_equal(channel_seal(w->at_agent, big, CHANNEL_PLAIN_MAX, &frame), 0);
        assert_true(frame.len <= CHANNEL_FRAME_MAX);
        assert_int_equal(channel_open(w->at_coordinator, frame.bytes, frame.len, &w->plain),
                         MESH_ELIMIT); /* the buffer holds one already */
        assert_int_equal(channel_open(w->at_coordinator, frame.bytes, frame.len, &w->plain),
                         MESH_ESTATE);
        buffer_done(&frame);
}

/* A refused seal leaves the channel as it was. */
static void seal_that_fails_harms_nothing(void **state)
{
        static uint8_t big[CHANNEL_PLAIN_MAX + 1];
        struct world *w = *state;
        struct buffer small = buffer_with_max(8), large = buffer_with_max(2 * CHANNEL_FRAME_MAX);
        shake_hands(w);
        assert_int_equal(channel_seal(w->at_agent, big, sizeof(big), &large), MESH_ELIMIT);
        assert_int_equal(large.len, 0);
        assert_int_equal(channel_seal(w->at_agent, "report", 6, &small), MESH_ELIMIT);
        assert_int_equal(pass(w, w->at_agent, w->at_coordinator, "report", 6), 0);
        buffer_done(&small);
        buffer_done(&large);
}

/* ---- attacks on the handshake ---- */

static struct buffer *const *frames_of(struct world *w)
{
        static struct buffer *frames[4];
        frames[0] = &w->hello;
        frames[1] = &w->agent_hello;
        frames[2] = &w->proof;
        frames[3] = &w->welcome;
        return frames;
}

/* Runs the handshake and lets MEDDLE have frame WHICH on its way. The first refusal of either end,
 * or 0. */
static int shake_with(struct world *w, size_t which, void (*meddle)(struct buffer *, size_t),
                      size_t how)
{
        begin(w);
        assert_int_equal(channel_hello_make(w->at_coordinator, &w->hello), 0);
        for (size_t step = 0; step < 4; step++) {
                int err = 0;
                if (step == 2)
                        assert_int_equal(make_proof(w, &w->node), 0);
                if (step == 3)
                        assert_int_equal(make_welcome(w), 0);
                if (step == which)
                        meddle(frames_of(w)[step], how);
                if (step == 0)
                        err = channel_hello_read(w->at_agent, w->hello.bytes, w->hello.len,
                                                 &w->agent_hello);
                else if (step == 1)
                        err = step_agent_hello(w);
                else if (step == 2)
                        err = read_proof(w);
                else
                        err = read_welcome(w);
                if (!err && step == 2)
                        err = channel_proof_check(w->at_coordinator, w->node.public_key);
                if (err)
                        return err;
        }
        return 0;
}

static void flip(struct buffer *frame, size_t at)
{
        frame->bytes[at] ^= 0x08;
}

static void cut(struct buffer *frame, size_t at)
{
        frame->len = at;
}

static void keep(struct buffer *frame, size_t at)
{
        (void)frame;
        (void)at;
}

static void every_byte_of_the_handshake_counts(void **state)
{
        struct world *w = *state;
        for (size_t which = 0; which < 4; which++) {
                assert_int_equal(shake_with(w, which, keep, 0), 0);
                size_t len = frames_of(w)[which]->len;
                assert_true(len > 30);
                for (size_t at = 0; at < len; at++) {
                        int err = shake_with(w, which, flip, at);
                        if (err != MESH_EAUTH && err != MESH_EPROTO)
                                fail_msg("frame %zu, byte %zu: %s", which, at, mesh_strerror(err));
                        err = shake_with(w, which, cut, at);
                        if (err != MESH_EAUTH && err != MESH_EPROTO)
                                fail_msg("frame %zu cut at %zu: %s", which, at, mesh_strerror(err));
                }
        }
}

static void impostors(void **state)
{
        struct world *w = *state;
        struct channel_ephemeral strangers = { .made = false };

        /* Somebody else's identity. */
        channel_ephemeral_renew(&strangers, &w->stranger, &w->e.env, 0);
        channel_free(w->at_coordinator);
        w->at_coordinator = channel_new_coordinator(&w->stranger, &strangers, &w->e.env);
        assert_int_equal(step_hello(w), MESH_EAUTH);
        assert_int_equal(w->agent_hello.len, 0);

        /* The coordinator's signed ephemeral, replayed without its secret: the agent's Proof
         * cannot be read. */
        begin(w);
        struct channel_ephemeral stolen = w->ephemeral;
        memcpy(stolen.pair.secret, strangers.pair.secret, KEY_BYTES);
        channel_free(w->at_coordinator);
        w->at_coordinator = channel_new_coordinator(&w->coordinator, &stolen, &w->e.env);
        assert_int_equal(step_hello(w), 0);
        assert_int_equal(step_agent_hello(w), 0);
        assert_int_equal(make_proof(w, &w->node), 0);
        assert_int_equal(read_proof(w), MESH_EAUTH);

        /* An ephemeral secret that leaked, without the identity: Welcome is refused. */
        begin(w);
        struct identity thief = w->stranger;
        memcpy(thief.public_key, w->coordinator.public_key, KEY_BYTES);
        channel_free(w->at_coordinator);
        w->at_coordinator = channel_new_coordinator(&thief, &w->ephemeral, &w->e.env);
        assert_int_equal(step_hello(w), 0);
        assert_int_equal(step_agent_hello(w), 0);
        assert_int_equal(make_proof(w, &w->node), 0);
        assert_int_equal(read_proof(w), 0);
        assert_int_equal(channel_proof_check(w->at_coordinator, w->node.public_key), 0);
        assert_int_equal(make_welcome(w), 0);
        assert_int_equal(read_welcome(w), MESH_EAUTH);
}

static void false_nodes(void **state)
{
        struct world *w = *state;
        const struct {
                const char *name;
                const struct identity *proves;
                const uint8_t *looked_up;
        } cases[] = {
                { "another's key", &w->stranger, w->node.public_key },
                { "another's node id", &w->node, w->stranger.public_key },
                { "no such node", &w->node, NULL },
                { "no such node, coordinator's own key", &w->coordinator, NULL },
        };
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                begin(w);
                assert_int_equal(step_hello(w), 0);
                assert_int_equal(step_agent_hello(w), 0);
                assert_int_equal(make_proof(w, cases[i].proves), 0);
                assert_int_equal(read_proof(w), 0);
                if (channel_proof_check(w->at_coordinator, cases[i].looked_up) != MESH_EAUTH)
                        fail_msg("%s", cases[i].name);
                assert_int_equal(make_welcome(w), MESH_ESTATE);
        }
}

/* Frames of one connection are of no use in another, even of the same minute. */
static void replays_across_connections(void **state)
{
        struct world *w = *state;
        shake_hands(w);
        struct buffer proof = buffer_with_max(CHANNEL_FRAME_MAX);
        struct buffer agent_hello = buffer_with_max(CHANNEL_FRAME_MAX);
        struct buffer welcome = buffer_with_max(CHANNEL_FRAME_MAX);
        buffer_put(&proof, w->proof.bytes, w->proof.len);
        buffer_put(&agent_hello, w->agent_hello.bytes, w->agent_hello.len);
        buffer_put(&welcome, w->welcome.bytes, w->welcome.len);

        begin(w); /* the whole agent side, replayed */
        assert_int_equal(channel_hello_make(w->at_coordinator, &w->hello), 0);
        assert_int_equal(
                channel_agent_hello_read(w->at_coordinator, agent_hello.bytes, agent_hello.len), 0);
        const Mesh__V1__ProofBody *proof_body;
        assert_int_equal(channel_proof_read(w->at_coordinator, proof.bytes, proof.len, w->arena,
                                            &proof_body),
                         MESH_EAUTH);

        begin(w); /* an old Welcome */
        assert_int_equal(step_hello(w), 0);
        assert_int_equal(make_proof(w, &w->node), 0);
        const Mesh__V1__WelcomeBody *welcome_body;
        assert_int_equal(channel_welcome_read(w->at_agent, welcome.bytes, welcome.len, w->arena,
                                              &welcome_body),
                         MESH_EAUTH);
        buffer_done(&proof);
        buffer_done(&agent_hello);
        buffer_done(&welcome);
}

static void put_clear_agent_hello(struct buffer *frame, const void *ephemeral, size_t len)
{
        struct buffer hello = buffer_with_max(2 * CHANNEL_HELLO_MAX);
        Mesh__V1__AgentHello message = MESH__V1__AGENT_HELLO__INIT;
        message.ephemeral = binary_of(ephemeral, len);
        assert_int_equal(pb_pack(&message.base, &hello), 0);
        uint8_t *data = frame_extend(frame, hello.len);
        assert_non_null(data);
        memcpy(data, hello.bytes, hello.len);
        buffer_done(&hello);
}

static void agent_ephemerals(void **state)
{
        static uint8_t long_one[CHANNEL_HELLO_MAX], zero[KEY_BYTES], one[KEY_BYTES] = { 1 };
        static const struct {
                const char *name;
                const uint8_t *bytes;
                size_t len;
                int expected;
        } cases[] = {
                { "all zero", zero, KEY_BYTES, MESH_EAUTH },
                { "order 1", one, KEY_BYTES, MESH_EAUTH },
                { "a byte short", one, KEY_BYTES - 1, MESH_EPROTO },
                { "a byte too long", long_one, KEY_BYTES + 1, MESH_EPROTO },
                { "over the limit", long_one, sizeof(long_one), MESH_EPROTO },
        };
        struct world *w = *state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                begin(w);
                assert_int_equal(channel_hello_make(w->at_coordinator, &w->hello), 0);
                put_clear_agent_hello(&w->agent_hello, cases[i].bytes, cases[i].len);
                int err = step_agent_hello(w);
                if (err != cases[i].expected)
                        fail_msg("%s: %s", cases[i].name, mesh_strerror(err));
                assert_int_equal(step_agent_hello(w), MESH_ESTATE);
        }
}

/* A Hello of a newer version has more fields; they are part of what is signed. */
static void newer_hello_is_read(void **state)
{
        struct world *w = *state;
        uint8_t key[KEY_BYTES], more[KEY_BYTES + 8] = { 0x0a, KEY_BYTES };
        struct x25519_pair pair;
        x25519_pair_make(&w->e.env, &pair);
        memcpy(key, pair.public_key, KEY_BYTES);
        memcpy(more + 2, key, KEY_BYTES);
        memcpy(more + 2 + KEY_BYTES,
               "\x7a\x04"
               "more",
               6);
        assert_int_equal(channel_hello_make(w->at_coordinator, &w->hello), 0);
        memcpy(frame_extend(&w->agent_hello, sizeof(more)), more, sizeof(more));
        assert_int_equal(step_agent_hello(w), 0);
}

static int call_everything(struct world *w, struct channel *ch, size_t which)
{
        const Mesh__V1__ProofBody *proof;
        const Mesh__V1__WelcomeBody *welcome;
        Mesh__V1__ProofBody proof_body = MESH__V1__PROOF_BODY__INIT;
        Mesh__V1__WelcomeBody welcome_body = MESH__V1__WELCOME_BODY__INIT;
        const uint8_t frame[] = { 0x0a, 1, 0 };
        switch (which) {
        case 0:
                return channel_hello_make(ch, &w->plain);
        case 1:
                return channel_agent_hello_read(ch, frame, sizeof(frame));
        case 2:
                return channel_proof_read(ch, frame, sizeof(frame), w->arena, &proof);
        case 3:
                return channel_proof_check(ch, w->node.public_key);
        case 4:
                return channel_welcome_make(ch, &welcome_body, &w->plain);
        case 5:
                return channel_hello_read(ch, frame, sizeof(frame), &w->plain);
        case 6:
                return channel_proof_make(ch, &w->node, &proof_body, &w->plain);
        case 7:
                return channel_welcome_read(ch, frame, sizeof(frame), w->arena, &welcome);
        case 8:
                return channel_seal(ch, "x", 1, &w->plain);
        default:
                return channel_open(ch, frame, sizeof(frame), &w->plain);
        }
}

/* Each step at each time that is not its own kills the channel. */
static void steps_out_of_order(void **state)
{
        enum { CALLS = 10, MOMENTS = 8 };
        /* The call whose turn it is, after so many steps of a handshake: coordinator's end, then
         * the agent's. Open channels take 8 and 9. */
        static const size_t turn[MOMENTS] = { 0, 1, 2, 3, 4, 5, 6, 7 };
        struct world *w = *state;
        for (size_t moment = 0; moment < MOMENTS; moment++) {
                for (size_t call = 0; call < CALLS; call++) {
                        begin(w);
                        struct channel *ch = moment < 5 ? w->at_coordinator : w->at_agent;
                        if (moment > 0 && moment != 5)
                                assert_int_equal(step_hello(w), 0);
                        if (moment > 1 && moment < 5)
                                assert_int_equal(step_agent_hello(w), 0);
                        if ((moment > 2 && moment < 5) || moment == 7)
                                assert_int_equal(make_proof(w, &w->node), 0);
                        if (moment > 2 && moment < 5)
                                assert_int_equal(read_proof(w), 0);
                        if (moment == 4)
                                assert_int_equal(channel_proof_check(ch, w->node.public_key), 0);
                        if (call == turn[moment])
                                continue;
                        assert_int_equal(call_everything(w, ch, call), MESH_EPROTO);
                        for (size_t again = 0; again < CALLS; again++)
                                assert_int_equal(call_everything(w, ch, again), MESH_ESTATE);
                }
        }
        for (size_t call = 0; call < 8; call++) {
                shake_hands(w);
                assert_int_equal(call_everything(w, w->at_agent, call), MESH_EPROTO);
                assert_int_equal(call_everything(w, w->at_agent, 8), MESH_ESTATE);
        }
}

/* ---- attacks on the open channel ---- */

static void seal_three(struct world *w, struct buffer frames[3])
{
        static const char *const texts[] = { "first", "second", "third" };
        shake_hands(w);
        for (size_t i = 0; i < 3; i++) {
                frames[i] = buffer_with_max(CHANNEL_FRAME_MAX);
                assert_int_equal(
                        channel_seal(w->at_coordinator, texts[i], strlen(texts[i]), &frames[i]), 0);
        }
}

static int open_at(struct world *w, struct channel *ch, const struct buffer *frame)
{
        size_t before = w->plain.len;
        int err = channel_open(ch, frame->bytes, frame->len, &w->plain);
        if (err)
                assert_int_equal(w->plain.len, before);
        return err;
}

static void frames_out_of_order(void **state)
{
        static const struct {
                const char *name;
                size_t order[3], count;
        } cases[] = {
                { "repeated", { 0, 0 }, 2 },          { "swapped", { 1, 0 }, 1 },
                { "first missing", { 1 }, 1 },        { "middle missing", { 0, 2 }, 2 },
                { "repeated later", { 0, 1, 0 }, 3 },
        };
        struct world *w = *state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct buffer frames[3];
                seal_three(w, frames);
                for (size_t k = 0; k < cases[i].count; k++) {
                        bool last = k + 1 == cases[i].count;
                        int err = open_at(w, w->at_agent, &frames[cases[i].order[k]]);
                        if (err != (last ? MESH_EAUTH : 0))
                                fail_msg("%s, %zu: %s", cases[i].name, k, mesh_strerror(err));
                }
                assert_false(channel_is_open(w->at_agent));
                assert_int_equal(open_at(w, w->at_agent, &frames[0]), MESH_ESTATE);
                for (size_t k = 0; k < 3; k++)
                        buffer_done(&frames[k]);
        }
}

static void every_byte_of_a_frame_counts(void **state)
{
        struct world *w = *state;
        struct buffer frames[3];
        seal_three(w, frames);
        size_t len = frames[0].len;
        for (size_t k = 0; k < 3; k++)
                buffer_done(&frames[k]);
        for (size_t at = 0; at < 2 * len; at++) {
                seal_three(w, frames);
                if (at < len)
                        flip(&frames[0], at);
                else
                        cut(&frames[0], at - len);
                int err = open_at(w, w->at_agent, &frames[0]);
                if (err != MESH_EAUTH && err != MESH_EPROTO)
                        fail_msg("byte %zu: %s", at, mesh_strerror(err));
                assert_int_equal(open_at(w, w->at_agent, &frames[1]), MESH_ESTATE);
                for (size_t k = 0; k < 3; k++)
                        buffer_done(&frames[k]);
        }
}

/* What the coordinator sent comes back to it as if from the agent. */
static void reflection(void **state)
{
        struct world *w = *state;
        struct buffer frames[3];
        seal_three(w, frames);
        assert_int_equal(open_at(w, w->at_coordinator, &frames[0]), MESH_EAUTH);
        for (size_t k = 0; k < 3; k++)
                buffer_done(&frames[k]);
}

static void ephemeral_lives_a_minute(void **state)
{
        struct world *w = *state;
        struct channel_ephemeral e = { .made = false };
        uint8_t first[KEY_BYTES];
        assert_int_equal(channel_ephemeral_renew(&e, &w->coordinator, &w->e.env, 5000), 0);
        memcpy(first, e.pair.public_key, KEY_BYTES);
        struct channel *early = channel_new_coordinator(&w->coordinator, &e, &w->e.env);
        assert_int_equal(channel_ephemeral_renew(&e, &w->coordinator, &w->e.env, 64999), 0);
        assert_memory_equal(first, e.pair.public_key, KEY_BYTES);
        assert_int_equal(channel_ephemeral_renew(&e, &w->coordinator, &w->e.env, 65000), 0);
        assert_memory_not_equal(first, e.pair.public_key, KEY_BYTES);

        /* A connection that began before goes on with the key that it got. */
        channel_free(w->at_coordinator);
        w->at_coordinator = early;
        assert_int_equal(step_hello(w), 0);
        assert_int_equal(step_agent_hello(w), 0);
        assert_int_equal(make_proof(w, &w->node), 0);
        assert_int_equal(read_proof(w), 0);
        channel_ephemeral_done(&e);
        assert_true(sodium_is_zero((const uint8_t *)&e, sizeof(e)));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(there_and_back),
                TEST(seal_that_fails_harms_nothing),
                TEST(every_byte_of_the_handshake_counts),
                TEST(impostors),
                TEST(false_nodes),
                TEST(replays_across_connections),
                TEST(agent_ephemerals),
                TEST(newer_hello_is_read),
                TEST(steps_out_of_order),
                TEST(frames_out_of_order),
                TEST(every_byte_of_a_frame_counts),
                TEST(reflection),
                TEST(ephemeral_lives_a_minute),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
