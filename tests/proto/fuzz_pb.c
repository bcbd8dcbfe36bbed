/* Protobuf as a stranger, a member and an administrator send it; the first byte chooses. What was
 * unpacked must pack, and unpack again. */
#include <stdint.h>
#include <stdlib.h>

#include "common/arena.h"
#include "common/buffer.h"
#include "mesh/v1/admin.pb-c.h"
#include "mesh/v1/agent.pb-c.h"
#include "proto/pb.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const ProtobufCMessageDescriptor *const kinds[] = {
                &mesh__v1__agent_message__descriptor,        &mesh__v1__enroll_body__descriptor,
                &mesh__v1__apply_policy_request__descriptor, &mesh__v1__frame__descriptor,
                &mesh__v1__coordinator_message__descriptor,  &mesh__v1__welcome_body__descriptor,
        };
        if (size == 0)
                return 0;
        const ProtobufCMessageDescriptor *kind = kinds[data[0] % (sizeof(kinds) / sizeof(*kinds))];
        struct arena *arena = arena_new(1 << 20);
        struct buffer packed = buffer_with_max(PB_MESSAGE_MAX);
        ProtobufCMessage *message;
        if (!arena)
                return 0;
        if (pb_unpack(kind, data + 1, size - 1, arena, &message) == 0) {
                if (pb_pack(message, &packed) != 0)
                        abort();
                arena_clear(arena);
                if (packed.len <= size &&
                    pb_unpack(kind, packed.bytes, packed.len, arena, &message))
                        abort();
        }
        buffer_done(&packed);
        arena_free(arena);
        return 0;
}
