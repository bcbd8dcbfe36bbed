/* What the host's own network needs; see the header. */
#include "agent/session/host_needs.h"

#include <ifaddrs.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "agent/session/uplink.h"
#include "agent/state/state.h"
#include "common/netlink.h"
#include "common/netlink_attr.h"

struct host_needs host_needs_of(const struct agent_state *state, const struct agent_config *config,
                                const struct ip_endpoint *worked)
{
        struct host_needs needs = { .interface = config->interface };
        size_t max = sizeof(needs.coordinator) / sizeof(needs.coordinator[0]);
        needs.coordinator[needs.coordinator_count++] = *worked;
        needs.coordinator_count +=
                uplink_pins(state, config, worked->port, needs.coordinator + 1, max - 1);
        return needs;
}

static bool has_interface_in(const struct ip_prefix *prefix, const char *but)
{
        struct ifaddrs *list;
        bool found = false;
        if (getifaddrs(&list) != 0)
                return false;
        for (const struct ifaddrs *at = list; at && !found; at = at->ifa_next) {
                struct ip_endpoint address;
                found = at->ifa_addr && strcmp(at->ifa_name, but) != 0 &&
                        ip_endpoint_from_sockaddr(at->ifa_addr, &address) == 0 &&
                        ip_prefix_contains(prefix, &address.addr);
        }
        freeifaddrs(list);
        return found;
}

/* A dump of routes, looked through for a gateway in PREFIX. */
struct search {
        const struct ip_prefix *prefix;
        bool found;
};

static int on_route(const struct nlmsghdr *message, void *user)
{
        static const struct netlink_attr_policy policy[RTA_GATEWAY + 1] = {
                [RTA_GATEWAY] = { NETLINK_ATTR_BYTES, 4 },
        };
        struct search *search = user;
        struct rtmsg header;
        struct ip_addr gateway;
        struct netlink_attr payload, attrs[RTA_GATEWAY + 1];
        int err = netlink_payload(message, &header, sizeof(header), &payload);
        if (!err)
                err = netlink_attrs_parse(payload.data, payload.len, policy, RTA_GATEWAY + 1,
                                          attrs);
        if (err || message->nlmsg_type != RTM_NEWROUTE || header.rtm_dst_len != 0)
                return err;
        const struct netlink_attr *attr = &attrs[RTA_GATEWAY];
        if (attr->data && ip_addr_from_bytes(attr->data, attr->len, &gateway) == 0 &&
            ip_prefix_contains(search->prefix, &gateway))
                search->found = true;
        return 0;
}

static bool has_gateway_in(const struct ip_prefix *prefix)
{
        uint64_t memory[16];
        const struct rtmsg header = { .rtm_family = prefix->addr.len == 16 ? AF_INET6 : AF_INET };
        struct search search = { .prefix = prefix };
        const struct netlink_dump dump = { NULL, on_route, &search };
        struct netlink *nl;
        if (netlink_open(NETLINK_ROUTE, &nl) != 0)
                return false;
        struct netlink_message m = netlink_message_start(memory, sizeof(memory), RTM_GETROUTE, 0);
        netlink_put_header(&m, &header, sizeof(header));
        (void)netlink_dump(nl, &m, &dump);
        netlink_close(nl);
        return search.found;
}

bool host_needs_prefix(void *user, const struct ip_prefix *prefix)
{
        const struct host_needs *needs = user;
        for (size_t i = 0; i < needs->coordinator_count; i++)
                if (ip_prefix_contains(prefix, &needs->coordinator[i].addr))
                        return true;
        return has_interface_in(prefix, needs->interface) || has_gateway_in(prefix);
}
