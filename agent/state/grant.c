/* From grant and Welcome to membership; see the header. */
#include "agent/state/grant.h"

#include <stdio.h>
#include <string.h>

#include "common/error.h"
#include "common/label.h"
#include "proto/convert.h"
#include "proto/setup_key.h"

enum { PREFIX_BITS_MIN_V4 = 8, PREFIX_BITS_MIN_V6 = 32 };

/* A route for it must not take the host's own traffic. */
static bool prefix_is_sound(const struct ip_prefix *prefix)
{
        uint8_t first = prefix->addr.bytes[0];
        if (ip_addr_is_loopback(&prefix->addr) || ip_addr_is_link_local(&prefix->addr) ||
            ip_addr_is_unspecified(&prefix->addr))
                return false;
        if (prefix->addr.len == 4)
                return prefix->bits >= PREFIX_BITS_MIN_V4 && first < 224;
        return prefix->bits >= PREFIX_BITS_MIN_V6 && first != 0xff;
}

static bool has_prefix(const struct membership *membership, const struct ip_prefix *prefix)
{
        struct ip_prefix wanted = ip_prefix_mask(*prefix);
        for (size_t i = 0; i < membership->prefix_count; i++) {
                struct ip_prefix held = ip_prefix_mask(membership->prefixes[i]);
                if (ip_prefix_compare(&held, &wanted) == 0)
                        return true;
        }
        return false;
}

static int take_prefix(const Mesh__V1__Prefix *message, const struct membership *before,
                       const struct grant_guard *guard, struct ip_prefix *ret_prefix)
{
        int err = prefix_from_message(message, ret_prefix);
        if (err)
                return err;
        if (!prefix_is_sound(ret_prefix))
                return MESH_EFORMAT;
        if (guard && !has_prefix(before, ret_prefix) && guard->needs(guard->user, ret_prefix))
                return MESH_EADDRINUSE;
        return 0;
}

static int take_prefixes(Mesh__V1__Prefix *const *messages, size_t count,
                         const struct grant_guard *guard, struct membership *membership)
{
        const struct membership before = *membership;
        if (count == 0)
                return 0;
        if (count > MEMBERSHIP_PREFIXES_MAX)
                return MESH_ELIMIT;
        for (size_t i = 0; i < count; i++) {
                int err = take_prefix(messages[i], &before, guard, &membership->prefixes[i]);
                if (err)
                        return err;
        }
        membership->prefix_count = count;
        return 0;
}

static int take_addresses(Mesh__V1__Prefix *const *messages, size_t count,
                          struct membership *membership)
{
        if (count > MEMBERSHIP_ADDRESSES_MAX)
                return MESH_ELIMIT;
        for (size_t i = 0; i < count; i++) {
                int err = prefix_from_message(messages[i], &membership->addresses[i]);
                if (err)
                        return err;
        }
        if (count > 0)
                membership->address_count = count;
        for (size_t i = 0; i < membership->address_count; i++) {
                const struct ip_prefix *address = &membership->addresses[i];
                if (address->bits != address->addr.len * 8 ||
                    !membership_in_mesh(membership, address))
                        return MESH_EFORMAT;
        }
        return membership->address_count > 0 ? 0 : MESH_EFORMAT;
}

static int take_name(const char *name, struct membership *membership)
{
        if (!label_valid(name))
                return MESH_EFORMAT;
        (void)snprintf(membership->name, sizeof(membership->name), "%s", name);
        return 0;
}

static int take_coordinator(const char *name, uint32_t port, struct membership *membership)
{
        if (strlen(name) >= sizeof(membership->coordinator_name) || port > UINT16_MAX ||
            (name[0] && !setup_key_host_valid(name)))
                return MESH_EFORMAT;
        if (name[0])
                (void)snprintf(membership->coordinator_name, sizeof(membership->coordinator_name),
                               "%s", name);
        if (port)
                membership->coordinator_port = (uint16_t)port;
        return 0;
}

/* Pins are a help, not a claim: an odd one is left out. */
static void take_pins(Mesh__V1__Endpoint *const *messages, size_t count,
                      struct membership *membership)
{
        struct ip_endpoint endpoints[PINS_MAX];
        size_t taken = 0;
        for (size_t i = 0; i < count && taken < PINS_MAX; i++) {
                if (endpoint_from_message(messages[i], &endpoints[taken]) == 0)
                        taken++;
        }
        pins_renew(&membership->pins, endpoints, taken);
}

int membership_from_grant(const Mesh__V1__EnrollGrantBody *grant, const struct grant_guard *guard,
                          struct membership *membership)
{
        struct membership m = *membership;
        int err = binary_read(&grant->node_id, m.node_id, NODE_ID_BYTES);
        if (!err)
                err = take_name(grant->name, &m);
        if (!err)
                err = take_prefixes(grant->mesh_prefixes, grant->n_mesh_prefixes, guard, &m);
        if (!err)
                err = take_addresses(grant->addresses, grant->n_addresses, &m);
        if (!err)
                err = take_coordinator(grant->coordinator_name, grant->coordinator_port, &m);
        if (err)
                return err;
        m.name_pending = grant->name_pending;
        take_pins(grant->pins, grant->n_pins, &m);
        *membership = m;
        return 0;
}

int membership_from_welcome(const Mesh__V1__WelcomeBody *welcome, const struct grant_guard *guard,
                            struct membership *membership)
{
        struct membership m = *membership;
        int err = welcome->name[0] ? take_name(welcome->name, &m) : 0;
        if (!err)
                err = take_prefixes(welcome->mesh_prefixes, welcome->n_mesh_prefixes, guard, &m);
        if (!err)
                err = take_addresses(welcome->addresses, welcome->n_addresses, &m);
        if (!err)
                err = take_coordinator(welcome->coordinator_name, welcome->coordinator_port, &m);
        if (err)
                return err;
        m.name_pending = welcome->name_pending;
        take_pins(welcome->pins, welcome->n_pins, &m);
        *membership = m;
        return 0;
}
