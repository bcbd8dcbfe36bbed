/* Enrolment of both sides, and those who stand between them. */
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
#include "proto/convert.h"
#include "proto/enroll.h"
#include "proto/pb.h"
#include "proto/seal.h"
#include "tests/support/seeded_env.h"

struct node {
        struct identity identity;
        struct x25519_pair wireguard, signal;
        struct node_keys keys;
};

struct world {
        struct seeded_env e;
        struct identity coordinator, stranger, setup;
        struct setup_key key;
        struct node node, other;
        struct arena *arena;
        struct buffer request, reply;
        struct enroll_pending pending;
};

static void make_node(struct world *w, struct node *node)
{
        identity_make(&w->e.env, &node->identity);
        x25519_pair_make(&w->e.env, &node->wireguard);
        x25519_pair_make(&w->e.env, &node->signal);
        node->keys = (struct node_keys){ &node->identity, &node->wireguard, &node->signal };
}

static Mesh__V1__EnrollBody wishes(void)
{
        static Mesh__V1__HostFacts facts = MESH__V1__HOST_FACTS__INIT;
        static char *tags[] = { "web", "db" };
        Mesh__V1__EnrollBody body = MESH__V1__ENROLL_BODY__INIT;
        facts.hostname = "alpha.example";
        facts.system = "Debian GNU/Linux 12 (bookw\xc3\xb6rm)";
        body.facts = &facts;
        body.wanted_name = "alpha";
        body.wanted_tags = tags;
        body.n_wanted_tags = 2;
        return body;
}

static int setup(void **state)
{
        static struct world world;
        struct world *w = &world;
        seeded_env_init(&w->e, 7);
        identity_make(&w->e.env, &w->coordinator);
        identity_make(&w->e.env, &w->stranger);
        make_node(w, &w->node);
        make_node(w, &w->other);
        w->key = (struct setup_key){ .host = "vpn.example.org", .port = 443 };
        memcpy(w->key.coordinator, w->coordinator.public_key, KEY_BYTES);
        memcpy(w->key.id, "key-id-8", SETUP_KEY_ID_BYTES);
        env_random(&w->e.env, w->key.seed, sizeof(w->key.seed));
        setup_key_identity(&w->key, &w->setup);
        w->arena = arena_new(ENROLL_ARENA_BYTES);
        w->request = buffer_with_max(ENROLL_MESSAGE_MAX);
        w->reply = buffer_with_max(ENROLL_MESSAGE_MAX);
        const Mesh__V1__EnrollBody body = wishes();
        *state = w;
        return enroll_request_make(&w->key, &w->node.keys, &body, &w->request, &w->pending);
}

static int teardown(void **state)
{
        struct world *w = *state;
        arena_free(w->arena);
        buffer_done(&w->request);
        buffer_done(&w->reply);
        return 0;
}

static int open_request(struct world *w, const struct identity *coordinator,
                        struct enroll_claim *ret_claim)
{
        arena_clear(w->arena);
        return enroll_request_open(coordinator, w->request.bytes, w->request.len, w->arena,
                                   ret_claim);
}

static void make_reply(struct world *w, const struct identity *signer,
                       const struct enroll_claim *claim, const char *name)
{
        Mesh__V1__EnrollGrantBody grant = MESH__V1__ENROLL_GRANT_BODY__INIT;
        grant.node_id = binary_of("0123456789abcdef", NODE_ID_BYTES);
        grant.name = (char *)(uintptr_t)name;
        grant.coordinator_port = 443;
        buffer_clear(&w->reply);
        assert_int_equal(enroll_reply_make(signer, claim, &grant, &w->reply), 0);
}

static int open_reply(struct world *w, const struct identity *node,
                      const Mesh__V1__EnrollGrantBody **ret_grant)
{
        return enroll_reply_open(&w->pending, node, w->reply.bytes, w->reply.len, w->arena,
                                 ret_grant);
}

static void there_and_back(void **state)
{
        struct world *w = *state;
        struct enroll_claim claim;
        const Mesh__V1__EnrollGrantBody *grant;
        assert_int_equal(open_request(w, &w->coordinator, &claim), 0);
        assert_memory_equal(claim.setup_key_id, w->key.id, SETUP_KEY_ID_BYTES);
        assert_memory_equal(claim.node_identity, w->node.identity.public_key, KEY_BYTES);
        assert_memory_equal(claim.wireguard_key, w->node.wireguard.public_key, KEY_BYTES);
        assert_memory_equal(claim.signal_key, w->node.signal.public_key, KEY_BYTES);
        assert_string_equal(claim.body->wanted_name, "alpha");
        assert_int_equal(claim.body->n_wanted_tags, 2);
        assert_string_equal(claim.body->facts->hostname, "alpha.example");
        assert_int_equal(enroll_request_check(&w->coordinator, &claim, w->setup.public_key), 0);
        make_reply(w, &w->coordinator, &claim, "alpha-2");
        assert_int_equal(open_reply(w, &w->node.identity, &grant), 0);
        assert_string_equal(grant->name, "alpha-2");
        assert_memory_equal(grant->node_id.data, "0123456789abcdef", NODE_ID_BYTES);
}

