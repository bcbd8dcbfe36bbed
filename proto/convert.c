/* Between wire messages and plain values; see the header. */
#include "proto/convert.h"

#include <string.h>

#include "common/arena.h"
#include "common/error.h"

int binary_read(const ProtobufCBinaryData *field, void *ret, size_t len)
{
        if (field->len != len)
                return MESH_EFORMAT;
        if (len > 0)
                memcpy(ret, field->data, len);
        return 0;
}

ProtobufCBinaryData binary_of(const void *bytes, size_t len)
{
        /* protobuf-c has no const; packing only reads. */
        return (ProtobufCBinaryData){ .len = len, .data = (uint8_t *)(uintptr_t)bytes };
}

static int addr_from_binary(const ProtobufCBinaryData *field, struct ip_addr *ret_addr)
{
        static const uint8_t v4_mapped[12] = { [10] = 0xff, [11] = 0xff };
        if (field->len == 16 && memcmp(field->data, v4_mapped, sizeof(v4_mapped)) == 0)
                return MESH_EFORMAT; /* a host has one form */
        return ip_addr_from_bytes(field->data, field->len, ret_addr);
}

int prefix_from_message(const Mesh__V1__Prefix *message, struct ip_prefix *ret_prefix)
{
        struct ip_prefix prefix;
        if (!message || addr_from_binary(&message->address, &prefix.addr) != 0)
                return MESH_EFORMAT;
        if (message->bits > 8U * prefix.addr.len)
                return MESH_EFORMAT;
        prefix.bits = (uint8_t)message->bits;
        struct ip_prefix masked = ip_prefix_mask(prefix);
        if (ip_prefix_compare(&prefix, &masked) != 0)
                return MESH_EFORMAT;
        *ret_prefix = prefix;
        return 0;
}

int endpoint_from_message(const Mesh__V1__Endpoint *message, struct ip_endpoint *ret_endpoint)
{
        struct ip_endpoint endpoint = { .scope_id = 0 };
        if (!message || addr_from_binary(&message->address, &endpoint.addr) != 0)
                return MESH_EFORMAT;
        if (ip_addr_is_unspecified(&endpoint.addr))
                return MESH_EFORMAT;
        if (message->port == 0 || message->port > UINT16_MAX)
                return MESH_EBADPORT;
        endpoint.port = (uint16_t)message->port;
        *ret_endpoint = endpoint;
        return 0;
}

int prefixes_from_message(Mesh__V1__Prefix *const *messages, size_t count, size_t max,
                          struct arena *arena, struct ip_prefix **ret_prefixes)
{
        if (count > max)
                return MESH_ELIMIT;
        struct ip_prefix *prefixes = arena_alloc(arena, count * sizeof(*prefixes));
        if (!prefixes)
                return MESH_ENOMEM;
        for (size_t i = 0; i < count; i++) {
                int err = prefix_from_message(messages[i], &prefixes[i]);
                if (err)
                        return err;
        }
        *ret_prefixes = prefixes;
        return 0;
}

int endpoints_from_message(Mesh__V1__Endpoint *const *messages, size_t count, size_t max,
                           struct arena *arena, struct ip_endpoint **ret_endpoints)
{
        if (count > max)
                return MESH_ELIMIT;
        struct ip_endpoint *endpoints = arena_alloc(arena, count * sizeof(*endpoints));
        if (!endpoints)
                return MESH_ENOMEM;
        for (size_t i = 0; i < count; i++) {
                int err = endpoint_from_message(messages[i], &endpoints[i]);
                if (err)
                        return err;
        }
        *ret_endpoints = endpoints;
        return 0;
}

static bool copy_addr(const struct ip_addr *addr, struct arena *arena, ProtobufCBinaryData *ret)
{
        void *bytes = arena_copy(arena, addr->bytes, addr->len);
        *ret = binary_of(bytes, addr->len);
        return bytes != NULL;
}

Mesh__V1__Prefix *prefix_to_message(const struct ip_prefix *prefix, struct arena *arena)
{
        Mesh__V1__Prefix *message = arena_alloc(arena, sizeof(*message));
        if (!message)
                return NULL;
        mesh__v1__prefix__init(message);
        message->bits = prefix->bits;
        return copy_addr(&prefix->addr, arena, &message->address) ? message : NULL;
}

Mesh__V1__Endpoint *endpoint_to_message(const struct ip_endpoint *endpoint, struct arena *arena)
{
        Mesh__V1__Endpoint *message = arena_alloc(arena, sizeof(*message));
        if (!message)
                return NULL;
        mesh__v1__endpoint__init(message);
        message->port = endpoint->port;
        return copy_addr(&endpoint->addr, arena, &message->address) ? message : NULL;
}

Mesh__V1__Prefix **prefixes_to_message(const struct ip_prefix *prefixes, size_t count,
                                       struct arena *arena)
{
        Mesh__V1__Prefix **messages = arena_alloc(arena, count * sizeof(*messages));
        for (size_t i = 0; messages && i < count; i++) {
                messages[i] = prefix_to_message(&prefixes[i], arena);
                if (!messages[i])
                        return NULL;
        }
        return messages;
}

Mesh__V1__Endpoint **endpoints_to_message(const struct ip_endpoint *endpoints, size_t count,
                                          struct arena *arena)
{
        Mesh__V1__Endpoint **messages = arena_alloc(arena, count * sizeof(*messages));
        for (size_t i = 0; messages && i < count; i++) {
                messages[i] = endpoint_to_message(&endpoints[i], arena);
                if (!messages[i])
                        return NULL;
        }
        return messages;
}
