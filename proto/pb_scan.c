/* The guard in front of protobuf-c; see the header.
 *
 * The memory estimate mirrors what protobuf_c_message_unpack allocates from its allocator (1.4 and
 * 1.5), each piece rounded up as the arena does; test_pb.c holds it against the real use. */
#include "proto/pb_scan.h"

#include <assert.h>
#include <stdbool.h>

#include "common/error.h"
#include "proto/pb.h"

enum {
        VARINT_MAX = 10,
        TAG_MAX = 5,               /* bytes; as protobuf-c */
        ARENA_ALIGN = 16,          /* what arena_alloc rounds up to */
        SCANNED_MEMBER_BYTES = 40, /* protobuf-c notes each field that it has seen */
        SCANNED_ON_STACK = 16,     /* this many of them cost nothing */
        FIELDS_MAX = 64,           /* of one of our messages; a bit set holds them */
};

struct scan {
        size_t room, need;
        unsigned unknown;
};

/* What is known about one message while its fields go by. */
struct message_scan {
        const ProtobufCMessageDescriptor *descriptor;
        uint64_t seen; /* by index in the descriptor */
        size_t fields; /* on the wire */
        unsigned depth;
};

static bool read_varint(struct cursor *c, size_t max_bytes, uint64_t *ret_value)
{
        uint64_t value = 0;
        for (size_t i = 0; i < max_bytes; i++) {
                uint8_t byte = cursor_u8(c);
                value |= (uint64_t)(byte & 0x7f) << (7 * i);
                if (!(byte & 0x80)) {
                        *ret_value = value;
                        return !c->failed;
                }
        }
        return false;
}

int pb_field_next(struct cursor *c, struct pb_field *ret_field)
{
        const uint8_t *began = c->at;
        uint64_t tag, value;
        if (!read_varint(c, TAG_MAX, &tag) || tag > UINT32_MAX || tag >> 3 == 0)
                return MESH_EFORMAT;
        struct pb_field field = { .number = (uint32_t)(tag >> 3), .wire_type = tag & 7 };
        switch (field.wire_type) {
        case PROTOBUF_C_WIRE_TYPE_VARINT:
                field.payload = c->at;
                if (!read_varint(c, VARINT_MAX, &value))
                        return MESH_EFORMAT;
                field.len = (size_t)(c->at - field.payload);
                break;
        case PROTOBUF_C_WIRE_TYPE_64BIT:
                field.payload = cursor_take(c, field.len = 8);
                break;
        case PROTOBUF_C_WIRE_TYPE_32BIT:
                field.payload = cursor_take(c, field.len = 4);
                break;
        case PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED:
                if (!read_varint(c, TAG_MAX, &value) || value > cursor_left(c))
                        return MESH_EFORMAT;
                field.payload = cursor_take(c, field.len = (size_t)value);
                break;
        default: /* groups, and two types that do not exist */
                return MESH_EFORMAT;
        }
        if (c->failed)
                return MESH_EFORMAT;
        field.whole = (size_t)(c->at - began);
        *ret_field = field;
        return 0;
}

/* Part of an allocation, and a whole one. */
static int scan_add(struct scan *s, size_t bytes)
{
        if (bytes > s->room - s->need)
                return MESH_ELIMIT;
        s->need += bytes;
        return 0;
}