/* What goes over the wire tells nothing that an impostor could use. */
static void request_holds_no_secret(void **state)
{
        struct world *w = *state;
        const struct {
                const void *bytes;
                size_t len;
        } hidden[] = {
                { w->key.seed, KEY_BYTES },
                { w->key.id, SETUP_KEY_ID_BYTES },
                { w->node.identity.public_key, KEY_BYTES },
                { w->node.wireguard.public_key, KEY_BYTES },
                { "alpha", 5 },
        };
        struct enroll_claim claim;
        for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++)
                assert_null(
                        memmem(w->request.bytes, w->request.len, hidden[i].bytes, hidden[i].len));
        assert_int_equal(open_request(w, &w->stranger, &claim), MESH_EAUTH);
        /* Even the coordinator sees public keys only. */
        assert_int_equal(open_request(w, &w->coordinator, &claim), 0);
        assert_null(memmem(claim.body_bytes, claim.body_len, w->key.seed, KEY_BYTES));
        assert_null(memmem(claim.body_bytes, claim.body_len, w->node.wireguard.secret, KEY_BYTES));
}

static void every_byte_of_the_request_counts(void **state)
{
        struct world *w = *state;
        struct enroll_claim claim;
        for (size_t i = 0; i < w->request.len; i++) {
                w->request.bytes[i] ^= 0x10;
                assert_int_not_equal(open_request(w, &w->coordinator, &claim), 0);
                w->request.bytes[i] ^= 0x10;
                struct buffer cut = w->request;
                w->request.len = i;
                assert_int_not_equal(open_request(w, &w->coordinator, &claim), 0);
                w->request = cut;
        }
        assert_int_equal(open_request(w, &w->coordinator, &claim), 0);
        assert_int_equal(enroll_request_open(&w->coordinator, w->request.bytes,
                                             ENROLL_MESSAGE_MAX + 1, w->arena, &claim),
                         MESH_ELIMIT);
}

/* Everything that an opened claim consists of is under a signature or the MAC. */
static void every_byte_of_the_claim_counts(void **state)
{
        struct world *w = *state;
        struct enroll_claim good;
        assert_int_equal(open_request(w, &w->coordinator, &good), 0);
        assert_int_equal(enroll_request_check(&w->coordinator, &good, w->setup.public_key), 0);
        struct enroll_claim bad = good;
        const struct {
                const char *name;
                uint8_t *bytes;
                size_t len;
        } parts[] = {
                { "setup key signature", bad.setup_key_signature, SIGNATURE_BYTES },
                { "node signature", bad.node_signature, SIGNATURE_BYTES },
                { "MAC", bad.wireguard_mac, KEY_BYTES },
                { "signal key", bad.signal_key, KEY_BYTES },
                { "signal key's signature", bad.signal_key_signature, SIGNATURE_BYTES },
                { "node identity", bad.node_identity, KEY_BYTES },
                { "WireGuard key", bad.wireguard_key, KEY_BYTES },
                { "body", (uint8_t *)(uintptr_t)good.body_bytes, good.body_len },
        };
        for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
                for (size_t k = 0; k < parts[i].len; k++) {
                        parts[i].bytes[k] ^= 0x01;
                        if (enroll_request_check(&w->coordinator, &bad, w->setup.public_key) !=
                            MESH_EAUTH)
                                fail_msg("%s, byte %zu", parts[i].name, k);
                        parts[i].bytes[k] ^= 0x01;
                }
        }
        assert_int_equal(enroll_request_check(&w->coordinator, &bad, w->setup.public_key), 0);
}

enum forgery {
        SWAPPED_SIGNATURES,
        FOREIGN_SETUP_KEY,
        FOREIGN_WIREGUARD_KEY,
        ZERO_WIREGUARD_KEY,
        LOW_WIREGUARD_KEY,
        FOREIGN_SIGNAL_KEY,
        ZERO_IDENTITY,
};

