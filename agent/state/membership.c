/* The membership on disk; see the header. Payload, big-endian, version 1: see membership_encode. */
#include "agent/state/membership.h"

#include <string.h>

#include "agent/state/disk.h"
#include "common/buffer.h"
#include "common/cursor.h"
#include "common/error.h"

static void put_text(struct buffer *out, const char *text)
{
        size_t len = strlen(text);
        buffer_put_be16(out, (uint16_t)len);
        buffer_put(out, text, len);
}

static void put_prefixes(struct buffer *out, const struct ip_prefix *prefixes, size_t count)
{
        buffer_put_u8(out, (uint8_t)count);
        for (size_t i = 0; i < count; i++) {
                buffer_put_u8(out, prefixes[i].addr.len);
                buffer_put(out, prefixes[i].addr.bytes, prefixes[i].addr.len);
                buffer_put_u8(out, prefixes[i].bits);
        }
}

static void put_pins(struct buffer *out, const struct pins *pins)
{
        buffer_put_u8(out, (uint8_t)pins->count);
        for (size_t i = 0; i < pins->count; i++) {
                const struct pin *pin = &pins->entries[i];
                buffer_put_u8(out, pin->endpoint.addr.len);
                buffer_put(out, pin->endpoint.addr.bytes, pin->endpoint.addr.len);
                buffer_put_be16(out, pin->endpoint.port);
                buffer_put_be64(out, pin->success_ms);
                buffer_put_be64(out, pin->failure_ms);
                buffer_put_be64(out, pin->failing_since_ms);
        }
}

void membership_encode(const struct membership *m, struct buffer *out)
{
        buffer_put(out, m->node_id, sizeof(m->node_id));
        put_text(out, m->name);
        buffer_put_u8(out, m->name_pending);
        put_prefixes(out, m->addresses, m->address_count);
        put_prefixes(out, m->prefixes, m->prefix_count);
        buffer_put(out, m->coordinator, sizeof(m->coordinator));
        put_text(out, m->coordinator_name);
        buffer_put_be16(out, m->coordinator_port);
        put_pins(out, &m->pins);
        buffer_put_u8(out, m->has_token);
        buffer_put(out, m->token, sizeof(m->token));
        buffer_put_be64(out, m->epoch.start_ms);
        buffer_put_be64(out, m->epoch.random);
        buffer_put_be16(out, m->wireguard_port);
}

/* Text without NUL in it, terminated here; a longer one fails the cursor. */
static void take_text(struct cursor *c, char *out, size_t size)
{
        size_t len = cursor_be16(c);
        if (len >= size) {
                c->failed = true;
                return;
        }
        cursor_copy(c, out, len);
        out[len] = '\0';
        if (strlen(out) != len)
                c->failed = true;
}

static void take_addr(struct cursor *c, struct ip_addr *ret_addr)
{
        size_t len = cursor_u8(c);
        const uint8_t *bytes = cursor_take(c, len);
        if (!bytes || ip_addr_from_bytes(bytes, len, ret_addr) != 0)
                c->failed = true;
}

static void take_prefixes(struct cursor *c, struct ip_prefix *out, size_t max, size_t *ret_count)
{
        size_t count = cursor_u8(c);
        if (count > max)
                c->failed = true;
        for (size_t i = 0; i < count && !c->failed; i++) {
                take_addr(c, &out[i].addr);
                out[i].bits = cursor_u8(c);
                if (out[i].bits > out[i].addr.len * 8)
                        c->failed = true;
        }
        *ret_count = c->failed ? 0 : count;
}

static void take_pins(struct cursor *c, struct pins *ret_pins)
{
        size_t count = cursor_u8(c);
        if (count > PINS_MAX)
                c->failed = true;
        for (size_t i = 0; i < count && !c->failed; i++) {
                struct pin *pin = &ret_pins->entries[i];
                take_addr(c, &pin->endpoint.addr);
                pin->endpoint.port = cursor_be16(c);
                pin->success_ms = cursor_be64(c);
                pin->failure_ms = cursor_be64(c);
                pin->failing_since_ms = cursor_be64(c);
        }
        ret_pins->count = c->failed ? 0 : count;
}

int membership_decode(const uint8_t *bytes, size_t len, struct membership *ret_membership)
{
        struct cursor c = cursor_over(bytes, len);
        struct membership m = { 0 };
        cursor_copy(&c, m.node_id, sizeof(m.node_id));
        take_text(&c, m.name, sizeof(m.name));
        m.name_pending = cursor_u8(&c) != 0;
        take_prefixes(&c, m.addresses, MEMBERSHIP_ADDRESSES_MAX, &m.address_count);
        take_prefixes(&c, m.prefixes, MEMBERSHIP_PREFIXES_MAX, &m.prefix_count);
        cursor_copy(&c, m.coordinator, sizeof(m.coordinator));
        take_text(&c, m.coordinator_name, sizeof(m.coordinator_name));
        m.coordinator_port = cursor_be16(&c);
        take_pins(&c, &m.pins);
        m.has_token = cursor_u8(&c) != 0;
        cursor_copy(&c, m.token, sizeof(m.token));
        m.epoch.start_ms = cursor_be64(&c);
        m.epoch.random = cursor_be64(&c);
        m.wireguard_port = cursor_be16(&c);
        if (cursor_finish(&c) != 0)
                return MESH_EFORMAT;
        *ret_membership = m;
        return 0;
}

int membership_read(const struct state_dir *dir, struct membership *ret_membership,
                    enum state_source *ret_source)
{
        struct buffer bytes = { 0 };
        enum state_source source = STATE_FROM_FILE;
        int err = state_dir_read(dir, STATE_MEMBERSHIP, &bytes, &source);
        if (!err && membership_decode(bytes.bytes, bytes.len, ret_membership) != 0) {
                source = STATE_FROM_PREVIOUS;
                err = state_dir_read_previous(dir, STATE_MEMBERSHIP, &bytes);
                if (!err)
                        err = membership_decode(bytes.bytes, bytes.len, ret_membership);
                if (err)
                        err = MESH_EDAMAGED;
        }
        buffer_done(&bytes);
        if (!err)
                *ret_source = source;
        return err;
}

int membership_write(const struct state_dir *dir, const struct membership *membership)
{
        struct buffer out = buffer_with_max(16 * 1024);
        membership_encode(membership, &out);
        int err = buffer_error(&out);
        if (!err)
                err = state_dir_write(dir, STATE_MEMBERSHIP, out.bytes, out.len);
        buffer_done(&out);
        return err;
}

int membership_remove(const struct state_dir *dir)
{
        return state_dir_remove(dir, STATE_MEMBERSHIP);
}

int mesh_epoch_compare(const struct mesh_epoch *a, const struct mesh_epoch *b)
{
        if (a->start_ms != b->start_ms)
                return a->start_ms < b->start_ms ? -1 : 1;
        if (a->random != b->random)
                return a->random < b->random ? -1 : 1;
        return 0;
}

bool membership_in_mesh(const struct membership *membership, const struct ip_prefix *prefix)
{
        for (size_t i = 0; i < membership->prefix_count; i++)
                if (membership->prefixes[i].bits <= prefix->bits &&
                    ip_prefix_contains(&membership->prefixes[i], &prefix->addr))
                        return true;
        return false;
}
