/* The choice of the backend, and the way to it; see the header. */
#include "agent/apply/wg.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/apply/reason.h"
#include "agent/apply/wg_kernel.h"
#include "agent/apply/wg_userspace.h"
#include "common/error.h"

/* The alias of an interface of ours. It outlives the agent, its state directory and its keys. */
#define MARK "mesh-agent"

struct wg_backend {
        const char *name;
        const char *link_kind;
        int (*get)(struct wg *wg, struct wg_device *ret_device, struct reason *why);
        int (*set)(struct wg *wg, const struct wg_diff *diff, struct reason *why);
        int (*remove)(struct wg *wg, struct reason *why);
};

struct wg {
        const struct wg_backend *backend;
        struct netlink *nl;       /* borrowed */
        const char *ifname;       /* borrowed */
        struct wg_kernel *kernel; /* owned; NULL with the other backend */
        struct link link;
};

static int kernel_get(struct wg *wg, struct wg_device *ret_device, struct reason *why)
{
        return wg_kernel_get(wg->kernel, wg->ifname, ret_device, why);
}

static int kernel_set(struct wg *wg, const struct wg_diff *diff, struct reason *why)
{
        return wg_kernel_set(wg->kernel, wg->ifname, diff, why);
}

static int kernel_remove(struct wg *wg, struct reason *why)
{
        return link_remove(wg->nl, wg->link.index, why);
}

static int userspace_get(struct wg *wg, struct wg_device *ret_device, struct reason *why)
{
        return wg_userspace_get(wg->ifname, ret_device, why);
}

static int userspace_set(struct wg *wg, const struct wg_diff *diff, struct reason *why)
{
        return wg_userspace_set(wg->ifname, diff, why);
}

static int userspace_remove(struct wg *wg, struct reason *why)
{
        return wg_userspace_remove(wg->nl, wg->ifname, wg->link.index, why);
}

enum { KERNEL, USERSPACE };

static const struct wg_backend backends[] = {
        [KERNEL] = { "kernel", "wireguard", kernel_get, kernel_set, kernel_remove },
        [USERSPACE] = { "userspace", "tun", userspace_get, userspace_set, userspace_remove },
};

bool wg_may_carry(const char *link_kind)
{
        for (size_t i = 0; i < sizeof(backends) / sizeof(backends[0]); i++)
                if (strcmp(link_kind, backends[i].link_kind) == 0)
                        return true;
        return false;
}

/* Which backend carries a link that exists. */
static int backend_of(struct wg *wg, struct reason *why)
{
        if (strcmp(wg->link.kind, backends[KERNEL].link_kind) == 0) {
                wg->backend = &backends[KERNEL];
                return wg_kernel_open(&wg->kernel, why);
        }
        if (strcmp(wg->link.kind, backends[USERSPACE].link_kind) == 0 &&
            wg_userspace_await(wg->ifname)) {
                wg->backend = &backends[USERSPACE];
                return 0;
        }
        return reason_set(why, MESH_EEXIST, "interface %s is there already and is no WireGuard",
                          wg->ifname);
}

int wg_open(struct netlink *nl, const char *ifname, struct wg **ret_wg, struct reason *why)
{
        struct wg *wg = calloc(1, sizeof(*wg));
        if (!wg)
                return reason_set(why, MESH_ENOMEM, "%s: out of memory", ifname);
        wg->nl = nl;
        wg->ifname = ifname;
        int err = link_find(nl, ifname, &wg->link, why);
        if (!err)
                err = backend_of(wg, why);
        if (err)
                wg_close(wg);
        else
                *ret_wg = wg;
        return err;
}

static int create(struct netlink *nl, const char *ifname, struct reason *why)
{
        int err = link_create(nl, ifname, backends[KERNEL].link_kind, why);
        if (err != MESH_EUNSUPPORTED)
                return err;
        err = wg_userspace_start(ifname, why);
        if (err == MESH_EUNSUPPORTED)
                reason_set(why, err,
                           "the kernel has no WireGuard, and wireguard-go is not "
                           "installed (package wireguard-go)");
        else if (err && access("/dev/net/tun", F_OK) < 0) /* as under systemd: PrivateDevices */
                reason_set(why, err,
                           "the kernel has no WireGuard, and this process is not shown "
                           "/dev/net/tun; try: systemctl enable --now mesh-wireguard-go");
        return err;
}

int wg_open_or_create(struct netlink *nl, const char *ifname, struct wg **ret_wg, size_t *changes,
                      struct reason *why)
{
        int err = wg_open(nl, ifname, ret_wg, why);
        if (err != MESH_ENOENT)
                return err;
        err = create(nl, ifname, why);
        if (err)
                return err;
        (*changes)++;
        return wg_open(nl, ifname, ret_wg, why);
}

void wg_close(struct wg *wg)
{
        if (!wg)
                return;
        wg_kernel_close(wg->kernel);
        free(wg);
}

const char *wg_backend_name(const struct wg *wg)
{
        return wg->backend->name;
}

const struct link *wg_link(const struct wg *wg)
{
        return &wg->link;
}

int wg_get(struct wg *wg, struct wg_device *ret_device, struct reason *why)
{
        return wg->backend->get(wg, ret_device, why);
}

int wg_set(struct wg *wg, const struct wg_diff *diff, struct reason *why)
{
        return wg_diff_empty(diff) ? 0 : wg->backend->set(wg, diff, why);
}

int wg_remove(struct wg *wg, struct reason *why)
{
        return wg->backend->remove(wg, why);
}

static bool has_key(const struct wg_device *device)
{
        return !sodium_is_zero(device->private_key, sizeof(device->private_key));
}

bool wg_is_ours(const struct wg *wg, const struct wg_device *device, const uint8_t *own_key)
{
        return strcmp(wg->link.alias, MARK) == 0 ||
               (own_key && wg_key_is_same(own_key, device->private_key));
}

bool wg_may_adopt(const struct wg *wg, const struct wg_device *device, const uint8_t *own_key)
{
        return !has_key(device) || wg_is_ours(wg, device, own_key);
}

int wg_refuse(const struct wg *wg, struct reason *why)
{
        return reason_set(why, MESH_EEXIST,
                          "interface %s is somebody else's WireGuard and is left alone; name "
                          "another one (`interface:` in the agent's config, then restart it), or "
                          "remove it: ip link del %s",
                          wg->ifname, wg->ifname);
}

int wg_mark(struct wg *wg, size_t *changes, struct reason *why)
{
        if (strcmp(wg->link.alias, MARK) == 0)
                return 0;
        int err = link_set_alias(wg->nl, wg->link.index, MARK, why);
        if (!err)
                (*changes)++;
        return err;
}
