/* Transcripts: the bytes, and that no two lists of fields have the same ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "common/error.h"
#include "proto/transcript.h"
#include "tests/support/seeded_env.h"

static void bytes_are_as_written(void **state)
{
        static const uint8_t expected[] = "mesh/v1/x\0" /* name and NUL */
                                          "\0\0\0\2ab"
                                          "\0\0\0\0"
                                          "\0\0\0\x8\1\2\3\4\5\6\7\x8";
        uint8_t hash[KEY_BYTES], expected_hash[KEY_BYTES], key[KEY_BYTES] = { 42 };
        (void)state;
        struct transcript t = transcript_named("x");
        transcript_add(&t, "ab", 2);
        transcript_add(&t, NULL, 0);
        transcript_add_be64(&t, UINT64_C(0x0102030405060708));
        struct transcript copy = t;

        crypto_generichash(expected_hash, KEY_BYTES, expected, sizeof(expected) - 1, NULL, 0);
        transcript_hash(&copy, NULL, hash);
        assert_memory_equal(hash, expected_hash, KEY_BYTES);

        crypto_generichash(expected_hash, KEY_BYTES, expected, sizeof(expected) - 1, key,
                           sizeof(key));
        transcript_hash(&copy, key, hash);
        assert_memory_equal(hash, expected_hash, KEY_BYTES);

        struct seeded_env e;
        struct identity signer;
        uint8_t signature[SIGNATURE_BYTES];
        seeded_env_init(&e, 1);
        identity_make(&e.env, &signer);
        assert_int_equal(transcript_sign(&t, &signer, signature), 0);
        assert_int_equal(crypto_sign_verify_detached(signature, expected, sizeof(expected) - 1,
                                                     signer.public_key),
                         0);
}

static void fields_do_not_run_together(void **state)
{
        static const struct {
                const char *name, *a, *b;
        } lists[] = {
                { "x", "ab", "c" }, { "x", "a", "bc" }, { "x", "abc", "" },
                { "x", "", "abc" }, { "xa", "b", "c" }, { "y", "ab", "c" },
        };
        enum { COUNT = sizeof(lists) / sizeof(lists[0]) };
        uint8_t hashes[COUNT + 1][KEY_BYTES];
        (void)state;
        for (size_t i = 0; i < COUNT; i++) {
                struct transcript t = transcript_named(lists[i].name);
                transcript_add(&t, lists[i].a, strlen(lists[i].a));
                transcript_add(&t, lists[i].b, strlen(lists[i].b));
                transcript_hash(&t, NULL, hashes[i]);
        }
        struct transcript one = transcript_named("x");
        transcript_add(&one, "abc", 3);
        transcript_hash(&one, NULL, hashes[COUNT]);
        for (size_t i = 0; i <= COUNT; i++)
                for (size_t k = 0; k < i; k++)
                        assert_memory_not_equal(hashes[i], hashes[k], KEY_BYTES);
}

static void every_flipped_bit_is_refused(void **state)
{
        struct seeded_env e;
        struct identity signer, other;
        uint8_t signature[SIGNATURE_BYTES], field[40] = "what is signed";
        (void)state;
        seeded_env_init(&e, 2);
        identity_make(&e.env, &signer);
        identity_make(&e.env, &other);
        struct transcript t = transcript_named("test");
        transcript_add(&t, field, sizeof(field));
        assert_int_equal(transcript_sign(&t, &signer, signature), 0);
        assert_int_equal(transcript_verify(&t, signer.public_key, signature), 0);
        assert_int_equal(transcript_verify(&t, other.public_key, signature), MESH_EAUTH);
        for (size_t bit = 0; bit < 8 * sizeof(signature); bit++) {
                signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
                assert_int_equal(transcript_verify(&t, signer.public_key, signature), MESH_EAUTH);
                signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        for (size_t bit = 0; bit < 8 * sizeof(field); bit++) {
                field[bit / 8] ^= (uint8_t)(1 << bit % 8);
                assert_int_equal(transcript_verify(&t, signer.public_key, signature), MESH_EAUTH);
                field[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        t.name = "tesu";
        assert_int_equal(transcript_verify(&t, signer.public_key, signature), MESH_EAUTH);
        /* A signer of small order would accept a signature of anything. */
        uint8_t identity_point[KEY_BYTES] = { 1 }, forged[SIGNATURE_BYTES] = { 1 };
        assert_int_equal(transcript_verify(&t, identity_point, forged), MESH_EAUTH);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(bytes_are_as_written),
                cmocka_unit_test(fields_do_not_run_together),
                cmocka_unit_test(every_flipped_bit_is_refused),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
