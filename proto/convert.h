/* Between wire messages and plain values: bytes of a fixed length, prefixes, endpoints.
 *
 * From a message: validated, so that what comes out can go to the kernel. To a message: built in
 * an arena, for pb_pack. The registry's and agent's own types are not here. types.proto. */
#pragma once
#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "mesh/v1/types.pb-c.h"

struct arena;

/* Copies a bytes field that must be LEN long to RET. MESH_EFORMAT for another length. */
int binary_read(const ProtobufCBinaryData *field, void *ret, size_t len);

/* A bytes field that borrows BYTES; for messages that are only packed. */
ProtobufCBinaryData binary_of(const void *bytes, size_t len);

/* MESH_EFORMAT: NULL, an address that is neither 4 nor 16 bytes, a v4-mapped one, too many bits,
 * host bits that are not zero. */
int prefix_from_message(const Mesh__V1__Prefix *message, struct ip_prefix *ret_prefix);

/* MESH_EFORMAT as above, also for the unspecified address; MESH_EBADPORT: port 0 or above 65535.
 * The scope of *RET_ENDPOINT is 0. */
int endpoint_from_message(const Mesh__V1__Endpoint *message, struct ip_endpoint *ret_endpoint);

/* A whole repeated field, into an array borrowed from ARENA (not NULL for an empty list). The
 * errors above, MESH_ELIMIT for more than MAX, MESH_ENOMEM. The count is that of the message. */
int prefixes_from_message(Mesh__V1__Prefix *const *messages, size_t count, size_t max,
                          struct arena *arena, struct ip_prefix **ret_prefixes);
int endpoints_from_message(Mesh__V1__Endpoint *const *messages, size_t count, size_t max,
                           struct arena *arena, struct ip_endpoint **ret_endpoints);

/* A message, or a repeated field of COUNT of them, borrowed from ARENA and independent of the
 * source; NULL when the arena is full. */
Mesh__V1__Prefix *prefix_to_message(const struct ip_prefix *prefix, struct arena *arena);
Mesh__V1__Endpoint *endpoint_to_message(const struct ip_endpoint *endpoint, struct arena *arena);
Mesh__V1__Prefix **prefixes_to_message(const struct ip_prefix *prefixes, size_t count,
                                       struct arena *arena);
Mesh__V1__Endpoint **endpoints_to_message(const struct ip_endpoint *endpoints, size_t count,
                                          struct arena *arena);