/* Claims that are well formed and sealed, by somebody who lacks one of the keys. */
static void forgeries(void **state)
{
        static const struct {
                const char *name;
                enum forgery forgery;
        } cases[] = {
                { "signatures swapped", SWAPPED_SIGNATURES },
                { "setup key unknown", FOREIGN_SETUP_KEY },
                { "WireGuard key of another member", FOREIGN_WIREGUARD_KEY },
                { "WireGuard key zero", ZERO_WIREGUARD_KEY },
                { "WireGuard key of order 1", LOW_WIREGUARD_KEY },
                { "signal key of another member", FOREIGN_SIGNAL_KEY },
                { "identity that accepts any signature", ZERO_IDENTITY },
        };
        struct world *w = *state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct node node = w->node;
                node.keys = (struct node_keys){ &node.identity, &node.wireguard, &node.signal };
                struct setup_key key = w->key;
                const Mesh__V1__EnrollBody body = wishes();
                struct enroll_pending pending;
                struct enroll_claim claim;
                switch (cases[i].forgery) {
                case FOREIGN_SETUP_KEY:
                        key.seed[0] ^= 1;
                        break;
                case FOREIGN_WIREGUARD_KEY: /* the public half is all that is known */
                        memcpy(node.wireguard.public_key, w->other.wireguard.public_key, KEY_BYTES);
                        break;
                case ZERO_WIREGUARD_KEY:
                        memset(node.wireguard.public_key, 0, KEY_BYTES);
                        break;
                case LOW_WIREGUARD_KEY:
                        memset(node.wireguard.public_key, 0, KEY_BYTES);
                        node.wireguard.public_key[0] = 1;
                        break;
                case ZERO_IDENTITY:
                        memset(node.identity.public_key, 0, KEY_BYTES);
                        break;
                default:
                        break;
                }
                buffer_clear(&w->request);
                assert_int_equal(
                        enroll_request_make(&key, &node.keys, &body, &w->request, &pending), 0);
                assert_int_equal(open_request(w, &w->coordinator, &claim), 0);
                if (cases[i].forgery == SWAPPED_SIGNATURES) {
                        uint8_t swap[SIGNATURE_BYTES];
                        memcpy(swap, claim.node_signature, sizeof(swap));
                        memcpy(claim.node_signature, claim.setup_key_signature, sizeof(swap));
                        memcpy(claim.setup_key_signature, swap, sizeof(swap));
                }
                if (cases[i].forgery == FOREIGN_SIGNAL_KEY)
                        memcpy(claim.signal_key, w->other.signal.public_key, KEY_BYTES);
                if (enroll_request_check(&w->coordinator, &claim, w->setup.public_key) !=
                    MESH_EAUTH)
                        fail_msg("%s", cases[i].name);
        }
}

static void setup_key_that_does_not_exist(void **state)
{
        struct world *w = *state;
        struct enroll_claim claim;
        assert_int_equal(open_request(w, &w->coordinator, &claim), 0);
        assert_int_equal(enroll_request_check(&w->coordinator, &claim, NULL), MESH_EAUTH);
        assert_int_equal(enroll_request_check(&w->coordinator, &claim, w->stranger.public_key),
                         MESH_EAUTH);
        /* Not even by who signs with the key that the check then takes instead. */
        const Mesh__V1__EnrollBody body = wishes();
        memcpy(w->key.seed, w->coordinator.seed, KEY_BYTES);
        buffer_clear(&w->request);
        assert_int_equal(
                enroll_request_make(&w->key, &w->node.keys, &body, &w->request, &w->pending), 0);
        assert_int_equal(open_request(w, &w->coordinator, &claim), 0);
        assert_int_equal(enroll_request_check(&w->coordinator, &claim, w->coordinator.public_key),
                         0);
        assert_int_equal(enroll_request_check(&w->coordinator, &claim, NULL), MESH_EAUTH);
}

/* A claim for one coordinator, sealed anew by it to another, who gives the same key out. */
static void claim_is_for_one_coordinator(void **state)
{
        struct world *w = *state;
        struct enroll_claim claim;
        const uint8_t *plain;
        uint8_t sealed[ENROLL_MESSAGE_MAX];
        ProtobufCMessage *message;
        assert_int_equal(pb_unpack(&mesh__v1__enroll_request__descriptor, w->request.bytes,
                                   w->request.len, w->arena, &message),
                         0);
        const ProtobufCBinaryData box = ((Mesh__V1__EnrollRequest *)message)->sealed;
        assert_int_equal(seal_open(&w->coordinator, box.data, box.len, w->arena, &plain), 0);
        assert_int_equal(seal_to_identity(w->stranger.public_key, plain,
                                          box.len - SEAL_OVERHEAD_BYTES, sealed),
                         0);
        Mesh__V1__EnrollRequest request = MESH__V1__ENROLL_REQUEST__INIT;
        request.sealed = binary_of(sealed, box.len);
        buffer_clear(&w->request);
        assert_int_equal(pb_pack(&request.base, &w->request), 0);
        assert_int_equal(open_request(w, &w->stranger, &claim), 0);
        assert_int_equal(enroll_request_check(&w->stranger, &claim, w->setup.public_key),
                         MESH_EAUTH);
}

