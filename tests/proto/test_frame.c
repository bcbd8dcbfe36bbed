/* The wrapper of the Sync stream. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/arena.h"
#include "common/buffer.h"
#include "common/error.h"
#include "mesh/v1/agent.pb-c.h"
#include "proto/frame.h"
#include "proto/pb.h"

/* What we write is what protobuf reads. */
static void lengths(void **state)
{
        static const size_t lens[] = { 1, 127, 128, 16383, 16384, 262144, (1 << 21) - 1 };
        (void)state;
        for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
                struct buffer b = buffer_with_max(4 << 20);
                struct arena *arena = arena_new(4 << 20);
                ProtobufCMessage *message;
                const uint8_t *data;
                size_t len;
                uint8_t *at = frame_extend(&b, lens[i]);
                assert_non_null(at);
                memset(at, 'x', lens[i]);
                at[lens[i] - 1] = 'y';
                assert_int_equal(
                        pb_unpack(&mesh__v1__frame__descriptor, b.bytes, b.len, arena, &message),
                        0);
                assert_int_equal(((Mesh__V1__Frame *)message)->data.len, lens[i]);
                assert_int_equal(frame_data(b.bytes, b.len, &data, &len), 0);
                assert_int_equal(len, lens[i]);
                assert_int_equal(data[len - 1], 'y');
                assert_int_equal(frame_data(b.bytes, b.len - 1, &data, &len), MESH_EPROTO);
                arena_free(arena);
                buffer_done(&b);
        }
        struct buffer small = buffer_with_max(4);
        assert_null(frame_extend(&small, 3));
        assert_int_equal(buffer_error(&small), MESH_ELIMIT);
        buffer_done(&small);
}

static void edges(void **state)
{
        static const struct {
                const char *name, *bytes;
                size_t len;
                int expected;
        } cases[] = {
                { "empty", "", 0, MESH_EPROTO },
                { "empty data", "\x0a\0", 2, MESH_EPROTO },
                { "one byte", "\x0a\1x", 3, 0 },
                { "data twice", "\x0a\1x\x0a\1x", 6, MESH_EPROTO },
                { "newer field after", "\x0a\1x\x10\1", 5, 0 },
                { "newer field before", "\x12\1z\x0a\1x", 6, 0 },
                { "only a newer field", "\x12\1z", 3, MESH_EPROTO },
                { "rubbish after", "\x0a\1x\xff", 4, MESH_EPROTO },
                { "wrong wire type", "\x08\1", 2, MESH_EPROTO },
        };
        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                const uint8_t *data = NULL;
                size_t len = 0;
                int err = frame_data((const uint8_t *)cases[i].bytes, cases[i].len, &data, &len);
                if (err != cases[i].expected)
                        fail_msg("%s: %s", cases[i].name, mesh_strerror(err));
                if (!err && (len != 1 || data[0] != 'x'))
                        fail_msg("%s: wrong data", cases[i].name);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(lengths),
                cmocka_unit_test(edges),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
