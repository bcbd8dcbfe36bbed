/* Writer and reader of the WireGuard family; see the header. */
#include "agent/apply/wg_genl.h"

#include <linux/genetlink.h>
#include <linux/wireguard.h>
#include <netinet/in.h>
#include <string.h>

#include "common/error.h"
#include "common/netlink_attr.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* ---- writing ---- */

static void put_endpoint(struct netlink_message *m, const struct ip_endpoint *endpoint)
{
        struct sockaddr_storage ss;
        socklen_t len = ip_endpoint_to_sockaddr(endpoint, &ss);
        netlink_put(m, WGPEER_A_ENDPOINT, &ss, len);
}

static void put_allowed(struct netlink_message *m, struct ip_prefix prefix)
{
        prefix = ip_prefix_mask(prefix);
        size_t nest = netlink_nest_begin(m, 0);
        netlink_put_u16(m, WGALLOWEDIP_A_FAMILY, prefix.addr.len == 4 ? AF_INET : AF_INET6);
        netlink_put(m, WGALLOWEDIP_A_IPADDR, prefix.addr.bytes, prefix.addr.len);
        netlink_put_u8(m, WGALLOWEDIP_A_CIDR_MASK, prefix.bits);
        netlink_nest_end(m, nest);
}

/* Puts prefixes from FIRST on until the message is full; returns the first that is not in it. */
static size_t put_allowed_from(struct netlink_message *m, const struct wg_peer *peer, size_t first)
{
        size_t i = first;
        size_t list = netlink_nest_begin(m, WGPEER_A_ALLOWEDIPS);
        for (; i < peer->allowed_count && !m->full; i++) {
                size_t mark = netlink_mark(m);
                put_allowed(m, peer->allowed[i]);
                if (m->full) {
                        netlink_rewind(m, mark);
                        break;
                }
        }
        netlink_nest_end(m, list);
        return i;
}

/* What is said of a peer besides its prefixes; once, in its first message. */
static void put_peer_fields(struct netlink_message *m, const struct wg_peer_op *op)
{
        uint32_t flags = op->remove ? WGPEER_F_REMOVE_ME : 0;
        if (op->replace_allowed)
                flags |= WGPEER_F_REPLACE_ALLOWEDIPS;
        if (!op->remove && !op->create)
                flags |= WGPEER_F_UPDATE_ONLY; /* gone meanwhile: the read-back tells */
        netlink_put_u32(m, WGPEER_A_FLAGS, flags);
        if (op->set_endpoint)
                put_endpoint(m, &op->peer->endpoint);
        if (op->set_keepalive)
                netlink_put_u16(m, WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL, op->peer->keepalive_s);
}

/* Puts one operation, or its beginning. Returns whether it is finished; a message that could not
 * take a beginning is rewound and marked full. */
static bool put_op(struct netlink_message *m, const struct wg_peer_op *op,
                   struct wg_genl_writer *writer)
{
        size_t mark = netlink_mark(m);
        size_t peer = netlink_nest_begin(m, 0);
        netlink_put(m, WGPEER_A_PUBLIC_KEY, op->peer->public_key, WG_KEY_BYTES);
        if (writer->allowed == 0)
                put_peer_fields(m, op);
        size_t first = writer->allowed, next = first;
        bool has_list = op->replace_allowed && op->peer->allowed_count > 0;
        if (has_list)
                next = put_allowed_from(m, op->peer, first);
        if (m->full || (has_list && next == first)) {
                netlink_rewind(m, mark);
                m->full = true;
                return false;
        }
        netlink_nest_end(m, peer);
        writer->allowed = next;
        return !has_list || next == op->peer->allowed_count;
}

static void put_device_fields(struct netlink_message *m, const struct wg_diff *diff)
{
        if (diff->set_private_key)
                netlink_put(m, WGDEVICE_A_PRIVATE_KEY, diff->wanted->private_key, WG_KEY_BYTES);
        if (diff->set_listen_port)
                netlink_put_u16(m, WGDEVICE_A_LISTEN_PORT, diff->wanted->listen_port);
        if (diff->set_fwmark)
                netlink_put_u32(m, WGDEVICE_A_FWMARK, diff->wanted->fwmark);
}

