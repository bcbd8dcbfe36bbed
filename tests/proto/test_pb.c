/* pb_unpack and pb_pack: what is refused, what newer versions may send, what it costs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/arena.h"
#include "common/buffer.h"
#include "common/error.h"
#include "mesh/v1/admin.pb-c.h"
#include "mesh/v1/agent.pb-c.h"
#include "proto/pb.h"
#include "proto/pb_scan.h"

#define ARENA (1U << 20)

#define BYTES(...) (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ })

static int unpack(const ProtobufCMessageDescriptor *descriptor, const uint8_t *bytes, size_t len,
                  size_t arena_bytes)
{
        struct arena *arena = arena_new(arena_bytes);
        ProtobufCMessage *message = NULL;
        int err = pb_unpack(descriptor, bytes, len, arena, &message);
        assert_true((err == 0) == (message != NULL));
        arena_free(arena);
        return err;
}

static void edges_by_bytes(void **state)
{
        static const ProtobufCMessageDescriptor *const prefix = &mesh__v1__prefix__descriptor;
        static const ProtobufCMessageDescriptor *const rule = &mesh__v1__rule__descriptor;
        static const ProtobufCMessageDescriptor *const agent = &mesh__v1__agent_message__descriptor;
        static const ProtobufCMessageDescriptor *const delta = &mesh__v1__delta__descriptor;
        const struct {
                const char *name;
                const ProtobufCMessageDescriptor *descriptor;
                const uint8_t *bytes;
                size_t len;
                int expected;
        } cases[] = {
                { "empty", prefix, NULL, 0, 0 },
                { "whole", prefix, BYTES(0x0a, 4, 10, 0, 0, 0, 0x10, 8), 0 },
                { "cut in a length", prefix, BYTES(0x0a), MESH_EFORMAT },
                { "cut in a value", prefix, BYTES(0x0a, 4, 10, 0, 0), MESH_EFORMAT },
                { "cut in a varint", prefix, BYTES(0x10, 0x80), MESH_EFORMAT },
                { "longest varint", prefix,
                  BYTES(0x10, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01), 0 },
                { "varint too long", prefix,
                  BYTES(0x10, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01),
                  MESH_EFORMAT },
                { "tag too long", prefix, BYTES(0x8a, 0x80, 0x80, 0x80, 0x80, 0x00, 0),
                  MESH_EFORMAT },
                { "field number 0", prefix, BYTES(0x02, 0), MESH_EFORMAT },
                { "group", prefix, BYTES(0x1b, 0x1c), MESH_EFORMAT },
                { "wire type 6", prefix, BYTES(0x1e, 0), MESH_EFORMAT },
                { "wire type 7", prefix, BYTES(0x1f, 0), MESH_EFORMAT },
                { "length of 2^32", prefix, BYTES(0x0a, 0x80, 0x80, 0x80, 0x80, 0x10),
                  MESH_EFORMAT },
                { "wrong wire type", prefix, BYTES(0x08, 1), MESH_EFORMAT },
                { "singular twice", prefix, BYTES(0x10, 8, 0x10, 9), MESH_EFORMAT },
                { "unknown field", prefix, BYTES(0x10, 8, 0x7a, 2, 'h', 'i'), 0 },
                { "unknown fixed64", prefix, BYTES(0x79, 1, 2, 3, 4, 5, 6, 7, 8), 0 },
                { "unknown fixed64 cut", prefix, BYTES(0x79, 1, 2, 3, 4, 5, 6, 7), MESH_EFORMAT },
                { "unknown fixed32", prefix, BYTES(0x7d, 1, 2, 3, 4), 0 },
                { "unknown twice", prefix, BYTES(0x78, 1, 0x78, 1), 0 },
                { "text", rule, BYTES(0x22, 3, 0xe2, 0x82, 0xac), 0 },
                { "text with NUL", rule, BYTES(0x22, 3, 'a', 0, 'b'), MESH_EFORMAT },
                { "text overlong", rule, BYTES(0x22, 2, 0xc0, 0xaf), MESH_EFORMAT },
                { "text overlong NUL", rule, BYTES(0x22, 2, 0xc0, 0x80), MESH_EFORMAT },
                { "text surrogate", rule, BYTES(0x22, 3, 0xed, 0xa0, 0x80), MESH_EFORMAT },
                { "text last before surrogates", rule, BYTES(0x22, 3, 0xed, 0x9f, 0xbf), 0 },
                { "text U+10FFFF", rule, BYTES(0x22, 4, 0xf4, 0x8f, 0xbf, 0xbf), 0 },
                { "text U+110000", rule, BYTES(0x22, 4, 0xf4, 0x90, 0x80, 0x80), MESH_EFORMAT },
                { "text five bytes", rule, BYTES(0x22, 5, 0xf8, 0x88, 0x80, 0x80, 0x80),
                  MESH_EFORMAT },
                { "text cut", rule, BYTES(0x22, 2, 0xe2, 0x82), MESH_EFORMAT },
                { "text continuation alone", rule, BYTES(0x22, 1, 0x80), MESH_EFORMAT },
                { "oneof", agent, BYTES(0x1a, 2, 0x08, 5), 0 },
                { "oneof, same member twice", agent, BYTES(0x22, 0, 0x22, 0), MESH_EFORMAT },
                { "oneof, second member", agent, BYTES(0x1a, 0, 0x22, 0), MESH_EFORMAT },
                { "oneof and a newer member", agent, BYTES(0x1a, 0, 0x7a, 0), 0 },
                { "broken inside", agent, BYTES(0x1a, 1, 0x08), MESH_EFORMAT },
                { "fixed64 packed", delta, BYTES(0x3a, 8, 1, 2, 3, 4, 5, 6, 7, 8), 0 },
                { "fixed64 unpacked", delta, BYTES(0x39, 1, 2, 3, 4, 5, 6, 7, 8), 0 },
                { "fixed64 packed, half one", delta, BYTES(0x3a, 4, 1, 2, 3, 4), MESH_EFORMAT },
        };
        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                int err = unpack(cases[i].descriptor, cases[i].bytes, cases[i].len, ARENA);
                if (err != cases[i].expected)
                        fail_msg("%s: %s", cases[i].name, mesh_strerror(err));
        }
}

/* What a bomb would make protobuf-c allocate is refused before it allocates anything. */
static void bombs_are_refused(void **state)
{
        const struct {
                const char *name;
                const ProtobufCMessageDescriptor *descriptor;
                const char *unit;
                size_t unit_len, count;
        } bombs[] = {
                { "empty messages", &mesh__v1__set__descriptor, "\x12\0", 2, 100000 },
                { "empty strings", &mesh__v1__node__descriptor, "\x22\0", 2, 100000 },
                { "unknown varints", &mesh__v1__prefix__descriptor, "\x78\0", 2, 100000 },
                { "few bytes, many unknown", &mesh__v1__prefix__descriptor, "\x78\0", 2,
                  PB_UNKNOWN_MAX + 1 },
                { "unpacked integers", &mesh__v1__delta__descriptor, "\x39\0\0\0\0\0\0\0\0", 9,
                  100000 },
                { "nested empties", &mesh__v1__snapshot__descriptor, "\x22\x04\x12\0\x12\0", 6,
                  50000 },
        };
        (void)state;
        for (size_t i = 0; i < sizeof(bombs) / sizeof(bombs[0]); i++) {
                struct buffer b = buffer_with_max(PB_MESSAGE_MAX);
                struct arena *arena = arena_new(ARENA);
                ProtobufCMessage *message;
                for (size_t k = 0; k < bombs[i].count; k++)
                        buffer_put(&b, bombs[i].unit, bombs[i].unit_len);
                int err = pb_unpack(bombs[i].descriptor, b.bytes, b.len, arena, &message);
                if (err != MESH_ELIMIT)
                        fail_msg("%s: %s", bombs[i].name, mesh_strerror(err));
                assert_int_equal(arena_used(arena), 0);
                arena_free(arena);
                buffer_done(&b);
        }
}

