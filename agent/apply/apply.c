/* The steps from desired to real, in order; see the header. */
#include "agent/apply/apply.h"

#include <stdio.h>

#include "agent/apply/address.h"
#include "agent/apply/link.h"
#include "agent/apply/port.h"
#include "agent/apply/route.h"
#include "agent/apply/wg.h"
#include "agent/apply/wg_diff.h"
#include "common/error.h"
#include "common/ifname.h"
#include "common/netlink.h"

/* One run. */
struct run {
        const struct apply_desired *desired;
        struct apply_result *result;
        struct reason why;
        struct netlink *nl;      /* owned */
        struct wg *wg;           /* owned */
        struct wg_device actual; /* owned */
        bool device_written;
};

static int step_interface(struct run *run)
{
        const char *name = run->desired->ifname;
        if (!ifname_valid(name))
                return reason_set(&run->why, MESH_EINVAL, "interface name \"%.32s\"", name);
        int err = netlink_open(NETLINK_ROUTE, &run->nl);
        if (err)
                return reason_set(&run->why, err, "rtnetlink: %s", mesh_strerror(err));
        err = wg_open_or_create(run->nl, name, &run->wg, &run->result->changes, &run->why);
        if (!err)
                run->result->backend = wg_backend_name(run->wg);
        return err;
}

static int step_read(struct run *run)
{
        int err = wg_get(run->wg, &run->actual, &run->why);
        if (!err)
                run->result->listen_port = run->actual.listen_port;
        return err;
}

/* Before anything is written: a WireGuard of somebody else must not lose its key and peers. */
static int step_owner(struct run *run)
{
        if (!wg_may_adopt(run->wg, &run->actual, run->desired->device.private_key))
                return wg_refuse(run->wg, &run->why);
        return wg_mark(run->wg, &run->result->changes, &run->why);
}

static int compute(struct run *run, enum wg_diff_mode mode, struct wg_diff *ret_diff)
{
        int err = wg_diff_compute(&run->desired->device, &run->actual, mode, ret_diff);
        if (err == MESH_EINVAL)
                reason_set(&run->why, err, "a peer is named twice, or two have one prefix");
        else if (err)
                reason_set(&run->why, err, "difference: %s", mesh_strerror(err));
        return err;
}

/* wireguard-go binds its port only when it learns that the link is up, and then tells nobody that
 * it failed; so the port is tried before it is given to either backend. */
static int write_device(struct run *run, const struct wg_diff *diff)
{
        uint16_t port = run->desired->device.listen_port, free_port;
        if (diff->set_listen_port && port_find_free_udp(port, 1, &free_port) == MESH_EADDRINUSE)
                return reason_set(&run->why, MESH_EADDRINUSE, "UDP port %u is taken", port);
        run->device_written = true;
        return wg_set(run->wg, diff, &run->why);
}

static int step_device(struct run *run)
{
        struct wg_diff diff;
        int err = compute(run, WG_DIFF_APPLY, &diff);
        if (err)
                return err;
        struct apply_result *result = run->result;
        result->peers_ignored = diff.ignored;
        if (!wg_diff_empty(&diff))
                err = write_device(run, &diff);
        if (!err) {
                result->peers_added = diff.added;
                result->peers_changed = diff.changed;
                result->peers_removed = diff.removed;
                result->changes += diff.op_count + (diff.set_private_key ? 1 : 0) +
                                   (diff.set_listen_port ? 1 : 0) + (diff.set_fwmark ? 1 : 0);
        }
        wg_diff_done(&diff);
        return err;
}

static int step_addresses(struct run *run)
{
        return address_reconcile(run->nl, wg_link(run->wg)->index, run->desired->addresses,
                                 run->desired->address_count, &run->result->changes,
                                 &run->result->ipv6_off, &run->why);
}

static int step_link_up(struct run *run)
{
        uint32_t mtu = run->desired->mtu ? run->desired->mtu : APPLY_MTU;
        return link_bring_up(run->nl, wg_link(run->wg), mtu, &run->result->changes, &run->why);
}

static int step_routes(struct run *run)
{
        return route_reconcile(run->nl, wg_link(run->wg)->index, run->desired->routes,
                               run->desired->route_count, run->result->ipv6_off,
                               &run->result->changes, &run->why);
}

/* What was written must be what is read; the first reading serves if nothing was. */
static int step_read_back(struct run *run)
{
        if (!run->device_written)
                return 0;
        wg_device_done(&run->actual);
        int err = step_read(run);
        struct wg_diff diff;
        if (!err)
                err = compute(run, WG_DIFF_VERIFY, &diff);
        if (err)
                return err;
        if (!wg_diff_empty(&diff))
                err = reason_set(&run->why, MESH_ESTATE,
                                 "the device differs from what was written: %zu peers missing, "
                                 "%zu different, %zu too many%s",
                                 diff.added, diff.changed, diff.removed,
                                 diff.set_private_key || diff.set_listen_port || diff.set_fwmark
                                         ? ", and its own key, port or mark"
                                         : "");
        wg_diff_done(&diff);
        return err;
}

