/* Any bytes as the kernel's answers, to a dump or (odd first byte) to a request. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/netlink_attr.h"
#include "common/netlink_exchange.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int on_reply(const struct nlmsghdr *message, void *user)
{
        uint32_t header;
        struct netlink_attr attrs, last;
        (void)user;
        if (netlink_payload(message, &header, sizeof(header), &attrs))
                return 0;
        struct cursor list = cursor_over(attrs.data, attrs.len);
        uint16_t type;
        while (netlink_attr_next(&list, &type, &last) > 0)
                ;
        return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        uint8_t *copy = malloc(size + 1); /* aligned */
        if (!copy)
                return 0;
        memcpy(copy, data, size);
        struct netlink_exchange x = { .last_seq = UINT32_MAX, /* every number is ours */
                                      .dump = size == 0 || data[0] % 2 == 0,
                                      .awaited = 1,
                                      .on_reply = on_reply };
        netlink_exchange_feed(&x, copy, size);
        free(copy);
        return 0;
}
