/* Watches the host's network; see the header. */
#include "agent/session/netwatch.h"

#include <ifaddrs.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/error.h"
#include "common/netlink.h"
#include "common/netlink_attr.h"

struct netwatch {
        struct netlink *netlink; /* owned */
        uv_poll_t poll;
        uv_timer_t settle;
        unsigned handles; /* that are not closed yet */
        char interface[IFNAMSIZ];
        unsigned int mesh_index; /* the last known; 0: never seen */
        bool host, mesh;         /* what changed since the last call */
        void (*changed)(void *user, bool host, bool mesh);
        void *user;
};

static const unsigned int groups[] = { RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR,
                                       RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE };

static unsigned int interface_of_route(const struct nlmsghdr *header)
{
        static const struct netlink_attr_policy policy[RTA_OIF + 1] = {
                [RTA_OIF] = { .kind = NETLINK_ATTR_U32 },
        };
        struct rtmsg route;
        struct netlink_attr all, attrs[RTA_OIF + 1];
        if (netlink_payload(header, &route, sizeof(route), &all) != 0 ||
            netlink_attrs_parse(all.data, all.len, policy, RTA_OIF + 1, attrs) != 0)
                return 0;
        return netlink_attr_u32(&attrs[RTA_OIF]);
}

/* The interface a message speaks of; 0 if none. */
static unsigned int interface_of(const struct nlmsghdr *header)
{
        struct netlink_attr attrs;
        struct ifinfomsg link = { 0 };
        struct ifaddrmsg address = { 0 };
        switch (header->nlmsg_type) {
        case RTM_NEWLINK:
        case RTM_DELLINK:
                (void)netlink_payload(header, &link, sizeof(link), &attrs);
                return (unsigned int)link.ifi_index;
        case RTM_NEWADDR:
        case RTM_DELADDR:
                (void)netlink_payload(header, &address, sizeof(address), &attrs);
                return address.ifa_index;
        default:
                return interface_of_route(header);
        }
}

static int on_message(const struct nlmsghdr *header, void *user)
{
        struct netwatch *watch = user;
        unsigned int index = interface_of(header);
        if (index != 0 && index == watch->mesh_index)
                watch->mesh = true;
        else
                watch->host = true;
        return 0;
}

static void on_settled(uv_timer_t *timer)
{
        struct netwatch *watch = timer->data;
        bool host = watch->host, mesh = watch->mesh;
        watch->host = watch->mesh = false;
        watch->changed(watch->user, host, mesh);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
        struct netwatch *watch = poll->data;
        (void)events;
        unsigned int mesh_index = if_nametoindex(watch->interface);
        if (mesh_index != 0)
                watch->mesh_index = mesh_index; /* else it is gone: its last events are about it */
        if (status < 0 || netlink_read_events(watch->netlink, on_message, watch) != 0)
                watch->host = watch->mesh = true; /* events were lost: anything may have changed */
        if ((watch->host || watch->mesh) && !uv_is_active((uv_handle_t *)&watch->settle))
                (void)uv_timer_start(&watch->settle, on_settled, NETWATCH_SETTLE_MS, 0);
}

static int open_socket(struct netlink **ret_netlink)
{
        struct netlink *netlink;
        int err = netlink_open(NETLINK_ROUTE, &netlink);
        if (err)
                return err;
        for (size_t i = 0; !err && i < sizeof(groups) / sizeof(groups[0]); i++)
                err = netlink_join(netlink, groups[i]);
        if (err)
                netlink_close(netlink);
        else
                *ret_netlink = netlink;
        return err;
}

int netwatch_new(uv_loop_t *loop, const char *interface,
                 void (*changed)(void *user, bool host, bool mesh), void *user,
                 struct netwatch **ret_watch)
{
        struct netwatch *watch = calloc(1, sizeof(*watch));
        if (!watch)
                return MESH_ENOMEM;
        int err = open_socket(&watch->netlink);
        if (err) {
                free(watch);
                return err;
        }
        (void)snprintf(watch->interface, sizeof(watch->interface), "%s", interface);
        watch->changed = changed;
        watch->user = user;
        watch->handles = 2;
        watch->settle.data = watch;
        watch->poll.data = watch;
        err = uv_poll_init(loop, &watch->poll, netlink_fd(watch->netlink));
        if (err) {
                netlink_close(watch->netlink);
                free(watch);
                return mesh_error_from_errno(err);
        }
        (void)uv_timer_init(loop, &watch->settle);
        err = uv_poll_start(&watch->poll, UV_READABLE, on_readable);
        if (err) {
                netwatch_close(watch);
                return mesh_error_from_errno(err);
        }
        *ret_watch = watch;
        return 0;
}

static void on_closed(uv_handle_t *handle)
{
        struct netwatch *watch = handle->data;
        if (--watch->handles > 0)
                return;
        netlink_close(watch->netlink);
        free(watch);
}

void netwatch_close(struct netwatch *watch)
{
        if (!watch)
                return;
        uv_close((uv_handle_t *)&watch->poll, on_closed);
        uv_close((uv_handle_t *)&watch->settle, on_closed);
}

static bool is_reachable(const struct ifaddrs *entry, const char *interface,
                         struct ip_endpoint *ret_address)
{
        if (!entry->ifa_addr || !(entry->ifa_flags & IFF_UP) ||
            strcmp(entry->ifa_name, interface) == 0 ||
            ip_endpoint_from_sockaddr(entry->ifa_addr, ret_address) != 0)
                return false;
        return !ip_addr_is_loopback(&ret_address->addr) &&
               !ip_addr_is_link_local(&ret_address->addr);
}

size_t host_addresses(const char *interface, struct ip_addr out[static HOST_ADDRESSES_MAX])
{
        struct ifaddrs *list;
        size_t count = 0;
        if (getifaddrs(&list) != 0)
                return 0;
        for (const struct ifaddrs *at = list; at && count < HOST_ADDRESSES_MAX; at = at->ifa_next) {
                struct ip_endpoint address;
                if (is_reachable(at, interface, &address))
                        out[count++] = address.addr;
        }
        freeifaddrs(list);
        return count;
}
