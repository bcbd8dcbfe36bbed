/* Writer and reader of WireGuard's configuration text; see the header. */
#include "agent/apply/uapi.h"

#include <sodium.h>
#include <string.h>

#include "common/error.h"

enum { HEX_KEY_LEN = 2 * WG_KEY_BYTES };

/* ---- writing ---- */

static void put_key(struct buffer *out, const char *name, const uint8_t key[static WG_KEY_BYTES])
{
        char hex[HEX_KEY_LEN + 1];
        sodium_bin2hex(hex, sizeof(hex), key, WG_KEY_BYTES);
        buffer_put(out, name, strlen(name));
        buffer_put(out, hex, HEX_KEY_LEN);
        buffer_put_u8(out, '\n');
        sodium_memzero(hex, sizeof(hex));
}

/* An endpoint's scope is written as a number, which wireguard-go takes as well as a name. */
static void put_endpoint(struct buffer *out, const struct ip_endpoint *endpoint)
{
        char text[IP_TEXT_MAX];
        ip_addr_format(&endpoint->addr, text);
        if (endpoint->addr.len == 4)
                buffer_printf(out, "endpoint=%s:%u\n", text, endpoint->port);
        else if (endpoint->scope_id)
                buffer_printf(out, "endpoint=[%s%%%u]:%u\n", text, endpoint->scope_id,
                              endpoint->port);
        else
                buffer_printf(out, "endpoint=[%s]:%u\n", text, endpoint->port);
}

static void put_allowed(struct buffer *out, const struct wg_peer *peer)
{
        buffer_printf(out, "replace_allowed_ips=true\n");
        for (size_t i = 0; i < peer->allowed_count; i++) {
                char text[IP_TEXT_MAX];
                struct ip_prefix masked = ip_prefix_mask(peer->allowed[i]);
                buffer_printf(out, "allowed_ip=%s\n", ip_prefix_format(&masked, text));
        }
}

static void put_op(struct buffer *out, const struct wg_peer_op *op)
{
        put_key(out, "public_key=", op->peer->public_key);
        if (op->remove) {
                buffer_printf(out, "remove=true\n");
                return;
        }
        if (!op->create)
                buffer_printf(out, "update_only=true\n");
        if (op->set_endpoint)
                put_endpoint(out, &op->peer->endpoint);
        if (op->set_keepalive)
                buffer_printf(out, "persistent_keepalive_interval=%u\n", op->peer->keepalive_s);
        if (op->replace_allowed)
                put_allowed(out, op->peer);
}

/* At least as long as the text of DIFF. */
static size_t diff_bound(const struct wg_diff *diff)
{
        size_t bound = 256;
        for (size_t i = 0; i < diff->op_count; i++) {
                bound += 256;
                if (diff->ops[i].replace_allowed)
                        bound += 64 * diff->ops[i].peer->allowed_count;
        }
        return bound;
}

void uapi_put_get(struct buffer *out)
{
        buffer_printf(out, "get=1\n\n");
}

void uapi_put_diff(struct buffer *out, const struct wg_diff *diff)
{
        size_t before = out->len;
        if (buffer_extend(out, diff_bound(diff)))
                out->len = before; /* the room stays */
        buffer_printf(out, "set=1\n");
        if (diff->set_private_key)
                put_key(out, "private_key=", diff->wanted->private_key);
        if (diff->set_listen_port)
                buffer_printf(out, "listen_port=%u\n", diff->wanted->listen_port);
        if (diff->set_fwmark)
                buffer_printf(out, "fwmark=%u\n", diff->wanted->fwmark);
        for (size_t i = 0; i < diff->op_count; i++)
                put_op(out, &diff->ops[i]);
        buffer_put_u8(out, '\n');
}

/* ---- reading ---- */

static struct wg_peer *last_peer(const struct wg_device *device)
{
        return device->peer_count ? &device->peers[device->peer_count - 1] : NULL;
}

static int parse_key(const char *text, uint8_t ret_key[static WG_KEY_BYTES])
{
        size_t len;
        if (strlen(text) != HEX_KEY_LEN ||
            sodium_hex2bin(ret_key, WG_KEY_BYTES, text, HEX_KEY_LEN, NULL, &len, NULL) != 0 ||
            len != WG_KEY_BYTES)
                return MESH_EFORMAT;
        return 0;
}

/* Decimal digits, at most MAX. */
static int parse_number(const char *text, uint64_t max, uint64_t *ret_value)
{
        uint64_t value = 0;
        if (text[0] == '\0')
                return MESH_EFORMAT;
        for (const char *at = text; *at; at++) {
                uint64_t digit = (uint64_t)(unsigned char)*at - '0';
                if (digit > 9 || value > (max - digit) / 10)
                        return MESH_EFORMAT;
                value = value * 10 + digit;
        }
        *ret_value = value;
        return 0;
}

static int on_private_key(struct uapi_reader *r, const char *value)
{
        return parse_key(value, r->device->private_key);
}

static int on_listen_port(struct uapi_reader *r, const char *value)
{
        uint64_t number;
        int err = parse_number(value, UINT16_MAX, &number);
        if (!err)
                r->device->listen_port = (uint16_t)number;
        return err;
}

static int on_fwmark(struct uapi_reader *r, const char *value)
{
        uint64_t number;
        int err = parse_number(value, UINT32_MAX, &number);
        if (!err)
                r->device->fwmark = (uint32_t)number;
        return err;
}

