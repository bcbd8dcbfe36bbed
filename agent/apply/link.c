/* Links over rtnetlink; see the header. */
#include "agent/apply/link.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "agent/apply/reason.h"
#include "common/error.h"
#include "common/netlink.h"
#include "common/netlink_attr.h"

enum { MEMORY_WORDS = 64 }; /* of 8 bytes: a link message of ours is below 200 */

static const struct netlink_attr_policy link_policy[] = {
        [IFLA_MTU] = { .kind = NETLINK_ATTR_U32 },
        [IFLA_LINKINFO] = { .kind = NETLINK_ATTR_NEST },
        [IFLA_IFALIAS] = { .kind = NETLINK_ATTR_TEXT },
};

static const struct netlink_attr_policy info_policy[] = {
        [IFLA_INFO_KIND] = { .kind = NETLINK_ATTR_TEXT },
};

enum { LINK_ATTRS = sizeof(link_policy) / sizeof(link_policy[0]) };
enum { INFO_ATTRS = sizeof(info_policy) / sizeof(info_policy[0]) };

static int on_link(const struct nlmsghdr *message, void *user)
{
        struct link *link = user;
        struct ifinfomsg header;
        struct netlink_attr payload, attrs[LINK_ATTRS], info[INFO_ATTRS];
        int err = netlink_payload(message, &header, sizeof(header), &payload);
        if (!err)
                err = netlink_attrs_parse(payload.data, payload.len, link_policy, LINK_ATTRS,
                                          attrs);
        if (!err)
                err = netlink_attrs_parse(attrs[IFLA_LINKINFO].data, attrs[IFLA_LINKINFO].len,
                                          info_policy, INFO_ATTRS, info);
        if (err)
                return err;
        link->index = (uint32_t)header.ifi_index;
        link->up = header.ifi_flags & IFF_UP;
        link->mtu = netlink_attr_u32(&attrs[IFLA_MTU]);
        snprintf(link->kind, sizeof(link->kind), "%s", netlink_attr_text(&info[IFLA_INFO_KIND]));
        snprintf(link->alias, sizeof(link->alias), "%s", netlink_attr_text(&attrs[IFLA_IFALIAS]));
        return 0;
}

int link_find(struct netlink *nl, const char *name, struct link *ret_link, struct reason *why)
{
        uint64_t memory[MEMORY_WORDS];
        const struct ifinfomsg header = { 0 };
        struct netlink_message m = netlink_message_start(memory, sizeof(memory), RTM_GETLINK, 0);
        netlink_put_header(&m, &header, sizeof(header));
        netlink_put_text(&m, IFLA_IFNAME, name);
        struct link link = { 0 };
        int err = netlink_request(nl, &m, on_link, &link);
        if (err && netlink_error_errno(nl) == ENODEV)
                return reason_set(why, MESH_ENOENT, "interface %s: not there", name);
        if (!err && link.index == 0)
                return reason_set(why, MESH_EPROTO, "interface %s: no answer about it", name);
        if (err)
                return reason_netlink(why, err, nl, name);
        *ret_link = link;
        return 0;
}

int link_create(struct netlink *nl, const char *name, const char *kind, struct reason *why)
{
        uint64_t memory[MEMORY_WORDS];
        const struct ifinfomsg header = { 0 };
        struct netlink_message m = netlink_message_start(memory, sizeof(memory), RTM_NEWLINK,
                                                         NLM_F_CREATE | NLM_F_EXCL);
        netlink_put_header(&m, &header, sizeof(header));
        netlink_put_text(&m, IFLA_IFNAME, name);
        size_t info = netlink_nest_begin(&m, IFLA_LINKINFO);
        netlink_put_text(&m, IFLA_INFO_KIND, kind);
        netlink_nest_end(&m, info);
        int err = netlink_request(nl, &m, NULL, NULL);
        return err ? reason_netlink(why, err, nl, name) : 0;
}

int link_bring_up(struct netlink *nl, const struct link *link, uint32_t mtu, size_t *changes,
                  struct reason *why)
{
        if (link->up && link->mtu == mtu)
                return 0;
        uint64_t memory[MEMORY_WORDS];
        const struct ifinfomsg header = {
                .ifi_index = (int)link->index,
                .ifi_flags = IFF_UP,
                .ifi_change = IFF_UP,
        };
        struct netlink_message m = netlink_message_start(memory, sizeof(memory), RTM_NEWLINK, 0);
        netlink_put_header(&m, &header, sizeof(header));
        if (link->mtu != mtu)
                netlink_put_u32(&m, IFLA_MTU, mtu);
        int err = netlink_request(nl, &m, NULL, NULL);
        if (err)
                return reason_netlink(why, err, nl, "MTU and state");
        (*changes)++;
        return 0;
}

int link_set_alias(struct netlink *nl, uint32_t index, const char *alias, struct reason *why)
{
        uint64_t memory[MEMORY_WORDS];
        const struct ifinfomsg header = { .ifi_index = (int)index };
        struct netlink_message m = netlink_message_start(memory, sizeof(memory), RTM_NEWLINK, 0);
        netlink_put_header(&m, &header, sizeof(header));
        netlink_put(&m, IFLA_IFALIAS, alias, strlen(alias));
        int err = netlink_request(nl, &m, NULL, NULL);
        return err ? reason_netlink(why, err, nl, "alias") : 0;
}

int link_remove(struct netlink *nl, uint32_t index, struct reason *why)
{
        uint64_t memory[MEMORY_WORDS];
        const struct ifinfomsg header = { .ifi_index = (int)index };
        struct netlink_message m = netlink_message_start(memory, sizeof(memory), RTM_DELLINK, 0);
        netlink_put_header(&m, &header, sizeof(header));
        int err = netlink_request(nl, &m, NULL, NULL);
        if (err && netlink_error_errno(nl) == ENODEV)
                return 0;
        return err ? reason_netlink(why, err, nl, "removal") : 0;
}
