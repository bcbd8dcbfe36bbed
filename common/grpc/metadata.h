/* Metadata: the header fields of a call that belong to the application.
 *
 * A bounded list of copies. Names are lower-case; a name that ends in "-bin" carries bytes, which
 * travel as base64, every other value is printable ASCII. Pseudo-headers and grpc's own names
 * (grpc-*, te, content-type...) never stand in it. PROTOCOL-HTTP2.md, "Custom-Metadata". */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct arena;

/* One field to send: borrowed. VALUE is text of LEN bytes, or raw bytes for a "-bin" name. */
struct grpc_field {
        const char *name;
        const void *value;
        size_t len;
};

struct grpc_metadata {
        struct grpc_field *fields; /* owned; names and text values have a NUL after them */
        size_t count, capacity;
        struct arena *arena; /* owned; NULL while empty */
};

enum { GRPC_METADATA_FIELDS_MAX = 128, GRPC_METADATA_BYTES_MAX = 32 * 1024 };

/* An empty list. Allocates nothing. */
struct grpc_metadata grpc_metadata_empty(void);
void grpc_metadata_done(struct grpc_metadata *metadata);

/* Adds a copy of a field, as the application gives it. MESH_EINVAL for a name or a value that may
 * not be sent, MESH_ELIMIT, MESH_ENOMEM. */
int grpc_metadata_add(struct grpc_metadata *metadata, const struct grpc_field *field);

/* Adds a field as it came over the wire: "-bin" values are decoded, comma-joined lists are split.
 * A value that is no base64 is MESH_EFORMAT. */
int grpc_metadata_add_wire(struct grpc_metadata *metadata, const char *name, size_t name_len,
                           const char *value, size_t value_len);

/* The first field of that name, borrowed; NULL if there is none. */
const struct grpc_field *grpc_metadata_find(const struct grpc_metadata *metadata, const char *name);

/* The first text value of that name, borrowed; NULL if there is none. */
const char *grpc_metadata_text(const struct grpc_metadata *metadata, const char *name);

/* Whether NAME is HTTP/2's or gRPC's own. */
bool grpc_metadata_is_reserved(const char *name, size_t len);
