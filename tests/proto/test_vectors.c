/* What an independent program (proto/vectors/make_vectors.py) made of TRANSCRIPTS.md: this one must
 * make the same bytes where they are determined, and open them where they are random.
 *
 * Run from the root of the tree. The other direction is tests/interop/test_vectors.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "common/arena.h"
#include "common/buffer.h"
#include "common/cursor.h"
#include "common/error.h"
#include "common/file.h"
#include "proto/channel.h"
#include "proto/convert.h"
#include "proto/enroll.h"
#include "proto/position.h"
#include "proto/setup_key.h"
#include "proto/transcript.h"
#include "tests/support/seeded_env.h"

enum { VECTORS_MAX = 100, VALUE_MAX = 1024 };

struct vector {
        char name[64];
        uint8_t bytes[VALUE_MAX];
        size_t len;
};

struct world {
        struct vector vectors[VECTORS_MAX];
        size_t count;
        struct arena *arena;
        struct buffer out;
        struct identity coordinator, node;
        struct seeded_env e;
        struct cursor canned; /* what the canned randomness hands out */
        struct env env;
};

static const struct vector *get(const struct world *w, const char *name)
{
        for (size_t i = 0; i < w->count; i++)
                if (strcmp(w->vectors[i].name, name) == 0)
                        return &w->vectors[i];
        fail_msg("no vector %s", name);
        return NULL;
}

static const uint8_t *bytes_of(const struct world *w, const char *name, size_t len)
{
        const struct vector *v = get(w, name);
        assert_int_equal(v->len, len);
        return v->bytes;
}

static void assert_is(const struct world *w, const char *name, const void *bytes, size_t len)
{
        const struct vector *v = get(w, name);
        if (v->len != len || memcmp(v->bytes, bytes, len) != 0)
                fail_msg("%s differs", name);
}

static uint64_t number(const struct world *w, const char *name)
{
        struct cursor c = cursor_over(bytes_of(w, name, 8), 8);
        return cursor_be64(&c);
}

static void read_vectors(struct world *w)
{
        struct buffer file = buffer_with_max(1 << 20);
        assert_int_equal(file_read("tests/proto/vectors.txt", &file), 0);
        buffer_put_u8(&file, 0);
        assert_int_equal(buffer_error(&file), 0);
        char *rest = (char *)file.bytes, *line;
        while ((line = strsep(&rest, "\n")) != NULL) {
                char *equals = strstr(line, " = ");
                if (line[0] == '#' || !equals)
                        continue;
                assert_true(w->count < VECTORS_MAX);
                struct vector *v = &w->vectors[w->count++];
                assert_true((size_t)(equals - line) < sizeof(v->name));
                memcpy(v->name, line, (size_t)(equals - line));
                assert_int_equal(sodium_hex2bin(v->bytes, sizeof(v->bytes), equals + 3,
                                                strlen(equals + 3), NULL, &v->len, NULL),
                                 0);
        }
        buffer_done(&file);
}

static void canned_random(void *user, void *out, size_t len)
{
        struct world *w = user;
        cursor_copy(&w->canned, out, len);
        assert_false(w->canned.failed);
}

/* From now on randomness is this vector. */
static void can(struct world *w, const char *name)
{
        const struct vector *v = get(w, name);
        w->canned = cursor_over(v->bytes, v->len);
}

static int setup(void **state)
{
        struct world *w = calloc(1, sizeof(*w));
        *state = w;
        seeded_env_init(&w->e, 1);
        w->env = w->e.env;
        w->env.random = canned_random;
        w->env.user = w;
        read_vectors(w);
        w->arena = arena_new(ENROLL_ARENA_BYTES);
        w->out = buffer_with_max(CHANNEL_FRAME_MAX);
        identity_from_seed(bytes_of(w, "coordinator_seed", KEY_BYTES), &w->coordinator);
        identity_from_seed(bytes_of(w, "node_seed", KEY_BYTES), &w->node);
        return 0;
}

static int teardown(void **state)
{
        struct world *w = *state;
        arena_free(w->arena);
        buffer_done(&w->out);
        free(w);
        return 0;
}

static void keys(void **state)
{
        const struct world *w = *state;
        struct x25519_pair pair;
        uint8_t hash[KEY_BYTES], public_key[KEY_BYTES];
        assert_is(w, "coordinator_public", w->coordinator.public_key, KEY_BYTES);
        assert_is(w, "node_public", w->node.public_key, KEY_BYTES);
        identity_to_x25519(&w->coordinator, &pair);
        assert_is(w, "coordinator_x25519", pair.public_key, KEY_BYTES);
        assert_int_equal(identity_public_to_x25519(w->coordinator.public_key, public_key), 0);
        assert_is(w, "coordinator_x25519", public_key, KEY_BYTES);
        x25519_pair_from_secret(bytes_of(w, "wireguard_secret", KEY_BYTES), &pair);
        assert_is(w, "wireguard_public", pair.public_key, KEY_BYTES);

        struct transcript t = transcript_named("x");
        transcript_add(&t, "ab", 2);
        transcript_add_be64(&t, 7);
        transcript_add(&t, NULL, 0);
        transcript_hash(&t, NULL, hash);
        const struct vector *v = get(w, "transcript_x_ab_7");
        crypto_generichash(public_key, KEY_BYTES, v->bytes, v->len, NULL, 0);
        assert_memory_equal(hash, public_key, KEY_BYTES);
}