static const struct {
        const char *name;
        int (*run)(struct run *run);
} steps[] = {
        [APPLY_STEP_INTERFACE] = { "interface", step_interface },
        [APPLY_STEP_READ] = { "read", step_read },
        [APPLY_STEP_OWNER] = { "owner", step_owner },
        [APPLY_STEP_DEVICE] = { "device", step_device },
        [APPLY_STEP_ADDRESSES] = { "addresses", step_addresses },
        [APPLY_STEP_LINK_UP] = { "link up", step_link_up },
        [APPLY_STEP_ROUTES] = { "routes", step_routes },
        [APPLY_STEP_READ_BACK] = { "read-back", step_read_back },
};

enum { STEP_COUNT = sizeof(steps) / sizeof(steps[0]) };

const char *apply_step_name(enum apply_step step)
{
        return step > APPLY_STEP_NONE && (size_t)step < STEP_COUNT ? steps[step].name : "none";
}

int apply_reconcile(const struct apply_desired *desired, struct apply_result *ret_result)
{
        *ret_result = (struct apply_result){ 0 };
        struct run run = { .desired = desired, .result = ret_result };
        int err = 0;
        for (size_t step = APPLY_STEP_INTERFACE; !err && step < STEP_COUNT; step++) {
                err = steps[step].run(&run);
                if (err) {
                        ret_result->failed = (enum apply_step)step;
                        snprintf(ret_result->text, sizeof(ret_result->text), "%s: %s",
                                 steps[step].name, run.why.text);
                }
        }
        wg_device_done(&run.actual);
        wg_close(run.wg);
        netlink_close(run.nl);
        return err;
}

int apply_observe(const char *ifname, struct wg_device *ret_device, const char **ret_backend)
{
        struct reason why;
        struct netlink *nl = NULL;
        struct wg *wg = NULL;
        int err = netlink_open(NETLINK_ROUTE, &nl);
        if (!err)
                err = wg_open(nl, ifname, &wg, &why);
        if (!err)
                err = wg_get(wg, ret_device, &why);
        if (!err && ret_backend)
                *ret_backend = wg_backend_name(wg);
        wg_close(wg);
        netlink_close(nl);
        return err;
}

/* The link exists and is of a kind that may be ours: whose is it? */
static int check_device(struct netlink *nl, const char *ifname, const uint8_t *own_key,
                        struct reason *why)
{
        struct wg *wg = NULL;
        struct wg_device device = { 0 };
        struct reason ignored;
        int err = 0;
        if (wg_open(nl, ifname, &wg, &ignored) == 0 && wg_get(wg, &device, &ignored) == 0 &&
            !wg_may_adopt(wg, &device, own_key))
                err = wg_refuse(wg, why);
        wg_device_done(&device);
        wg_close(wg);
        return err;
}

int apply_may_use(const char *ifname, const uint8_t *own_key, char text[static APPLY_TEXT_MAX])
{
        struct reason why = { "" };
        struct netlink *nl = NULL;
        struct link link;
        int err = 0;
        text[0] = '\0';
        if (netlink_open(NETLINK_ROUTE, &nl) != 0)
                return 0; /* nothing is known against it */
        if (link_find(nl, ifname, &link, &why) == 0) {
                why.text[0] = '\0';
                err = wg_may_carry(link.kind)
                              ? check_device(nl, ifname, own_key, &why)
                              : reason_set(&why, MESH_EEXIST,
                                           "interface %s is there already and is no WireGuard; "
                                           "name another one (`interface:` in the agent's config)",
                                           ifname);
        }
        if (err)
                snprintf(text, APPLY_TEXT_MAX, "%s", why.text);
        netlink_close(nl);
        return err;
}

/* One without a key is nobody's; it may be ours, cut off in the making, if we have a key at all. */
static int remove_ours(struct wg *wg, const uint8_t *own_key, struct reason *why)
{
        struct wg_device device = { 0 };
        int err = wg_get(wg, &device, why);
        if (!err) {
                bool ours = own_key ? wg_may_adopt(wg, &device, own_key)
                                    : wg_is_ours(wg, &device, NULL);
                err = ours ? wg_remove(wg, why) : wg_refuse(wg, why);
        }
        wg_device_done(&device);
        return err;
}

int apply_remove(const char *ifname, const uint8_t *own_key, char text[APPLY_TEXT_MAX])
{
        struct reason why = { "" };
        struct netlink *nl = NULL;
        struct wg *wg = NULL;
        int err = netlink_open(NETLINK_ROUTE, &nl);
        if (err)
                reason_set(&why, err, "rtnetlink: %s", mesh_strerror(err));
        else
                err = wg_open(nl, ifname, &wg, &why);
        if (!err)
                err = remove_ours(wg, own_key, &why);
        else if (err == MESH_ENOENT)
                err = 0; /* nothing there */
        if (text)
                snprintf(text, APPLY_TEXT_MAX, "%s", err ? why.text : "");
        wg_close(wg);
        netlink_close(nl);
        return err;
}
