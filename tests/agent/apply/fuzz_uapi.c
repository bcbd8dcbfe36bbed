/* Any bytes as a reply of userspace WireGuard, in two pieces. */
#include <stddef.h>
#include <stdint.h>

#include "agent/apply/uapi.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct wg_device device = { 0 };
        struct uapi_reader reader = uapi_reader_start(&device);
        if (uapi_reader_feed(&reader, data, size / 2) == 0)
                uapi_reader_feed(&reader, data + size / 2, size - size / 2);
        uapi_reader_done(&reader);
        wg_device_done(&device);
        return 0;
}
