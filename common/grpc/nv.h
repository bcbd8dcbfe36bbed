/* A list of header fields in nghttp2's form, built for one submit. */
#pragma once
#include <nghttp2/nghttp2.h>
#include <stddef.h>

struct arena;
struct grpc_metadata;

enum { GRPC_NV_MAX = 160 };

struct grpc_nv {
        nghttp2_nv fields[GRPC_NV_MAX];
        size_t count;
        struct arena *arena; /* owned: encoded "-bin" values */
        int error;           /* sticky: MESH_ELIMIT, MESH_ENOMEM */
};

/* An empty list; grpc_nv_done frees what was added. */
void grpc_nv_init(struct grpc_nv *nv);
void grpc_nv_done(struct grpc_nv *nv);

/* Adds a field; name and value are borrowed until the submit. */
void grpc_nv_add(struct grpc_nv *nv, const char *name, const char *value);
void grpc_nv_add_bytes(struct grpc_nv *nv, const char *name, const char *value, size_t len);

/* Adds all of METADATA (borrowed), "-bin" values as base64. */
void grpc_nv_add_metadata(struct grpc_nv *nv, const struct grpc_metadata *metadata);
