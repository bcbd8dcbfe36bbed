/* An EnrollRequest as it comes, and any claim well sealed. No claim passes the check. */
#include <sodium.h>
#include <stdint.h>
#include <stdlib.h>

#include "common/arena.h"
#include "common/buffer.h"
#include "proto/convert.h"
#include "proto/enroll.h"
#include "proto/pb.h"
#include "proto/seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_request(const struct identity *coordinator, const uint8_t *bytes, size_t len)
{
        struct arena *arena = arena_new(ENROLL_ARENA_BYTES);
        struct enroll_claim claim;
        if (arena && enroll_request_open(coordinator, bytes, len, arena, &claim) == 0 &&
            enroll_request_check(coordinator, &claim, coordinator->public_key) == 0)
                abort();
        arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const uint8_t seed[KEY_BYTES] = { 1 };
        static uint8_t sealed[ENROLL_MESSAGE_MAX];
        struct identity coordinator;
        struct buffer request = buffer_with_max(ENROLL_MESSAGE_MAX);
        Mesh__V1__EnrollRequest message = MESH__V1__ENROLL_REQUEST__INIT;
        identity_from_seed(seed, &coordinator);
        try_request(&coordinator, data, size);
        if (size + SEAL_OVERHEAD_BYTES > sizeof(sealed) ||
            seal_to_identity(coordinator.public_key, data, size, sealed) != 0)
                return 0;
        message.sealed = binary_of(sealed, size + SEAL_OVERHEAD_BYTES);
        if (pb_pack(&message.base, &request) == 0)
                try_request(&coordinator, request.bytes, request.len);
        buffer_done(&request);
        return 0;
}
