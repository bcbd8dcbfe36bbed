/* The one door between protobuf bytes and protobuf-c messages.
 *
 * protobuf-c recurses without limit, amplifies memory and accepts broken text; so every message
 * that somebody else made is walked first by its descriptor (pb_scan.c) and then unpacked into a
 * bounded arena. Never call protobuf_c_message_unpack or free_unpacked elsewhere: the arena owns
 * the message. Used by coordinator, agent and meshctl. facts.md, protobuf-c. */
#pragma once
#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct buffer;

enum {
        PB_DEPTH_MAX = 16,        /* messages inside messages */
        PB_UNKNOWN_MAX = 4096,    /* fields of a newer version, in the whole message */
        PB_MESSAGE_MAX = 4 << 20, /* bytes; stock gRPC clients refuse more */
};

/* Unpacks LEN BYTES (NULL if LEN is 0) as the message that DESCRIPTOR describes, for example
 * &mesh__v1__hello__descriptor. *RET_MESSAGE and all it points to are borrowed from ARENA; BYTES
 * may go. Unknown fields are accepted and ignored. MESH_EFORMAT for malformed bytes, groups, a
 * singular field that comes twice, two members of a oneof, a string with a NUL or that is not
 * UTF-8; MESH_ELIMIT for too deep, too many unknown fields or more memory than ARENA has left;
 * MESH_ENOMEM. */
int pb_unpack(const ProtobufCMessageDescriptor *descriptor, const uint8_t *bytes, size_t len,
              struct arena *arena, ProtobufCMessage **ret_message);

/* Appends the serialised MESSAGE to BUFFER. MESH_ELIMIT over PB_MESSAGE_MAX or the buffer's
 * maximum, MESH_ENOMEM; then the buffer's own sticky error is set as well. */
int pb_pack(const ProtobufCMessage *message, struct buffer *buffer);