static void texts_are_bounded(void **state)
{
        static char full[ENROLL_TEXT_MAX + 1], longer[ENROLL_TEXT_MAX + 2];
        static const struct {
                const char *name, *text;
                int expected;
        } cases[] = {
                { "empty", "", 0 },
                { "longest", full, 0 },
                { "too long", longer, MESH_ELIMIT },
                { "newline", "a\nb", MESH_EFORMAT },
                { "escape", "a\x1b[2Jb", MESH_EFORMAT },
                { "delete", "a\x7f", MESH_EFORMAT },
                { "C1 control",
                  "a\xc2\x9b"
                  "2J",
                  MESH_EFORMAT },
                { "no-break space", "a\xc2\xa0z", 0 },
        };
        struct world *w = *state;
        memset(full, 'a', ENROLL_TEXT_MAX);
        memset(longer, 'a', ENROLL_TEXT_MAX + 1);
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                for (int where = 0; where < 3; where++) {
                        Mesh__V1__EnrollBody body = wishes();
                        Mesh__V1__Versions versions = MESH__V1__VERSIONS__INIT;
                        char *text = (char *)(uintptr_t)cases[i].text;
                        char *tags[] = { "web", text };
                        struct enroll_claim claim;
                        if (where == 0)
                                body.wanted_name = text;
                        if (where == 1)
                                body.wanted_tags = tags;
                        if (where == 2)
                                versions.software = text;
                        body.versions = &versions;
                        buffer_clear(&w->request);
                        assert_int_equal(enroll_request_make(&w->key, &w->node.keys, &body,
                                                             &w->request, &w->pending),
                                         0);
                        int err = open_request(w, &w->coordinator, &claim);
                        if (err != cases[i].expected)
                                fail_msg("%s, %d: %s", cases[i].name, where, mesh_strerror(err));
                }
        }
        char *many[ENROLL_TAGS_MAX + 1];
        for (size_t i = 0; i <= ENROLL_TAGS_MAX; i++)
                many[i] = "t";
        for (size_t count = ENROLL_TAGS_MAX; count <= ENROLL_TAGS_MAX + 1; count++) {
                Mesh__V1__EnrollBody body = wishes();
                struct enroll_claim claim;
                body.wanted_tags = many;
                body.n_wanted_tags = count;
                buffer_clear(&w->request);
                assert_int_equal(enroll_request_make(&w->key, &w->node.keys, &body, &w->request,
                                                     &w->pending),
                                 0);
                assert_int_equal(open_request(w, &w->coordinator, &claim),
                                 count > ENROLL_TAGS_MAX ? MESH_ELIMIT : 0);
        }
}

static void replies(void **state)
{
        struct world *w = *state;
        struct enroll_claim claim, earlier;
        const Mesh__V1__EnrollGrantBody *grant;
        assert_int_equal(open_request(w, &w->coordinator, &claim), 0);

        make_reply(w, &w->stranger, &claim, "by an impostor");
        assert_int_equal(open_reply(w, &w->node.identity, &grant), MESH_EAUTH);

        make_reply(w, &w->coordinator, &claim, "for another node");
        assert_int_equal(open_reply(w, &w->other.identity, &grant), MESH_EAUTH);

        earlier = claim;
        earlier.request_hash[31] ^= 1;
        make_reply(w, &w->coordinator, &earlier, "for another request");
        assert_int_equal(open_reply(w, &w->node.identity, &grant), MESH_EAUTH);

        make_reply(w, &w->coordinator, &claim, "good");
        for (size_t i = 0; i < w->reply.len; i++) {
                w->reply.bytes[i] ^= 0x04;
                arena_clear(w->arena);
                assert_int_not_equal(open_reply(w, &w->node.identity, &grant), 0);
                w->reply.bytes[i] ^= 0x04;
                struct buffer whole = w->reply;
                w->reply.len = i;
                assert_int_not_equal(open_reply(w, &w->node.identity, &grant), 0);
                w->reply = whole;
        }
        assert_int_equal(open_reply(w, &w->node.identity, &grant), 0);
}

/* A setup key with a damaged coordinator identity (and a right checksum) cannot be used. */
static void coordinator_that_is_no_point(void **state)
{
        struct world *w = *state;
        const Mesh__V1__EnrollBody body = wishes();
        memset(w->key.coordinator, 0, KEY_BYTES);
        buffer_clear(&w->request);
        assert_int_equal(
                enroll_request_make(&w->key, &w->node.keys, &body, &w->request, &w->pending),
                MESH_EAUTH);
        assert_int_equal(w->request.len, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(there_and_back),
                TEST(request_holds_no_secret),
                TEST(every_byte_of_the_request_counts),
                TEST(every_byte_of_the_claim_counts),
                TEST(forgeries),
                TEST(setup_key_that_does_not_exist),
                TEST(claim_is_for_one_coordinator),
                TEST(texts_are_bounded),
                TEST(replies),
                TEST(coordinator_that_is_no_point),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
