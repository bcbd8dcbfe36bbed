/* The one question that every user of generic netlink asks first; see the header. */
#include "common/netlink_family.h"

#include <linux/genetlink.h>

#include "common/error.h"
#include "common/netlink.h"
#include "common/netlink_attr.h"

static int on_family(const struct nlmsghdr *message, void *user)
{
        static const struct netlink_attr_policy policy[] = {
                [CTRL_ATTR_FAMILY_ID] = { .kind = NETLINK_ATTR_U16 },
        };
        enum { COUNT = sizeof(policy) / sizeof(policy[0]) };
        struct genlmsghdr header;
        struct netlink_attr payload, attrs[COUNT];
        int err = netlink_payload(message, &header, sizeof(header), &payload);
        if (!err)
                err = netlink_attrs_parse(payload.data, payload.len, policy, COUNT, attrs);
        if (!err)
                *(uint16_t *)user = netlink_attr_u16(&attrs[CTRL_ATTR_FAMILY_ID]);
        return err;
}

int netlink_family_id(struct netlink *nl, const char *name, uint16_t *ret_id)
{
        uint64_t memory[32];
        const struct genlmsghdr header = { .cmd = CTRL_CMD_GETFAMILY, .version = 1 };
        struct netlink_message m = netlink_message_start(memory, sizeof(memory), GENL_ID_CTRL, 0);
        netlink_put_header(&m, &header, sizeof(header));
        netlink_put_text(&m, CTRL_ATTR_FAMILY_NAME, name);
        uint16_t id = 0;
        int err = netlink_request(nl, &m, on_family, &id);
        if (err)
                return err;
        if (id == 0)
                return MESH_EPROTO;
        *ret_id = id;
        return 0;
}
