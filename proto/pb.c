/* The one door to protobuf-c; see the header. */
#include "proto/pb.h"

#include <assert.h>
#include <stdbool.h>

#include "common/arena.h"
#include "common/buffer.h"
#include "common/error.h"
#include "proto/pb_scan.h"

struct arena_allocator {
        struct arena *arena;
        bool failed;
};

static void *allocate(void *data, size_t len)
{
        struct arena_allocator *a = data;
        void *bytes = arena_alloc(a->arena, len);
        a->failed |= !bytes;
        return bytes;
}

static void release(void *data, void *bytes)
{
        (void)data; /* the arena frees everything at once */
        (void)bytes;
}

int pb_unpack(const ProtobufCMessageDescriptor *descriptor, const uint8_t *bytes, size_t len,
              struct arena *arena, ProtobufCMessage **ret_message)
{
        static const uint8_t nothing[1];
        int err = pb_scan(descriptor, bytes, len, arena_left(arena));
        if (err)
                return err;
        struct arena_allocator state = { .arena = arena };
        ProtobufCAllocator allocator = { allocate, release, &state };
        ProtobufCMessage *message =
                protobuf_c_message_unpack(descriptor, &allocator, len, len ? bytes : nothing);
        if (!message)
                return state.failed ? MESH_ENOMEM : MESH_EFORMAT;
        *ret_message = message;
        return 0;
}

int pb_pack(const ProtobufCMessage *message, struct buffer *buffer)
{
        size_t len = protobuf_c_message_get_packed_size(message);
        if (len > PB_MESSAGE_MAX && !buffer->error)
                buffer->error = MESH_ELIMIT;
        if (len == 0 || buffer->error)
                return buffer_error(buffer);
        uint8_t *bytes = buffer_extend(buffer, len);
        if (!bytes)
                return buffer_error(buffer);
        size_t packed = protobuf_c_message_pack(message, bytes);
        assert(packed == len);
        (void)packed;
        return 0;
}