static int on_public_key(struct uapi_reader *r, const char *value)
{
        uint8_t key[WG_KEY_BYTES];
        int err = parse_key(value, key);
        if (err)
                return err;
        if (r->device->peer_count >= WG_PEERS_MAX)
                return MESH_ELIMIT;
        return wg_device_add_peer(r->device, key) ? 0 : MESH_ENOMEM;
}

/* A link-local address may carry "%scope"; a name of it is left out: the scope is only compared
 * with what the agent itself sets. */
static int on_endpoint(struct uapi_reader *r, const char *value)
{
        char text[UAPI_LINE_MAX];
        const char *percent = strchr(value, '%'), *bracket = strchr(value, ']');
        uint64_t scope = 0;
        if (percent && bracket && percent < bracket) {
                size_t head = (size_t)(percent - value), tail = strlen(bracket);
                memcpy(text, percent + 1, (size_t)(bracket - percent - 1));
                text[bracket - percent - 1] = '\0';
                if (parse_number(text, UINT32_MAX, &scope))
                        scope = 0;
                memcpy(text, value, head);
                memcpy(text + head, bracket, tail + 1);
                value = text;
        }
        struct ip_endpoint endpoint;
        int err = ip_endpoint_parse(value, &endpoint);
        if (err)
                return MESH_EFORMAT;
        endpoint.scope_id = (uint32_t)scope;
        last_peer(r->device)->endpoint = endpoint;
        return 0;
}

static int on_handshake_s(struct uapi_reader *r, const char *value)
{
        uint64_t number;
        int err = parse_number(value, INT64_MAX / 1000 - 1, &number);
        if (err)
                return err;
        last_peer(r->device)->handshake_ms = (int64_t)number * 1000;
        return 0;
}

static int on_handshake_ns(struct uapi_reader *r, const char *value)
{
        uint64_t number;
        int err = parse_number(value, 999999999, &number);
        if (err)
                return err;
        struct wg_peer *peer = last_peer(r->device);
        peer->handshake_ms = peer->handshake_ms / 1000 * 1000 + (int64_t)number / 1000000;
        return 0;
}

static int on_rx_bytes(struct uapi_reader *r, const char *value)
{
        return parse_number(value, UINT64_MAX, &last_peer(r->device)->rx_bytes);
}

static int on_tx_bytes(struct uapi_reader *r, const char *value)
{
        return parse_number(value, UINT64_MAX, &last_peer(r->device)->tx_bytes);
}

static int on_keepalive(struct uapi_reader *r, const char *value)
{
        uint64_t number;
        int err = parse_number(value, UINT16_MAX, &number);
        if (!err)
                last_peer(r->device)->keepalive_s = (uint16_t)number;
        return err;
}

static int on_allowed_ip(struct uapi_reader *r, const char *value)
{
        struct ip_prefix prefix;
        int err = ip_prefix_parse(value, &prefix);
        return err ? err : wg_peer_add_allowed(last_peer(r->device), prefix);
}

static int on_errno(struct uapi_reader *r, const char *value)
{
        uint64_t number;
        int err = parse_number(value[0] == '-' ? value + 1 : value, 4095, &number);
        if (err)
                return err;
        r->saw_errno = true;
        r->err_no = (int)number;
        return 0;
}

enum place { ANYWHERE, DEVICE, PEER };

static const struct {
        const char *key;
        enum place place;
        int (*read)(struct uapi_reader *r, const char *value);
} keys[] = {
        { "private_key", DEVICE, on_private_key },
        { "listen_port", DEVICE, on_listen_port },
        { "fwmark", DEVICE, on_fwmark },
        { "public_key", DEVICE, on_public_key },
        { "endpoint", PEER, on_endpoint },
        { "last_handshake_time_sec", PEER, on_handshake_s },
        { "last_handshake_time_nsec", PEER, on_handshake_ns },
        { "rx_bytes", PEER, on_rx_bytes },
        { "tx_bytes", PEER, on_tx_bytes },
        { "persistent_keepalive_interval", PEER, on_keepalive },
        { "allowed_ip", PEER, on_allowed_ip },
        { "errno", ANYWHERE, on_errno },
};

/* One line, without its newline. Unknown keys are passed over: newer servers have more. */
static int read_line(struct uapi_reader *r)
{
        if (r->len == 0) {
                r->done = true;
                return r->saw_errno ? 0 : MESH_EFORMAT;
        }
        char *value = memchr(r->line, '=', r->len);
        if (!value || memchr(r->line, '\0', r->len))
                return MESH_EFORMAT;
        r->line[r->len] = '\0';
        *value++ = '\0';
        for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
                if (strcmp(keys[i].key, r->line) != 0)
                        continue;
                if (keys[i].place != ANYWHERE && !r->device)
                        return MESH_EFORMAT;
                if (keys[i].place == PEER && !last_peer(r->device))
                        return MESH_EFORMAT;
                return keys[i].read(r, value);
        }
        return 0;
}

struct uapi_reader uapi_reader_start(struct wg_device *device)
{
        return (struct uapi_reader){ .device = device };
}

int uapi_reader_feed(struct uapi_reader *reader, const void *bytes, size_t len)
{
        const char *text = bytes;
        for (size_t i = 0; i < len; i++) {
                if (reader->done)
                        return MESH_ETRAILING;
                if (text[i] != '\n') {
                        if (reader->len == UAPI_LINE_MAX - 1)
                                return MESH_ELIMIT;
                        reader->line[reader->len++] = text[i];
                        continue;
                }
                int err = read_line(reader);
                if (err)
                        return err;
                reader->len = 0;
        }
        return 0;
}

void uapi_reader_done(struct uapi_reader *reader)
{
        sodium_memzero(reader->line, sizeof(reader->line));
}
