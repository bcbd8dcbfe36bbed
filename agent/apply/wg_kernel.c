/* Requests to the kernel's WireGuard; see the header. */
#include "agent/apply/wg_kernel.h"

#include <linux/genetlink.h>
#include <linux/wireguard.h>
#include <sodium.h>
#include <stdlib.h>

#include "agent/apply/reason.h"
#include "agent/apply/wg_genl.h"
#include "common/error.h"
#include "common/netlink.h"
#include "common/netlink_family.h"

struct wg_kernel {
        struct netlink *nl;
        uint16_t family;
        uint64_t memory[NETLINK_MESSAGE_MAX / sizeof(uint64_t)]; /* of the message being built */
};

int wg_kernel_open(struct wg_kernel **ret_kernel, struct reason *why)
{
        struct wg_kernel *kernel = malloc(sizeof(*kernel));
        if (!kernel)
                return reason_set(why, MESH_ENOMEM, "kernel WireGuard: out of memory");
        kernel->nl = NULL;
        int err = netlink_open(NETLINK_GENERIC, &kernel->nl);
        if (err) {
                reason_set(why, err, "generic netlink: %s", mesh_strerror(err));
        } else {
                err = netlink_family_id(kernel->nl, WG_GENL_NAME, &kernel->family);
                if (err == MESH_ENOENT)
                        err = reason_set(why, MESH_EUNSUPPORTED, "the kernel has no WireGuard");
                else if (err)
                        reason_netlink(why, err, kernel->nl, "kernel WireGuard");
        }
        if (err)
                wg_kernel_close(kernel);
        else
                *ret_kernel = kernel;
        return err;
}

void wg_kernel_close(struct wg_kernel *kernel)
{
        if (!kernel)
                return;
        netlink_close(kernel->nl);
        free(kernel);
}

static void on_start(void *user)
{
        wg_device_done(user);
}

static int on_device(const struct nlmsghdr *message, void *user)
{
        return wg_genl_read_device(message, user);
}

int wg_kernel_get(struct wg_kernel *kernel, const char *ifname, struct wg_device *ret_device,
                  struct reason *why)
{
        uint64_t memory[16];
        const struct genlmsghdr header = { .cmd = WG_CMD_GET_DEVICE, .version = WG_GENL_VERSION };
        struct netlink_message m = netlink_message_start(memory, sizeof(memory), kernel->family, 0);
        netlink_put_header(&m, &header, sizeof(header));
        netlink_put_text(&m, WGDEVICE_A_IFNAME, ifname);
        struct wg_device device = { 0 };
        struct netlink_dump dump = { on_start, on_device, &device };
        int err = netlink_dump(kernel->nl, &m, &dump);
        if (err) {
                wg_device_done(&device);
                return reason_netlink(why, err, kernel->nl, ifname);
        }
        *ret_device = device;
        return 0;
}

int wg_kernel_set(struct wg_kernel *kernel, const char *ifname, const struct wg_diff *diff,
                  struct reason *why)
{
        struct wg_genl_writer writer = { 0 };
        int more = 1, err = 0;
        while (!err && more > 0) {
                struct netlink_message m = netlink_message_start(
                        kernel->memory, sizeof(kernel->memory), kernel->family, 0);
                more = wg_genl_put_diff(&m, ifname, diff, &writer);
                if (more < 0)
                        err = reason_set(why, more, "%s: %s", ifname, mesh_strerror(more));
                else if ((err = netlink_request(kernel->nl, &m, NULL, NULL)) < 0)
                        reason_netlink(why, err, kernel->nl, ifname);
                if (diff->set_private_key)
                        sodium_memzero(kernel->memory, m.header->nlmsg_len);
        }
        return err;
}
