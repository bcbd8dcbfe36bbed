/* Length-prefixed messages: edges of the prefix and of the limit, in chunks of every size. */
#include <string.h>
#include "common/error.h"
#include "common/grpc/frame.h"
#include "tests/support/unit.h"

enum { LIMIT = 8 };

static const struct {
        const char *name;
        uint8_t bytes[32];
        size_t len;
        int error;
        unsigned messages;
        size_t last_len;
        bool partial;
} cases[] = {
        { "empty", { 0 }, 0, 0, 0, 0, false },
        { "part of a prefix", { 0, 0, 0 }, 3, 0, 0, 0, true },
        { "prefix alone", { 0, 0, 0, 0, 1 }, 5, 0, 0, 0, true },
        { "empty message", { 0, 0, 0, 0, 0 }, 5, 0, 1, 0, false },
        { "one short", { 0, 0, 0, 0, 2, 'a' }, 6, 0, 0, 0, true },
        { "whole", { 0, 0, 0, 0, 2, 'a', 'b' }, 7, 0, 1, 2, false },
        { "whole and the next begun", { 0, 0, 0, 0, 1, 'a', 0 }, 7, 0, 1, 1, true },
        { "three",
          { 0, 0, 0, 0, 1, 'a', 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 'x', 'y', 'z' },
          19,
          0,
          3,
          3,
          false },
        { "last good length", { 0, 0, 0, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8 }, 13, 0, 1, 8, false },
        { "too long by one", { 0, 0, 0, 0, 9 }, 5, MESH_ELIMIT, 0, 0, true },
        { "the longest", { 0, 255, 255, 255, 255 }, 5, MESH_ELIMIT, 0, 0, true },
        { "compressed", { 1, 0, 0, 0, 1, 'a' }, 6, MESH_EUNSUPPORTED, 0, 0, true },
        { "unknown flag", { 2, 0, 0, 0, 1, 'a' }, 6, MESH_EFORMAT, 0, 0, true },
};

static int read_all(struct grpc_deframer *d, const uint8_t *bytes, size_t len, unsigned *messages,
                    uint8_t *last, size_t *last_len)
{
        const uint8_t *message;
        size_t message_len;
        do {
                int err = grpc_deframer_next(d, &bytes, &len, &message, &message_len);
                if (err)
                        return err;
                if (message) {
                        ++*messages;
                        *last_len = message_len;
                        if (message_len > 0)
                                memcpy(last, message, message_len);
                }
        } while (message);
        assert_int_equal(len, 0);
        return 0;
}

static void test_cases_in_chunks(void **state)
{
        (void)state;
        for (size_t i = 0; i < LENGTH(cases); i++) {
                for (size_t chunk = 1; chunk <= sizeof(cases[i].bytes); chunk++) {
                        struct grpc_deframer d;
                        unsigned messages = 0;
                        uint8_t last[LIMIT];
                        size_t last_len = 0;
                        int err = 0;
                        grpc_deframer_init(&d, LIMIT);
                        for (size_t at = 0; at < cases[i].len && !err; at += chunk) {
                                size_t left = cases[i].len - at;
                                err = read_all(&d, cases[i].bytes + at, left < chunk ? left : chunk,
                                               &messages, last, &last_len);
                        }
                        print_message("%s, chunks of %zu\n", cases[i].name, chunk);
                        assert_int_equal(err, cases[i].error);
                        assert_int_equal(messages, cases[i].messages);
                        assert_int_equal(last_len, cases[i].last_len);
                        assert_int_equal(grpc_deframer_is_partial(&d), cases[i].partial);
                        if (cases[i].error)
                                assert_int_equal(grpc_deframer_held_bytes(&d), 0);
                        grpc_deframer_done(&d);
                }
        }
}

static void test_prefix_is_read_back(void **state)
{
        struct buffer out = buffer_with_max(64);
        struct grpc_deframer d;
        unsigned messages = 0;
        uint8_t last[LIMIT];
        size_t last_len = 0;
        (void)state;
        grpc_frame_put_prefix(&out, 3);
        buffer_put(&out, "abc", 3);
        grpc_deframer_init(&d, LIMIT);
        assert_int_equal(read_all(&d, out.bytes, out.len, &messages, last, &last_len), 0);
        assert_int_equal(messages, 1);
        assert_memory_equal(last, "abc", 3);
        grpc_deframer_done(&d);
        buffer_done(&out);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_cases_in_chunks),
                cmocka_unit_test(test_prefix_is_read_back),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