static int scan_need(struct scan *s, size_t bytes)
{
        size_t rounded = (bytes + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
        return rounded < bytes ? MESH_ELIMIT : scan_add(s, rounded);
}

/* RFC 3629: shortest form, no surrogates, at most U+10FFFF; and no NUL, since C strings end there.
 */
static bool is_text(const uint8_t *bytes, size_t len)
{
        static const struct {
                uint8_t mask, lead, more;
                uint32_t lowest;
        } forms[] = { { 0x80, 0x00, 0, 1 },
                      { 0xe0, 0xc0, 1, 0x80 },
                      { 0xf0, 0xe0, 2, 0x800 },
                      { 0xf8, 0xf0, 3, 0x10000 } };
        for (size_t i = 0; i < len;) {
                size_t form = 0;
                while (form < 4 && (bytes[i] & forms[form].mask) != forms[form].lead)
                        form++;
                if (form == 4 || forms[form].more >= len - i)
                        return false;
                uint32_t code = bytes[i++] & (uint8_t)~forms[form].mask;
                for (size_t k = 0; k < forms[form].more; k++, i++) {
                        if ((bytes[i] & 0xc0) != 0x80)
                                return false;
                        code = code << 6 | (bytes[i] & 0x3f);
                }
                if (code < forms[form].lowest || code > 0x10ffff || code >> 11 == 0x1b)
                        return false;
        }
        return true;
}

/* How protobuf-c lays a type out: the wire type, and the size of an element of a repeated field. */
static const struct {
        uint8_t wire_type;
        uint8_t element;
        bool packable;
} layouts[] = {
        [PROTOBUF_C_TYPE_INT32] = { PROTOBUF_C_WIRE_TYPE_VARINT, 4, true },
        [PROTOBUF_C_TYPE_SINT32] = { PROTOBUF_C_WIRE_TYPE_VARINT, 4, true },
        [PROTOBUF_C_TYPE_SFIXED32] = { PROTOBUF_C_WIRE_TYPE_32BIT, 4, true },
        [PROTOBUF_C_TYPE_INT64] = { PROTOBUF_C_WIRE_TYPE_VARINT, 8, true },
        [PROTOBUF_C_TYPE_SINT64] = { PROTOBUF_C_WIRE_TYPE_VARINT, 8, true },
        [PROTOBUF_C_TYPE_SFIXED64] = { PROTOBUF_C_WIRE_TYPE_64BIT, 8, true },
        [PROTOBUF_C_TYPE_UINT32] = { PROTOBUF_C_WIRE_TYPE_VARINT, 4, true },
        [PROTOBUF_C_TYPE_FIXED32] = { PROTOBUF_C_WIRE_TYPE_32BIT, 4, true },
        [PROTOBUF_C_TYPE_UINT64] = { PROTOBUF_C_WIRE_TYPE_VARINT, 8, true },
        [PROTOBUF_C_TYPE_FIXED64] = { PROTOBUF_C_WIRE_TYPE_64BIT, 8, true },
        [PROTOBUF_C_TYPE_FLOAT] = { PROTOBUF_C_WIRE_TYPE_32BIT, 4, true },
        [PROTOBUF_C_TYPE_DOUBLE] = { PROTOBUF_C_WIRE_TYPE_64BIT, 8, true },
        [PROTOBUF_C_TYPE_BOOL] = { PROTOBUF_C_WIRE_TYPE_VARINT, sizeof(protobuf_c_boolean), true },
        [PROTOBUF_C_TYPE_ENUM] = { PROTOBUF_C_WIRE_TYPE_VARINT, 4, true },
        [PROTOBUF_C_TYPE_STRING] = { PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED, sizeof(char *), false },
        [PROTOBUF_C_TYPE_BYTES] = { PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED,
                                    sizeof(ProtobufCBinaryData), false },
        [PROTOBUF_C_TYPE_MESSAGE] = { PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED, sizeof(void *), false },
};

static int scan_message(struct scan *s, const ProtobufCMessageDescriptor *descriptor,
                        const uint8_t *bytes, size_t len, unsigned depth);

static int scan_unknown(struct scan *s, const struct pb_field *field)
{
        if (++s->unknown > PB_UNKNOWN_MAX)
                return MESH_ELIMIT;
        int err = scan_need(s, sizeof(ProtobufCMessageUnknownField));
        return err ? err : scan_need(s, field->whole);
}

/* A packed field; protobuf-c counts its elements before it allocates, and one takes at least one
 * byte (4 or 8 if fixed). */
static int scan_packed(struct scan *s, const struct pb_field *field, ProtobufCType type)
{
        size_t smallest = layouts[type].wire_type == PROTOBUF_C_WIRE_TYPE_VARINT  ? 1
                          : layouts[type].wire_type == PROTOBUF_C_WIRE_TYPE_32BIT ? 4
                                                                                  : 8;
        if (field->len % smallest != 0)
                return MESH_EFORMAT;
        size_t count = field->len;
        if (smallest > 1)
                count = field->len / smallest;
        else if (type != PROTOBUF_C_TYPE_BOOL) /* of a bool protobuf-c counts every byte */
                for (size_t i = 0; i < field->len; i++)
                        count -= field->payload[i] >> 7;
        return scan_add(s, count * layouts[type].element);
}

static int scan_value(struct scan *s, const struct pb_field *field,
                      const ProtobufCFieldDescriptor *known, unsigned depth)
{
        switch (known->type) {
        case PROTOBUF_C_TYPE_STRING:
                if (!is_text(field->payload, field->len))
                        return MESH_EFORMAT;
                return scan_need(s, field->len + 1);
        case PROTOBUF_C_TYPE_BYTES:
                return scan_need(s, field->len);
        case PROTOBUF_C_TYPE_MESSAGE:
                return scan_message(s, known->descriptor, field->payload, field->len, depth + 1);
        default:
                return 0;
        }
}

/* A singular field stands once, and one member of a oneof: encoders never write more, and merging
 * them would cost the square of their number. */
static bool stands_twice(const struct message_scan *m, const ProtobufCFieldDescriptor *known)
{
        const ProtobufCFieldDescriptor *fields = m->descriptor->fields;
        if (m->seen & UINT64_C(1) << (known - fields))
                return true;
        if (!(known->flags & PROTOBUF_C_FIELD_FLAG_ONEOF))
                return false;
        for (unsigned i = 0; i < m->descriptor->n_fields; i++)
                if (m->seen & UINT64_C(1) << i && fields[i].flags & PROTOBUF_C_FIELD_FLAG_ONEOF &&
                    fields[i].quantifier_offset == known->quantifier_offset)
                        return true;
        return false;
}

static int scan_known(struct scan *s, struct message_scan *m, const struct pb_field *field,
                      const ProtobufCFieldDescriptor *known)
{
        bool repeated = known->label == PROTOBUF_C_LABEL_REPEATED;
        uint64_t bit = UINT64_C(1) << (known - m->descriptor->fields);
        int err = 0;
        if (!repeated && stands_twice(m, known))
                return MESH_EFORMAT;
        if (repeated && !(m->seen & bit))
                err = scan_need(s, ARENA_ALIGN); /* rounding of the array */
        m->seen |= bit;
        if (err)
                return err;
        if (repeated && layouts[known->type].packable &&
            field->wire_type == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED)
                return scan_packed(s, field, known->type);
        if (field->wire_type != layouts[known->type].wire_type)
                return MESH_EFORMAT;
        if (repeated)
                err = scan_add(s, layouts[known->type].element);
        return err ? err : scan_value(s, field, known, m->depth);
}

/* protobuf-c notes the fields in slabs that double: 16 on the stack, then 32, 64, ... */
static int scan_slab(struct scan *s, struct message_scan *m)
{
        size_t n = m->fields++;
        if (n < SCANNED_ON_STACK || (n + SCANNED_ON_STACK) & (n + SCANNED_ON_STACK - 1))
                return 0;
        return scan_need(s, (n + SCANNED_ON_STACK) * SCANNED_MEMBER_BYTES);
}

static int scan_message(struct scan *s, const ProtobufCMessageDescriptor *descriptor,
                        const uint8_t *bytes, size_t len, unsigned depth)
{
        assert(descriptor->n_fields <= FIELDS_MAX);
        if (depth > PB_DEPTH_MAX)
                return MESH_ELIMIT;
        struct message_scan m = { .descriptor = descriptor, .depth = depth };
        struct cursor c = cursor_over(bytes, len);
        int err = scan_need(s, descriptor->sizeof_message);
        while (!err && cursor_left(&c) > 0) {
                struct pb_field field;
                err = pb_field_next(&c, &field);
                if (err)
                        break;
                err = scan_slab(s, &m);
                if (err)
                        break;
                const ProtobufCFieldDescriptor *known =
                        protobuf_c_message_descriptor_get_field(descriptor, field.number);
                err = known ? scan_known(s, &m, &field, known) : scan_unknown(s, &field);
        }
        return err;
}

int pb_scan(const ProtobufCMessageDescriptor *descriptor, const uint8_t *bytes, size_t len,
            size_t room)
{
        struct scan s = { .room = room };
        return scan_message(&s, descriptor, bytes, len, 1);
}
