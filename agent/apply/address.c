/* Addresses over rtnetlink; see the header. */
#include "agent/apply/address.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

#include "agent/apply/prefix_list.h"
#include "agent/apply/reason.h"
#include "common/error.h"
#include "common/netlink.h"
#include "common/netlink_attr.h"

/* What is being read. */
struct reading {
        uint32_t ifindex;
        struct prefix_list found;
};

static const struct netlink_attr_policy policy[] = {
        [IFA_ADDRESS] = { NETLINK_ATTR_BYTES, 4 },
        [IFA_LOCAL] = { NETLINK_ATTR_BYTES, 4 },
};

enum { ATTRS = sizeof(policy) / sizeof(policy[0]) };

static void on_start(void *user)
{
        prefix_list_done(&((struct reading *)user)->found);
}

static int on_address(const struct nlmsghdr *message, void *user)
{
        struct reading *reading = user;
        struct ifaddrmsg header;
        struct netlink_attr payload, attrs[ATTRS];
        int err = netlink_payload(message, &header, sizeof(header), &payload);
        if (!err)
                err = netlink_attrs_parse(payload.data, payload.len, policy, ATTRS, attrs);
        if (err || message->nlmsg_type != RTM_NEWADDR || header.ifa_index != reading->ifindex)
                return err;
        /* With a peer address, IFA_ADDRESS is the other end. */
        const struct netlink_attr *own =
                attrs[IFA_LOCAL].data ? &attrs[IFA_LOCAL] : &attrs[IFA_ADDRESS];
        struct ip_prefix prefix = { .bits = header.ifa_prefixlen };
        err = ip_addr_from_bytes(own->data, own->len, &prefix.addr);
        if (err || (prefix.addr.len == 16 && ip_addr_is_link_local(&prefix.addr)))
                return err;
        return prefix_list_add(&reading->found, prefix);
}

static int addresses_read(struct netlink *nl, struct reading *reading, struct reason *why)
{
        uint64_t memory[16];
        const struct ifaddrmsg header = { .ifa_index = reading->ifindex };
        struct netlink_message m = netlink_message_start(memory, sizeof(memory), RTM_GETADDR, 0);
        netlink_put_header(&m, &header, sizeof(header));
        struct netlink_dump dump = { on_start, on_address, reading };
        int err = netlink_dump(nl, &m, &dump);
        return err ? reason_netlink(why, err, nl, "list of addresses") : 0;
}

static int address_change(struct netlink *nl, uint32_t ifindex, const struct ip_prefix *address,
                          bool add)
{
        uint64_t memory[16];
        bool v6 = address->addr.len == 16;
        const struct ifaddrmsg header = {
                .ifa_family = v6 ? AF_INET6 : AF_INET,
                .ifa_prefixlen = address->bits,
                .ifa_flags = add && v6 ? IFA_F_NODAD : 0, /* nobody else can have it */
                .ifa_scope = RT_SCOPE_UNIVERSE,
                .ifa_index = ifindex,
        };
        struct netlink_message m =
                netlink_message_start(memory, sizeof(memory), add ? RTM_NEWADDR : RTM_DELADDR,
                                      add ? NLM_F_CREATE | NLM_F_EXCL : 0);
        netlink_put_header(&m, &header, sizeof(header));
        netlink_put(&m, IFA_LOCAL, address->addr.bytes, address->addr.len);
        netlink_put(&m, IFA_ADDRESS, address->addr.bytes, address->addr.len);
        return netlink_request(nl, &m, NULL, NULL);
}

static bool is_wanted(const struct ip_prefix *prefix, const struct ip_addr *wanted, size_t count)
{
        for (size_t i = 0; i < count; i++) {
                struct ip_prefix whole = ip_prefix_of(wanted[i]);
                if (ip_prefix_compare(&whole, prefix) == 0)
                        return true;
        }
        return false;
}

static int reason_address(struct reason *why, int err, const struct netlink *nl,
                          const struct ip_prefix *prefix)
{
        char text[IP_TEXT_MAX];
        return reason_netlink(why, err, nl, ip_prefix_format(prefix, text));
}

/* Adds one address. IPv6 that is not in the kernel, or off for this interface, is told by the
 * refusal itself: asking sysctl first would be a race. */
static int address_add(struct netlink *nl, uint32_t ifindex, const struct ip_prefix *prefix,
                       size_t *changes, bool *ipv6_off, struct reason *why)
{
        if (prefix->addr.len == 16 && *ipv6_off)
                return 0;
        int err = address_change(nl, ifindex, prefix, true);
        int code = netlink_error_errno(nl);
        if (err && prefix->addr.len == 16 &&
            (code == EOPNOTSUPP || code == EAFNOSUPPORT || code == EACCES)) {
                *ipv6_off = true;
                return 0;
        }
        if (err && err != MESH_EEXIST)
                return reason_address(why, err, nl, prefix);
        (*changes)++;
        return 0;
}

int address_reconcile(struct netlink *nl, uint32_t ifindex, const struct ip_addr *wanted,
                      size_t count, size_t *changes, bool *ret_ipv6_off, struct reason *why)
{
        struct reading reading = { .ifindex = ifindex };
        struct prefix_list *found = &reading.found;
        bool ipv6_off = false;
        int err = addresses_read(nl, &reading, why);
        /* Removals first: the same address with another length must not be in the way. */
        for (size_t i = 0; !err && i < found->count; i++) {
                if (is_wanted(&found->prefixes[i], wanted, count))
                        continue;
                err = address_change(nl, ifindex, &found->prefixes[i], false);
                if (err && netlink_error_errno(nl) == EADDRNOTAVAIL)
                        err = 0; /* gone meanwhile */
                if (err)
                        reason_address(why, err, nl, &found->prefixes[i]);
                else
                        (*changes)++;
        }
        for (size_t i = 0; !err && i < count; i++) {
                struct ip_prefix whole = ip_prefix_of(wanted[i]);
                if (!prefix_list_has(found, &whole))
                        err = address_add(nl, ifindex, &whole, changes, &ipv6_off, why);
        }
        prefix_list_done(found);
        if (!err)
                *ret_ipv6_off = ipv6_off;
        return err;
}