static void read_setup_key(const struct world *w, struct setup_key *ret_key)
{
        const struct vector *v = get(w, "setup_key_text");
        assert_int_equal(setup_key_parse((const char *)v->bytes, v->len, ret_key), 0);
}

static void setup_key_text(void **state)
{
        const struct world *w = *state;
        struct setup_key key;
        struct identity pair;
        char text[SETUP_KEY_TEXT_MAX];
        read_setup_key(w, &key);
        assert_is(w, "setup_key_host", key.host, strlen(key.host));
        assert_int_equal(key.port, number(w, "setup_key_port"));
        assert_is(w, "setup_key_id", key.id, sizeof(key.id));
        assert_is(w, "coordinator_public", key.coordinator, KEY_BYTES);
        setup_key_identity(&key, &pair);
        assert_is(w, "setup_public", pair.public_key, KEY_BYTES);
        assert_int_equal(setup_key_format(&key, text), 0);
        assert_is(w, "setup_key_text", text, strlen(text));
}

static void assert_claim_is(const struct world *w, const struct enroll_claim *claim)
{
        assert_is(w, "enroll_body", claim->body_bytes, claim->body_len);
        assert_is(w, "signal_key_signature", claim->signal_key_signature, SIGNATURE_BYTES);
        assert_is(w, "enroll_setup_key_signature", claim->setup_key_signature, SIGNATURE_BYTES);
        assert_is(w, "enroll_node_signature", claim->node_signature, SIGNATURE_BYTES);
        assert_is(w, "enroll_wireguard_mac", claim->wireguard_mac, KEY_BYTES);
}

static void their_enrolment(void **state)
{
        struct world *w = *state;
        const struct vector *request = get(w, "enroll_request"), *reply = get(w, "enroll_reply");
        struct enroll_claim claim;
        struct enroll_pending pending;
        const Mesh__V1__EnrollGrantBody *grant;
        assert_int_equal(enroll_request_open(&w->coordinator, request->bytes, request->len,
                                             w->arena, &claim),
                         0);
        assert_claim_is(w, &claim);
        assert_is(w, "enroll_request_hash", claim.request_hash, KEY_BYTES);
        assert_int_equal(enroll_request_check(&w->coordinator, &claim,
                                              bytes_of(w, "setup_public", KEY_BYTES)),
                         0);

        memcpy(pending.coordinator, w->coordinator.public_key, KEY_BYTES);
        memcpy(pending.request_hash, claim.request_hash, KEY_BYTES);
        assert_int_equal(
                enroll_reply_open(&pending, &w->node, reply->bytes, reply->len, w->arena, &grant),
                0);
        assert_string_equal(grant->name, "alpha-2");
        assert_true(grant->name_pending);
        assert_is(w, "sync_node_id", grant->node_id.data, grant->node_id.len);
}

/* The same wishes and keys here: the same body, signatures and MAC. */
static void our_enrolment(void **state)
{
        struct world *w = *state;
        struct setup_key key;
        struct x25519_pair wireguard, signal;
        struct enroll_pending pending;
        struct enroll_claim claim;
        Mesh__V1__HostFacts facts = MESH__V1__HOST_FACTS__INIT;
        Mesh__V1__EnrollBody wishes = MESH__V1__ENROLL_BODY__INIT;
        char *tags[] = { "web" };
        facts.hostname = "alpha.example.org";
        facts.system = "Debian GNU/Linux 12";
        wishes.facts = &facts;
        wishes.wanted_name = "alpha";
        wishes.wanted_tags = tags;
        wishes.n_wanted_tags = 1;
        read_setup_key(w, &key);
        x25519_pair_from_secret(bytes_of(w, "wireguard_secret", KEY_BYTES), &wireguard);
        x25519_pair_from_secret(bytes_of(w, "signal_secret", KEY_BYTES), &signal);
        const struct node_keys keys = { &w->node, &wireguard, &signal };
        assert_int_equal(enroll_request_make(&key, &keys, &wishes, &w->out, &pending), 0);
        assert_int_equal(
                enroll_request_open(&w->coordinator, w->out.bytes, w->out.len, w->arena, &claim),
                0);
        assert_claim_is(w, &claim);
}