int wg_genl_put_diff(struct netlink_message *m, const char *name, const struct wg_diff *diff,
                     struct wg_genl_writer *writer)
{
        static const struct genlmsghdr header = { .cmd = WG_CMD_SET_DEVICE,
                                                  .version = WG_GENL_VERSION };
        struct wg_genl_writer before = *writer;
        netlink_put_header(m, &header, sizeof(header));
        netlink_put_text(m, WGDEVICE_A_IFNAME, name);
        if (!writer->device_done)
                put_device_fields(m, diff);
        if (m->full)
                return MESH_ELIMIT;
        writer->device_done = true;
        if (writer->op == diff->op_count)
                return 0;
        size_t peers = netlink_nest_begin(m, WGDEVICE_A_PEERS);
        while (writer->op < diff->op_count && put_op(m, &diff->ops[writer->op], writer)) {
                writer->op++;
                writer->allowed = 0;
        }
        if (writer->op == before.op && writer->allowed == before.allowed)
                return MESH_ELIMIT;
        m->full = false; /* what did not fit was rewound */
        netlink_nest_end(m, peers);
        return writer->op < diff->op_count ? 1 : 0;
}

/* ---- reading ---- */

static const struct netlink_attr_policy device_policy[] = {
        [WGDEVICE_A_PRIVATE_KEY] = { NETLINK_ATTR_BYTES, WG_KEY_BYTES },
        [WGDEVICE_A_LISTEN_PORT] = { NETLINK_ATTR_U16, 0 },
        [WGDEVICE_A_FWMARK] = { NETLINK_ATTR_U32, 0 },
        [WGDEVICE_A_PEERS] = { NETLINK_ATTR_NEST, 0 },
};

static const struct netlink_attr_policy peer_policy[] = {
        [WGPEER_A_PUBLIC_KEY] = { NETLINK_ATTR_BYTES, WG_KEY_BYTES },
        [WGPEER_A_ENDPOINT] = { NETLINK_ATTR_BYTES, sizeof(struct sockaddr_in) },
        [WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL] = { NETLINK_ATTR_U16, 0 },
        [WGPEER_A_LAST_HANDSHAKE_TIME] = { NETLINK_ATTR_BYTES, 2 * sizeof(int64_t) },
        [WGPEER_A_RX_BYTES] = { NETLINK_ATTR_U64, 0 },
        [WGPEER_A_TX_BYTES] = { NETLINK_ATTR_U64, 0 },
        [WGPEER_A_ALLOWEDIPS] = { NETLINK_ATTR_NEST, 0 },
};

static const struct netlink_attr_policy allowed_policy[] = {
        [WGALLOWEDIP_A_FAMILY] = { NETLINK_ATTR_U16, 0 },
        [WGALLOWEDIP_A_IPADDR] = { NETLINK_ATTR_BYTES, 4 },
        [WGALLOWEDIP_A_CIDR_MASK] = { NETLINK_ATTR_U8, 0 },
};

/* Parses a nest by a policy table of known size. */
#define PARSE(nest, policy, attrs)                                                                 \
        netlink_attrs_parse((nest)->data, (nest)->len, policy, COUNT_OF(policy), attrs)

static int read_allowed(const struct netlink_attr *nest, struct wg_peer *peer)
{
        struct netlink_attr attrs[COUNT_OF(allowed_policy)];
        int err = PARSE(nest, allowed_policy, attrs);
        if (err)
                return err;
        uint16_t family = netlink_attr_u16(&attrs[WGALLOWEDIP_A_FAMILY]);
        size_t len = family == AF_INET ? 4 : family == AF_INET6 ? 16 : 0;
        struct ip_prefix prefix = { .bits = netlink_attr_u8(&attrs[WGALLOWEDIP_A_CIDR_MASK]) };
        const struct netlink_attr *addr = &attrs[WGALLOWEDIP_A_IPADDR];
        if (len == 0 || addr->len != len || prefix.bits > len * 8)
                return MESH_EFORMAT;
        err = ip_addr_from_bytes(addr->data, addr->len, &prefix.addr);
        return err ? err : wg_peer_add_allowed(peer, prefix);
}

static int read_endpoint(const struct netlink_attr *attr, struct ip_endpoint *ret_endpoint)
{
        struct sockaddr_storage ss = { 0 };
        if (attr->len > sizeof(ss))
                return MESH_EFORMAT;
        memcpy(&ss, attr->data, attr->len);
        if (ss.ss_family == AF_INET6 && attr->len < sizeof(struct sockaddr_in6))
                return MESH_EFORMAT;
        return ip_endpoint_from_sockaddr((const struct sockaddr *)&ss, ret_endpoint);
}

