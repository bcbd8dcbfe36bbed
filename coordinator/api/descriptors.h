/* Compiled .proto files, by file name and by symbol: what reflection answers with.
 *
 * A set is a serialised google.protobuf.FileDescriptorSet; that of our own services is embedded at
 * build time, so nothing here comes from a peer but the names that are looked for. Called by
 * reflection.c, which makes one for each of its calls: there are few. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct descriptors; /* opaque */

enum { DESCRIPTORS_FILES_MAX = 64 };

/* A serialised google.protobuf.FileDescriptorProto. */
struct descriptor {
        const uint8_t *bytes;
        size_t len;
};

/* The coordinator's services and what their files import; *RET_LEN bytes, static. */
const uint8_t *descriptors_embedded(size_t *ret_len);

/* Reads a set of LEN BYTES, which are borrowed for the call only. Returned owned. MESH_EFORMAT for
 * bytes that are no set, MESH_ELIMIT for too many files, MESH_ENOMEM. */
int descriptors_new(const uint8_t *bytes, size_t len, struct descriptors **ret_descriptors);

/* NULL is allowed. */
void descriptors_free(struct descriptors *descriptors);

/* The file of that name ("mesh/v1/types.proto") and all that it imports, directly or not, each
 * once: *RET_COUNT of them, borrowed from DESCRIPTORS. MESH_ENOENT. */
int descriptors_by_name(const struct descriptors *descriptors, const char *name,
                        struct descriptor ret_files[static DESCRIPTORS_FILES_MAX],
                        size_t *ret_count);

/* The same for the file that declares SYMBOL: the full name, without a leading dot, of a service,
 * method, message, field, oneof, enum or enum value. */
int descriptors_by_symbol(const struct descriptors *descriptors, const char *symbol,
                          struct descriptor ret_files[static DESCRIPTORS_FILES_MAX],
                          size_t *ret_count);

/* Whether a message of that full name is declared. */
bool descriptors_has_message(const struct descriptors *descriptors, const char *name);
