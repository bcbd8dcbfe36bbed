/* Routes over rtnetlink; see the header. */
#include "agent/apply/route.h"

#include <errno.h>
#include <linux/rtnetlink.h>

#include "agent/apply/prefix_list.h"
#include "agent/apply/reason.h"
#include "common/error.h"
#include "common/netlink.h"
#include "common/netlink_attr.h"

/* What is being read: one family, then the other. */
struct reading {
        uint32_t ifindex;
        struct prefix_list found;
        size_t before; /* how many the first family had */
};

static const struct netlink_attr_policy policy[] = {
        [RTA_DST] = { NETLINK_ATTR_BYTES, 4 },
        [RTA_OIF] = { NETLINK_ATTR_U32, 0 },
};

enum { ATTRS = sizeof(policy) / sizeof(policy[0]) };

static void on_start(void *user)
{
        struct reading *reading = user;
        reading->found.count = reading->before;
}

static int on_route(const struct nlmsghdr *message, void *user)
{
        struct reading *reading = user;
        struct rtmsg header;
        struct netlink_attr payload, attrs[ATTRS];
        int err = netlink_payload(message, &header, sizeof(header), &payload);
        if (!err)
                err = netlink_attrs_parse(payload.data, payload.len, policy, ATTRS, attrs);
        /* The request asks for ours only; a kernel before 5.0 sends all the same. */
        if (err || message->nlmsg_type != RTM_NEWROUTE || header.rtm_protocol != ROUTE_PROTOCOL ||
            header.rtm_table != RT_TABLE_MAIN ||
            netlink_attr_u32(&attrs[RTA_OIF]) != reading->ifindex)
                return err;
        struct ip_prefix prefix = { .bits = header.rtm_dst_len };
        prefix.addr.len = header.rtm_family == AF_INET6 ? 16 : 4;
        if (attrs[RTA_DST].data) /* absent: a default route */
                err = ip_addr_from_bytes(attrs[RTA_DST].data, attrs[RTA_DST].len, &prefix.addr);
        return err ? err : prefix_list_add(&reading->found, prefix);
}

static int routes_read(struct netlink *nl, struct reading *reading, uint8_t family,
                       struct reason *why)
{
        uint64_t memory[16];
        const struct rtmsg header = { .rtm_family = family, .rtm_protocol = ROUTE_PROTOCOL };
        struct netlink_message m = netlink_message_start(memory, sizeof(memory), RTM_GETROUTE, 0);
        netlink_put_header(&m, &header, sizeof(header));
        netlink_put_u32(&m, RTA_OIF, reading->ifindex);
        reading->before = reading->found.count;
        struct netlink_dump dump = { on_start, on_route, reading };
        int err = netlink_dump(nl, &m, &dump);
        return err ? reason_netlink(why, err, nl, "list of routes") : 0;
}

static int route_change(struct netlink *nl, uint32_t ifindex, const struct ip_prefix *prefix,
                        bool add)
{
        uint64_t memory[16];
        bool v6 = prefix->addr.len == 16;
        const struct rtmsg header = {
                .rtm_family = v6 ? AF_INET6 : AF_INET,
                .rtm_dst_len = prefix->bits,
                .rtm_table = RT_TABLE_MAIN,
                .rtm_protocol = ROUTE_PROTOCOL,
                .rtm_scope = v6 ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK,
                .rtm_type = RTN_UNICAST,
        };
        struct netlink_message m =
                netlink_message_start(memory, sizeof(memory), add ? RTM_NEWROUTE : RTM_DELROUTE,
                                      add ? NLM_F_CREATE | NLM_F_EXCL : 0);
        netlink_put_header(&m, &header, sizeof(header));
        netlink_put(&m, RTA_DST, prefix->addr.bytes, prefix->addr.len);
        netlink_put_u32(&m, RTA_OIF, ifindex);
        return netlink_request(nl, &m, NULL, NULL);
}

static bool is_wanted(const struct ip_prefix *prefix, const struct ip_prefix *wanted, size_t count)
{
        for (size_t i = 0; i < count; i++) {
                struct ip_prefix masked = ip_prefix_mask(wanted[i]);
                if (ip_prefix_compare(&masked, prefix) == 0)
                        return true;
        }
        return false;
}

static int reason_route(struct reason *why, int err, const struct netlink *nl,
                        const struct ip_prefix *prefix)
{
        char text[IP_TEXT_MAX];
        ip_prefix_format(prefix, text);
        if (err == MESH_EEXIST)
                return reason_set(why, err, "%s: the host has a route of its own for it", text);
        return reason_netlink(why, err, nl, text);
}

static int routes_remove(struct netlink *nl, const struct reading *reading,
                         const struct ip_prefix *wanted, size_t count, size_t *changes,
                         struct reason *why)
{
        for (size_t i = 0; i < reading->found.count; i++) {
                if (is_wanted(&reading->found.prefixes[i], wanted, count))
                        continue;
                int err = route_change(nl, reading->ifindex, &reading->found.prefixes[i], false);
                if (err && netlink_error_errno(nl) != ESRCH) /* else gone meanwhile */
                        return reason_route(why, err, nl, &reading->found.prefixes[i]);
                (*changes)++;
        }
        return 0;
}

static int routes_add(struct netlink *nl, struct reading *reading, const struct ip_prefix *wanted,
                      size_t count, bool ipv6_off, size_t *changes, struct reason *why)
{
        for (size_t i = 0; i < count; i++) {
                struct ip_prefix prefix = ip_prefix_mask(wanted[i]);
                if ((prefix.addr.len == 16 && ipv6_off) ||
                    prefix_list_has(&reading->found, &prefix))
                        continue;
                int err = route_change(nl, reading->ifindex, &prefix, true);
                if (err)
                        return reason_route(why, err, nl, &prefix);
                (*changes)++;
                err = prefix_list_add(&reading->found, prefix); /* named twice is added once */
                if (err)
                        return reason_set(why, err, "list of routes: %s", mesh_strerror(err));
        }
        return 0;
}

int route_reconcile(struct netlink *nl, uint32_t ifindex, const struct ip_prefix *wanted,
                    size_t count, bool ipv6_off, size_t *changes, struct reason *why)
{
        struct reading reading = { .ifindex = ifindex };
        int err = routes_read(nl, &reading, AF_INET, why);
        if (!err && !ipv6_off)
                err = routes_read(nl, &reading, AF_INET6, why);
        if (!err)
                err = routes_remove(nl, &reading, wanted, count, changes, why);
        if (!err)
                err = routes_add(nl, &reading, wanted, count, ipv6_off, changes, why);
        prefix_list_done(&reading.found);
        return err;
}
