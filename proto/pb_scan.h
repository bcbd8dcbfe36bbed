/* Walks protobuf bytes without allocating; the guard in front of protobuf-c.
 *
 * Private to proto/: pb.c scans a message before it is unpacked, frame.c reads the outermost
 * wrapper of a stream with the same field reader. Encoding: protobuf.dev, "Encoding". */
#pragma once
#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cursor.h"

/* One field as it stands on the wire. */
struct pb_field {
        uint32_t number;
        uint8_t wire_type;
        const uint8_t *payload; /* varint, fixed or contents of a length-delimited field */
        size_t len;             /* of the payload */
        size_t whole;           /* with tag and length prefix */
};

/* Reads the next field of C, which is not at its end. MESH_EFORMAT for groups, bad wire types,
 * field number 0, overlong varints and fields that are cut. */
int pb_field_next(struct cursor *c, struct pb_field *ret_field);

/* Whether unpacking LEN BYTES as DESCRIPTOR is safe and takes at most ROOM bytes of an arena. The
 * errors of pb_unpack. */
int pb_scan(const ProtobufCMessageDescriptor *descriptor, const uint8_t *bytes, size_t len,
            size_t room);
