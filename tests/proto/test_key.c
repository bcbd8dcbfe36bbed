/* Key pairs: RFC vectors, points that must be refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "common/error.h"
#include "proto/key.h"
#include "tests/support/seeded_env.h"

static void from_hex(const char *hex, uint8_t out[static KEY_BYTES])
{
        size_t len;
        assert_int_equal(sodium_hex2bin(out, KEY_BYTES, hex, strlen(hex), NULL, &len, NULL), 0);
        assert_int_equal(len, KEY_BYTES);
}

static void rfc_8032_test_1(void **state)
{
        uint8_t seed[KEY_BYTES], expected[KEY_BYTES];
        struct identity identity;
        (void)state;
        from_hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", seed);
        from_hex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", expected);
        identity_from_seed(seed, &identity);
        assert_memory_equal(identity.seed, seed, KEY_BYTES);
        assert_memory_equal(identity.public_key, expected, KEY_BYTES);
        assert_memory_equal(identity.secret + KEY_BYTES, expected, KEY_BYTES);
        identity_done(&identity);
        assert_true(sodium_is_zero((const uint8_t *)&identity, sizeof(identity)));
}

static void x25519_agrees(void **state)
{
        struct seeded_env e;
        struct x25519_pair a, b, again;
        uint8_t ab[KEY_BYTES], ba[KEY_BYTES];
        (void)state;
        seeded_env_init(&e, 1);
        x25519_pair_make(&e.env, &a);
        x25519_pair_make(&e.env, &b);
        assert_memory_not_equal(a.public_key, b.public_key, KEY_BYTES);
        assert_int_equal(x25519_shared(a.secret, b.public_key, ab), 0);
        assert_int_equal(x25519_shared(b.secret, a.public_key, ba), 0);
        assert_memory_equal(ab, ba, KEY_BYTES);
        /* as `wg genkey` */
        assert_int_equal(a.secret[0] & 7, 0);
        assert_int_equal(a.secret[31] & 0xc0, 0x40);
        x25519_pair_from_secret(a.secret, &again);
        assert_memory_equal(&a, &again, sizeof(a));
        x25519_pair_done(&a);
        assert_true(sodium_is_zero((const uint8_t *)&a, sizeof(a)));
}

/* The points of order 1, 2, 4 and 8, and encodings above the field's size. */
static void small_points_are_refused(void **state)
{
        static const char *const points[] = {
                "0000000000000000000000000000000000000000000000000000000000000000",
                "0100000000000000000000000000000000000000000000000000000000000000",
                "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
                "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
                "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        };
        struct seeded_env e;
        struct x25519_pair pair;
        (void)state;
        seeded_env_init(&e, 2);
        x25519_pair_make(&e.env, &pair);
        for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
                uint8_t point[KEY_BYTES], shared[KEY_BYTES] = { 7 };
                from_hex(points[i], point);
                assert_int_equal(x25519_shared(pair.secret, point, shared), MESH_EAUTH);
                assert_int_equal(shared[0], 7);
        }
}

static void identity_has_an_x25519_form(void **state)
{
        struct seeded_env e;
        struct identity identity;
        struct x25519_pair pair;
        uint8_t public_key[KEY_BYTES];
        (void)state;
        seeded_env_init(&e, 3);
        identity_make(&e.env, &identity);
        identity_to_x25519(&identity, &pair);
        assert_int_equal(identity_public_to_x25519(identity.public_key, public_key), 0);
        assert_memory_equal(public_key, pair.public_key, KEY_BYTES);

        static const char *const no_identities[] = {
                "0000000000000000000000000000000000000000000000000000000000000000", /* order 4 */
                "0100000000000000000000000000000000000000000000000000000000000000", /* order 1 */
                "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", /* order 2 */
                "0200000000000000000000000000000000000000000000000000000000000000", /* not on it */
                "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        };
        for (size_t i = 0; i < sizeof(no_identities) / sizeof(no_identities[0]); i++) {
                uint8_t point[KEY_BYTES];
                from_hex(no_identities[i], point);
                if (identity_public_to_x25519(point, public_key) != MESH_EAUTH)
                        fail_msg("%s was taken", no_identities[i]);
        }
        assert_memory_equal(public_key, pair.public_key, KEY_BYTES);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(rfc_8032_test_1),
                cmocka_unit_test(x25519_agrees),
                cmocka_unit_test(small_points_are_refused),
                cmocka_unit_test(identity_has_an_x25519_form),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
