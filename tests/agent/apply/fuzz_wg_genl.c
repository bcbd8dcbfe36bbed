/* Any bytes as a WG_CMD_GET_DEVICE reply. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/apply/wg_genl.h"
#include "common/netlink_attr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        uint8_t *copy = malloc(size + 1); /* aligned */
        if (!copy)
                return 0;
        memcpy(copy, data, size);
        struct wg_device device = { 0 };
        const struct nlmsghdr *message;
        size_t at = 0;
        while (netlink_message_next(copy, size, &at, &message) > 0)
                wg_genl_read_device(message, &device);
        wg_device_done(&device);
        free(copy);
        return 0;
}
