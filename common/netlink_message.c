/* Checked puts over libmnl; see the header. */
#include "common/netlink_message.h"

#include <libmnl/libmnl.h>
#include <string.h>

struct netlink_message netlink_message_start(void *memory, size_t capacity, uint16_t type,
                                             uint16_t flags)
{
        struct netlink_message m = { .header = mnl_nlmsg_put_header(memory), .capacity = capacity };
        if (m.capacity > NETLINK_MESSAGE_MAX)
                m.capacity = NETLINK_MESSAGE_MAX;
        m.header->nlmsg_type = type;
        m.header->nlmsg_flags = flags;
        return m;
}

void netlink_put_header(struct netlink_message *m, const void *header, size_t len)
{
        size_t padded = (len + 3) / 4 * 4;
        if (m->full || len > m->capacity || m->header->nlmsg_len + padded > m->capacity) {
                m->full = true;
                return;
        }
        memcpy(mnl_nlmsg_put_extra_header(m->header, len), header, len);
}

void netlink_put(struct netlink_message *m, uint16_t type, const void *data, size_t len)
{
        static const uint8_t nothing[1];
        if (!m->full && (len > m->capacity || !mnl_attr_put_check(m->header, m->capacity, type, len,
                                                                  data ? data : nothing)))
                m->full = true;
}

void netlink_put_u8(struct netlink_message *m, uint16_t type, uint8_t value)
{
        netlink_put(m, type, &value, sizeof(value));
}

void netlink_put_u16(struct netlink_message *m, uint16_t type, uint16_t value)
{
        netlink_put(m, type, &value, sizeof(value));
}

void netlink_put_u32(struct netlink_message *m, uint16_t type, uint32_t value)
{
        netlink_put(m, type, &value, sizeof(value));
}

void netlink_put_u64(struct netlink_message *m, uint16_t type, uint64_t value)
{
        netlink_put(m, type, &value, sizeof(value));
}

void netlink_put_text(struct netlink_message *m, uint16_t type, const char *text)
{
        netlink_put(m, type, text, strlen(text) + 1);
}

size_t netlink_nest_begin(struct netlink_message *m, uint16_t type)
{
        size_t token = netlink_mark(m);
        netlink_put(m, type | NLA_F_NESTED, NULL, 0);
        return m->full ? 0 : token;
}

void netlink_nest_end(struct netlink_message *m, size_t token)
{
        if (token == 0)
                return;
        uint8_t *start = (uint8_t *)m->header + token;
        uint16_t len = (uint16_t)(m->header->nlmsg_len - token); /* capacity is below 65536 */
        memcpy(start + offsetof(struct nlattr, nla_len), &len, sizeof(len));
}

size_t netlink_mark(const struct netlink_message *m)
{
        return m->header->nlmsg_len;
}

void netlink_rewind(struct netlink_message *m, size_t mark)
{
        m->header->nlmsg_len = (uint32_t)mark;
        m->full = false;
}