/* A dump goes on with a peer whose prefixes did not fit the message before. */
static struct wg_peer *peer_for(struct wg_device *device, const uint8_t *key)
{
        struct wg_peer *last = device->peer_count ? &device->peers[device->peer_count - 1] : NULL;
        if (last && memcmp(last->public_key, key, WG_KEY_BYTES) == 0)
                return last;
        return wg_device_add_peer(device, key);
}

static int64_t handshake_ms(const struct netlink_attr *attr)
{
        int64_t time[2]; /* seconds, nanoseconds */
        memcpy(time, attr->data, sizeof(time));
        if (time[0] < 0 || time[0] > INT64_MAX / 1000 - 1)
                return 0;
        return time[0] * 1000 + time[1] % 1000000000 / 1000000;
}

static void read_counters(const struct netlink_attr *attrs, struct wg_peer *peer)
{
        /* Each stands only in the peer's first message: absent ones change nothing. */
        if (attrs[WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL].data)
                peer->keepalive_s =
                        netlink_attr_u16(&attrs[WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL]);
        if (attrs[WGPEER_A_LAST_HANDSHAKE_TIME].data)
                peer->handshake_ms = handshake_ms(&attrs[WGPEER_A_LAST_HANDSHAKE_TIME]);
        if (attrs[WGPEER_A_RX_BYTES].data)
                peer->rx_bytes = netlink_attr_u64(&attrs[WGPEER_A_RX_BYTES]);
        if (attrs[WGPEER_A_TX_BYTES].data)
                peer->tx_bytes = netlink_attr_u64(&attrs[WGPEER_A_TX_BYTES]);
}

static int read_peer(const struct netlink_attr *nest, struct wg_device *device)
{
        struct netlink_attr attrs[COUNT_OF(peer_policy)];
        int err = PARSE(nest, peer_policy, attrs);
        if (err)
                return err;
        if (!attrs[WGPEER_A_PUBLIC_KEY].data)
                return MESH_EFORMAT;
        struct wg_peer *peer = peer_for(device, attrs[WGPEER_A_PUBLIC_KEY].data);
        if (!peer)
                return MESH_ENOMEM;
        read_counters(attrs, peer);
        if (attrs[WGPEER_A_ENDPOINT].data)
                err = read_endpoint(&attrs[WGPEER_A_ENDPOINT], &peer->endpoint);
        struct cursor list =
                cursor_over(attrs[WGPEER_A_ALLOWEDIPS].data, attrs[WGPEER_A_ALLOWEDIPS].len);
        struct netlink_attr allowed;
        uint16_t type;
        int more = 0;
        while (!err && (more = netlink_attr_next(&list, &type, &allowed)) > 0)
                err = read_allowed(&allowed, peer);
        return err ? err : more;
}

int wg_genl_read_device(const struct nlmsghdr *message, struct wg_device *device)
{
        struct genlmsghdr header;
        struct netlink_attr payload, attrs[COUNT_OF(device_policy)];
        int err = netlink_payload(message, &header, sizeof(header), &payload);
        if (!err)
                err = PARSE(&payload, device_policy, attrs);
        if (err)
                return err;
        if (attrs[WGDEVICE_A_PRIVATE_KEY].data)
                memcpy(device->private_key, attrs[WGDEVICE_A_PRIVATE_KEY].data, WG_KEY_BYTES);
        if (attrs[WGDEVICE_A_LISTEN_PORT].data)
                device->listen_port = netlink_attr_u16(&attrs[WGDEVICE_A_LISTEN_PORT]);
        if (attrs[WGDEVICE_A_FWMARK].data)
                device->fwmark = netlink_attr_u32(&attrs[WGDEVICE_A_FWMARK]);
        struct cursor list = cursor_over(attrs[WGDEVICE_A_PEERS].data, attrs[WGDEVICE_A_PEERS].len);
        struct netlink_attr peer;
        uint16_t type;
        int more = 0;
        while (!err && (more = netlink_attr_next(&list, &type, &peer)) > 0)
                err = read_peer(&peer, device);
        return err ? err : more;
}