static void sync_with_their_agent(void **state)
{
        struct world *w = *state;
        struct channel_ephemeral ephemeral = { .made = false };
        const Mesh__V1__ProofBody *body;
        can(w, "sync_coordinator_ephemeral_secret");
        assert_int_equal(channel_ephemeral_renew(&ephemeral, &w->coordinator, &w->env, 1), 0);
        assert_is(w, "sync_ephemeral_signature", ephemeral.signature, SIGNATURE_BYTES);
        can(w, "sync_hello_random");
        struct channel *ch = channel_new_coordinator(&w->coordinator, &ephemeral, &w->env);
        assert_int_equal(channel_hello_make(ch, &w->out), 0);
        assert_is(w, "sync_hello_frame", w->out.bytes, w->out.len);

        const struct vector *frame = get(w, "sync_agent_hello_frame");
        assert_int_equal(channel_agent_hello_read(ch, frame->bytes, frame->len), 0);
        frame = get(w, "sync_proof_frame");
        assert_int_equal(channel_proof_read(ch, frame->bytes, frame->len, w->arena, &body), 0);
        assert_is(w, "sync_nonce", body->nonce.data, body->nonce.len);
        assert_int_equal(channel_proof_check(ch, w->node.public_key), 0);

        Mesh__V1__WelcomeBody welcome = MESH__V1__WELCOME_BODY__INIT;
        assert_int_equal(channel_welcome_make(ch, &welcome, &w->out), 0);
        for (int i = 0; i < 2; i++) {
                char name[64], expected[64];
                snprintf(name, sizeof(name), "sync_agent_frame_%d", i);
                snprintf(expected, sizeof(expected), "from the agent %d", i);
                frame = get(w, name);
                buffer_clear(&w->out);
                assert_int_equal(channel_open(ch, frame->bytes, frame->len, &w->out), 0);
                assert_int_equal(w->out.len, strlen(expected));
                assert_memory_equal(w->out.bytes, expected, w->out.len);
        }
        channel_free(ch);
}

static void sync_with_their_coordinator(void **state)
{
        struct world *w = *state;
        const Mesh__V1__WelcomeBody *welcome;
        struct channel *ch = channel_new_agent(w->coordinator.public_key, &w->env);
        const struct vector *frame = get(w, "sync_hello_frame");
        can(w, "sync_agent_ephemeral_secret");
        assert_int_equal(channel_hello_read(ch, frame->bytes, frame->len, &w->out), 0);
        assert_is(w, "sync_agent_hello_frame", w->out.bytes, w->out.len);

        Mesh__V1__ProofBody proof = MESH__V1__PROOF_BODY__INIT;
        proof.node_id = binary_of(bytes_of(w, "sync_node_id", NODE_ID_BYTES), NODE_ID_BYTES);
        can(w, "sync_nonce");
        assert_int_equal(channel_proof_make(ch, &w->node, &proof, &w->out), 0);
        frame = get(w, "sync_welcome_frame");
        assert_int_equal(channel_welcome_read(ch, frame->bytes, frame->len, w->arena, &welcome), 0);
        assert_string_equal(welcome->name, "alpha-2");
        assert_int_equal(welcome->time_ms, UINT64_C(1767225600000));
        for (int i = 0; i < 2; i++) {
                char name[64], expected[64];
                snprintf(name, sizeof(name), "sync_coordinator_frame_%d", i);
                snprintf(expected, sizeof(expected), "from the coordinator %d", i);
                frame = get(w, name);
                buffer_clear(&w->out);
                assert_int_equal(channel_open(ch, frame->bytes, frame->len, &w->out), 0);
                assert_int_equal(w->out.len, strlen(expected));
                assert_memory_equal(w->out.bytes, expected, w->out.len);
        }
        channel_free(ch);
}

static void positions(void **state)
{
        const struct world *w = *state;
        struct position_key key;
        struct position position = {
                .epoch_start_ms = number(w, "position_start_ms"),
                .epoch_random = number(w, "position_random"),
                .generation = number(w, "position_generation"),
        };
        change_log_hash(position.log_hash, 1, "first change", 12, position.log_hash);
        assert_is(w, "log_hash_1", position.log_hash, KEY_BYTES);
        change_log_hash(position.log_hash, 2, NULL, 0, position.log_hash);
        assert_is(w, "log_hash_2", position.log_hash, KEY_BYTES);
        position_key_from_identity(&w->coordinator, &key);
        assert_is(w, "position_key", key.bytes, KEY_BYTES);
        position_seal(&position, &key);
        assert_is(w, "position_mac", position.mac, KEY_BYTES);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(keys),          TEST(setup_key_text),        TEST(their_enrolment),
                TEST(our_enrolment), TEST(sync_with_their_agent), TEST(sync_with_their_coordinator),
                TEST(positions),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