/* A map of a newer coordinator: every peer has a field that this program does not know. */
static void newer_versions_are_read(void **state)
{
        struct buffer b = buffer_with_max(PB_MESSAGE_MAX);
        struct arena *arena = arena_new(ARENA);
        ProtobufCMessage *message;
        (void)state;
        for (size_t i = 0; i < 1000; i++)
                buffer_put(&b, "\x1a\x09\x12\x01p\xfa\x01\x03new", 11);
        assert_int_equal(
                pb_unpack(&mesh__v1__snapshot__descriptor, b.bytes, b.len, arena, &message), 0);
        const Mesh__V1__Snapshot *snapshot = (Mesh__V1__Snapshot *)message;
        assert_int_equal(snapshot->n_peers, 1000);
        assert_string_equal(snapshot->peers[999]->name, "p");
        arena_free(arena);
        buffer_done(&b);
}

/* The estimate is no less than what is used, and not much more. */
static void estimate_matches_use(void **state)
{
        static const size_t counts[] = { 0, 1, 3, 15, 16, 17, 47, 48, 49, 200, 1000 };
        (void)state;
        for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
                struct buffer b = buffer_with_max(PB_MESSAGE_MAX);
                struct arena *arena = arena_new(ARENA);
                ProtobufCMessage *message;
                buffer_put(&b, "\x08\x07\x3a\x10", 4); /* from, packed removed_sets */
                buffer_put(&b, "0123456789abcdef", 16);
                for (size_t k = 0; k < counts[i]; k++) {
                        buffer_put(&b, "\x1a\x11\x12\x05queen\x3a\x08\x0a\x04\x0a\0\0\x01\x10\x20",
                                   19);
                        buffer_put(&b, "\x22\x03key", 5);
                        buffer_put(&b, "\xfa\x01\x03new", 6);
                }
                const ProtobufCMessageDescriptor *d = &mesh__v1__delta__descriptor;
                assert_int_equal(pb_unpack(d, b.bytes, b.len, arena, &message), 0);
                size_t used = arena_used(arena), enough = used;
                assert_int_equal(pb_scan(d, b.bytes, b.len, used - 1), MESH_ELIMIT);
                while (pb_scan(d, b.bytes, b.len, enough) != 0)
                        enough += 16;
                if (enough > used + used / 4 + 64)
                        fail_msg("%zu peers: %zu used, %zu estimated", counts[i], used, enough);
                arena_free(arena);
                buffer_done(&b);
        }
}

