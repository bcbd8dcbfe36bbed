/* A message with set elements, from any bytes, for each key length. */
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>

#include "firewall/nft/set_codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { KEYS_MAX = 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static struct set_key keys[KEYS_MAX];
        struct nlmsghdr *message = malloc(sizeof(*message) + size);
        struct ruleset rs;
        if (!message || ruleset_init(&rs, "t"))
                abort();
        *message = (struct nlmsghdr){ .nlmsg_len = (uint32_t)(sizeof(*message) + size) };
        if (size)
                memcpy(message + 1, data, size);
        for (enum set_type type = 0; type < SET_TYPE_COUNT; type++) {
                struct cursor list;
                size_t count = 0;
                if (set_codec_list(message, &list))
                        break;
                while (count < KEYS_MAX &&
                       set_codec_next(&list, set_key_len(type), &keys[count]) > 0)
                        count++;
                set_codec_collect(&rs, ruleset_add_set(&rs, "s", type, true), keys, count);
        }
        ruleset_done(&rs);
        free(message);
        return 0;
}
