/* Any bytes as length-prefixed messages; the first byte says in what pieces they come. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "common/grpc/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct grpc_deframer deframer;
        size_t piece = size > 0 ? (size_t)data[0] + 1 : 1;
        int err = 0;
        grpc_deframer_init(&deframer, 1000);
        for (size_t at = 1; at < size && !err; at += piece) {
                size_t len = size - at < piece ? size - at : piece, message_len;
                const uint8_t *bytes = data + at, *message;
                do {
                        err = grpc_deframer_next(&deframer, &bytes, &len, &message, &message_len);
                        if (message && message_len > 1000)
                                abort();
                } while (!err && message);
                if (grpc_deframer_held_bytes(&deframer) > 4096)
                        abort();
        }
        grpc_deframer_done(&deframer);
        return 0;
}
