/* Bounded readers of netlink messages; see the header. */
#include "common/netlink_attr.h"

#include <string.h>

#include "common/error.h"

enum { ALIGN = 4, HEADER_BYTES = 4 };

static size_t aligned(size_t len)
{
        return (len + ALIGN - 1) / ALIGN * ALIGN;
}

/* The size each kind has; 0: none of its own. */
static const size_t kind_len[] = {
        [NETLINK_ATTR_U8] = 1,  [NETLINK_ATTR_U16] = 2,   [NETLINK_ATTR_U32] = 4,
        [NETLINK_ATTR_U64] = 8, [NETLINK_ATTR_BYTES] = 0, [NETLINK_ATTR_NEST] = 0,
};

static int attr_check(const struct netlink_attr *attr, const struct netlink_attr_policy *policy)
{
        switch (policy->kind) {
        case NETLINK_ATTR_TEXT:
                return memchr(attr->data, '\0', attr->len) ? 0 : MESH_EFORMAT;
        case NETLINK_ATTR_BYTES:
        case NETLINK_ATTR_NEST:
                return attr->len >= policy->min_len ? 0 : MESH_EFORMAT;
        default:
                return attr->len == kind_len[policy->kind] ? 0 : MESH_EFORMAT;
        }
}

int netlink_attr_next(struct cursor *list, uint16_t *ret_type, struct netlink_attr *ret_attr)
{
        if (list->failed)
                return MESH_ETRUNCATED;
        if (cursor_left(list) == 0)
                return 0;
        uint16_t head[2]; /* length with the header, type */
        cursor_copy(list, head, sizeof(head));
        if (list->failed || head[0] < HEADER_BYTES)
                return MESH_ETRUNCATED;
        size_t len = head[0] - (size_t)HEADER_BYTES;
        const uint8_t *data = cursor_take(list, len);
        if (list->failed)
                return MESH_ETRUNCATED;
        size_t padding = aligned(len) - len;
        size_t left = cursor_left(list);
        cursor_take(list, padding < left ? padding : left); /* the last one may lack its padding */
        *ret_type = head[1] & (uint16_t)NLA_TYPE_MASK;
        *ret_attr = (struct netlink_attr){ .data = data, .len = len };
        return 1;
}

int netlink_attrs_parse(const void *bytes, size_t len, const struct netlink_attr_policy *policy,
                        size_t count, struct netlink_attr *ret)
{
        memset(ret, 0, count * sizeof(*ret));
        struct cursor list = cursor_over(bytes, len);
        for (;;) {
                uint16_t type;
                struct netlink_attr attr;
                int more = netlink_attr_next(&list, &type, &attr);
                if (more == 0)
                        return 0;
                if (more > 0 && (type >= count || policy[type].kind == NETLINK_ATTR_SKIP))
                        continue;
                int err = more < 0 ? more : attr_check(&attr, &policy[type]);
                if (err) {
                        memset(ret, 0, count * sizeof(*ret));
                        return err;
                }
                ret[type] = attr;
        }
}

static void attr_copy(const struct netlink_attr *attr, void *out, size_t len)
{
        memset(out, 0, len);
        if (attr->data && attr->len >= len)
                memcpy(out, attr->data, len);
}

uint8_t netlink_attr_u8(const struct netlink_attr *attr)
{
        uint8_t value;
        attr_copy(attr, &value, sizeof(value));
        return value;
}

uint16_t netlink_attr_u16(const struct netlink_attr *attr)
{
        uint16_t value;
        attr_copy(attr, &value, sizeof(value));
        return value;
}

uint32_t netlink_attr_u32(const struct netlink_attr *attr)
{
        uint32_t value;
        attr_copy(attr, &value, sizeof(value));
        return value;
}

uint64_t netlink_attr_u64(const struct netlink_attr *attr)
{
        uint64_t value;
        attr_copy(attr, &value, sizeof(value));
        return value;
}

const char *netlink_attr_text(const struct netlink_attr *attr)
{
        return attr->data ? attr->data : "";
}

int netlink_payload(const struct nlmsghdr *message, void *ret_header, size_t header_len,
                    struct netlink_attr *ret_attrs)
{
        struct cursor c = cursor_over(message, message->nlmsg_len);
        cursor_take(&c, sizeof(*message));
        const uint8_t *header = cursor_take(&c, header_len);
        if (c.failed)
                return MESH_ETRUNCATED;
        size_t padding = aligned(header_len) - header_len;
        size_t left = cursor_left(&c);
        cursor_take(&c, padding < left ? padding : left);
        memcpy(ret_header, header, header_len);
        *ret_attrs = (struct netlink_attr){ .data = c.at, .len = cursor_left(&c) };
        return 0;
}

int netlink_message_next(const void *bytes, size_t len, size_t *at,
                         const struct nlmsghdr **ret_message)
{
        if (*at >= len)
                return 0;
        struct nlmsghdr head;
        if (len - *at < sizeof(head))
                return MESH_ETRUNCATED;
        memcpy(&head, (const uint8_t *)bytes + *at, sizeof(head));
        if (head.nlmsg_len < sizeof(head) || head.nlmsg_len > len - *at)
                return MESH_ETRUNCATED;
        *ret_message = (const struct nlmsghdr *)(const void *)((const uint8_t *)bytes + *at);
        *at += aligned(head.nlmsg_len);
        return 1;
}

/* The extended acknowledgement that follows an error code. */
static int verdict_attrs(struct cursor *c, struct netlink_verdict *verdict)
{
        static const struct netlink_attr_policy policy[] = {
                [NLMSGERR_ATTR_MSG] = { .kind = NETLINK_ATTR_TEXT },
                [NLMSGERR_ATTR_OFFS] = { .kind = NETLINK_ATTR_U32 },
        };
        enum { COUNT = sizeof(policy) / sizeof(policy[0]) };
        struct netlink_attr attrs[COUNT];
        int err = netlink_attrs_parse(c->at, cursor_left(c), policy, COUNT, attrs);
        if (err)
                return err;
        verdict->text = netlink_attr_text(&attrs[NLMSGERR_ATTR_MSG]);
        verdict->attr_offset = netlink_attr_u32(&attrs[NLMSGERR_ATTR_OFFS]);
        return 0;
}

int netlink_verdict_parse(const struct nlmsghdr *message, struct netlink_verdict *ret_verdict)
{
        struct netlink_verdict verdict = { .text = "" };
        struct cursor c = cursor_over(message, message->nlmsg_len);
        cursor_take(&c, sizeof(*message));
        if (message->nlmsg_type == NLMSG_DONE && cursor_left(&c) == 0) {
                *ret_verdict = verdict; /* some dumps end with nothing more */
                return 0;
        }
        int32_t code;
        cursor_copy(&c, &code, sizeof(code));
        if (message->nlmsg_type == NLMSG_ERROR) {
                struct nlmsghdr request;
                cursor_copy(&c, &request, sizeof(request));
                if (!c.failed && !(message->nlmsg_flags & NLM_F_CAPPED) &&
                    request.nlmsg_len > sizeof(request))
                        cursor_take(&c, aligned(request.nlmsg_len) - sizeof(request));
        }
        if (c.failed)
                return MESH_ETRUNCATED;
        if (code > 0 || code < -4095) /* MAX_ERRNO of the kernel */
                return MESH_EFORMAT;
        verdict.err_no = -code;
        int err = message->nlmsg_flags & NLM_F_ACK_TLVS ? verdict_attrs(&c, &verdict) : 0;
        if (err)
                return err;
        *ret_verdict = verdict;
        return 0;
}
