/* The packed image of a member, as a damaged store might hand it out. */
#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"
#include "coordinator/netmap/member.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
        struct member *member = NULL, *again = NULL;
        if (member_unpack(bytes, len, &member))
                return 0;
        struct buffer packed = buffer_with_max(MEMBER_IMAGE_MAX_BYTES);
        member_pack(member, &packed);
        if (buffer_error(&packed) || member_unpack(packed.bytes, packed.len, &again) ||
            !member_equal(member, again))
                abort();
        buffer_done(&packed);
        member_unref(member);
        member_unref(again);
        return 0;
}
