/* Positions under their MAC, and the chain of the change log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "common/arena.h"
#include "common/error.h"
#include "proto/position.h"
#include "tests/support/seeded_env.h"

static struct position a_position(void)
{
        struct position position = { .epoch_start_ms = 1767225600000,
                                     .epoch_random = UINT64_MAX - 5,
                                     .generation = 77 };
        memset(position.log_hash, 3, sizeof(position.log_hash));
        return position;
}

static struct position_key a_key(uint64_t seed)
{
        struct seeded_env e;
        struct identity identity;
        struct position_key key;
        seeded_env_init(&e, seed);
        identity_make(&e.env, &identity);
        position_key_from_identity(&identity, &key);
        return key;
}

static void every_field_is_under_the_mac(void **state)
{
        struct position_key key = a_key(1), other = a_key(2);
        struct position good = a_position();
        (void)state;
        position_seal(&good, &key);
        assert_int_equal(position_check(&good, &key), 0);
        assert_int_equal(position_check(&good, &other), MESH_EAUTH);
        for (size_t i = 0; i < sizeof(good); i++) {
                struct position bad = good;
                ((uint8_t *)&bad)[i] ^= 0x80;
                assert_int_equal(position_check(&bad, &key), MESH_EAUTH);
        }
        position_key_done(&key);
        assert_true(sodium_is_zero(key.bytes, sizeof(key.bytes)));
}

static void there_and_back(void **state)
{
        struct position_key key = a_key(1);
        struct position in = a_position(), out;
        struct arena *arena = arena_new(4096);
        (void)state;
        position_seal(&in, &key);
        Mesh__V1__Position *message = position_to_message(&in, arena);
        assert_non_null(message);
        assert_int_equal(position_from_message(message, &out), 0);
        assert_memory_equal(&in, &out, sizeof(in));
        message->mac.len--;
        assert_int_equal(position_from_message(message, &out), MESH_EFORMAT);
        message->mac.len++;
        message->log_hash.len = 0;
        assert_int_equal(position_from_message(message, &out), MESH_EFORMAT);
        message->log_hash.len = KEY_BYTES;
        message->epoch = NULL;
        assert_int_equal(position_from_message(message, &out), MESH_EFORMAT);
        assert_int_equal(position_from_message(NULL, &out), MESH_EFORMAT);
        assert_memory_equal(&in, &out, sizeof(in));
        arena_free(arena);
        arena = arena_new(64);
        assert_null(position_to_message(&in, arena));
        arena_free(arena);
}

static void log_is_a_chain(void **state)
{
        uint8_t none[KEY_BYTES] = { 0 }, a[KEY_BYTES], b[KEY_BYTES], in_place[KEY_BYTES] = { 0 };
        (void)state;
        change_log_hash(none, 1, "one", 3, a);
        change_log_hash(a, 2, "two", 3, b);
        change_log_hash(in_place, 1, "one", 3, in_place);
        change_log_hash(in_place, 2, "two", 3, in_place);
        assert_memory_equal(in_place, b, KEY_BYTES);
        change_log_hash(none, 2, "one", 3, b);
        assert_memory_not_equal(a, b, KEY_BYTES);
        change_log_hash(none, 1, "onf", 3, b);
        assert_memory_not_equal(a, b, KEY_BYTES);
        change_log_hash(none, 1, NULL, 0, b);
        assert_memory_not_equal(a, b, KEY_BYTES);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_field_is_under_the_mac),
                cmocka_unit_test(there_and_back),
                cmocka_unit_test(log_is_a_chain),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