/* Our own messages do not nest without end, so the depth is tried on one that does. */
static const ProtobufCMessageDescriptor onion_descriptor;

struct onion {
        ProtobufCMessage base;
        struct onion *inside;
};

static void onion_init(ProtobufCMessage *message)
{
        *(struct onion *)message = (struct onion){ .base = { .descriptor = &onion_descriptor } };
}

static const ProtobufCFieldDescriptor onion_fields[] = {
        { .name = "inside",
          .id = 1,
          .label = PROTOBUF_C_LABEL_NONE,
          .type = PROTOBUF_C_TYPE_MESSAGE,
          .offset = offsetof(struct onion, inside),
          .descriptor = &onion_descriptor },
};
static const ProtobufCIntRange onion_ranges[] = { { 1, 0 }, { 0, 1 } };
static const ProtobufCMessageDescriptor onion_descriptor = {
        .magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
        .name = "Onion",
        .sizeof_message = sizeof(struct onion),
        .n_fields = 1,
        .fields = onion_fields,
        .n_field_ranges = 1,
        .field_ranges = onion_ranges,
        .message_init = onion_init,
};

static void depth_is_bounded(void **state)
{
        (void)state;
        for (unsigned depth = 1; depth <= PB_DEPTH_MAX + 2; depth++) {
                uint8_t bytes[2 * (PB_DEPTH_MAX + 2)];
                size_t len = 2 * ((size_t)depth - 1);
                for (size_t i = 0; i < len; i += 2) {
                        bytes[i] = 0x0a;
                        bytes[i + 1] = (uint8_t)(len - i - 2);
                }
                assert_int_equal(unpack(&onion_descriptor, bytes, len, ARENA),
                                 depth <= PB_DEPTH_MAX ? 0 : MESH_ELIMIT);
        }
}

static void packing_is_bounded(void **state)
{
        struct buffer b = buffer_with_max(10);
        Mesh__V1__AgentHello hello = MESH__V1__AGENT_HELLO__INIT;
        uint8_t bytes[9] = { 1, 2, 3 };
        (void)state;
        assert_int_equal(pb_pack(&hello.base, &b), 0); /* an empty message has no bytes */
        assert_int_equal(b.len, 0);
        hello.ephemeral = (ProtobufCBinaryData){ 8, bytes };
        assert_int_equal(pb_pack(&hello.base, &b), 0);
        assert_int_equal(b.len, 10);
        assert_memory_equal(b.bytes, "\x0a\x08\x01\x02\x03", 5);
        assert_int_equal(pb_pack(&hello.base, &b), MESH_ELIMIT);
        assert_int_equal(buffer_error(&b), MESH_ELIMIT);
        assert_int_equal(b.len, 10);
        buffer_done(&b);
        b = buffer_with_max(SIZE_MAX / 2);
        hello.ephemeral.len = PB_MESSAGE_MAX; /* refused by the length alone: bytes are 9 */
        assert_int_equal(pb_pack(&hello.base, &b), MESH_ELIMIT);
        buffer_done(&b);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(edges_by_bytes),          cmocka_unit_test(bombs_are_refused),
                cmocka_unit_test(newer_versions_are_read), cmocka_unit_test(estimate_matches_use),
                cmocka_unit_test(depth_is_bounded),        cmocka_unit_test(packing_is_bounded),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
