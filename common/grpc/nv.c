/* Header lists for nghttp2; see the header. */
#include "common/grpc/nv.h"

#include <sodium.h>
#include <stdint.h>
#include <string.h>

#include "common/arena.h"
#include "common/error.h"
#include "common/grpc/metadata.h"

enum { BASE64_VARIANT = sodium_base64_VARIANT_ORIGINAL_NO_PADDING };

void grpc_nv_init(struct grpc_nv *nv)
{
        nv->count = 0; /* the fields themselves need no clearing */
        nv->arena = NULL;
        nv->error = 0;
}

void grpc_nv_done(struct grpc_nv *nv)
{
        arena_free(nv->arena);
        nv->arena = NULL;
}

void grpc_nv_add_bytes(struct grpc_nv *nv, const char *name, const char *value, size_t len)
{
        if (nv->count >= GRPC_NV_MAX) {
                nv->error = MESH_ELIMIT;
                return;
        }
        /* nghttp2 copies both before submit returns and writes through neither. */
        nv->fields[nv->count++] = (nghttp2_nv){
                .name = (uint8_t *)(uintptr_t)name,
                .namelen = strlen(name),
                .value = (uint8_t *)(uintptr_t)value,
                .valuelen = len,
        };
}

void grpc_nv_add(struct grpc_nv *nv, const char *name, const char *value)
{
        grpc_nv_add_bytes(nv, name, value, strlen(value));
}

static void add_base64(struct grpc_nv *nv, const struct grpc_field *field)
{
        if (!nv->arena)
                nv->arena = arena_new(2 * (size_t)GRPC_METADATA_BYTES_MAX);
        size_t size = sodium_base64_encoded_len(field->len, BASE64_VARIANT);
        char *text = nv->arena ? arena_alloc(nv->arena, size) : NULL;
        if (!text) {
                nv->error = MESH_ENOMEM;
                return;
        }
        (void)sodium_bin2base64(text, size, field->value, field->len, BASE64_VARIANT);
        grpc_nv_add(nv, field->name, text);
}

void grpc_nv_add_metadata(struct grpc_nv *nv, const struct grpc_metadata *metadata)
{
        for (size_t i = 0; i < metadata->count; i++) {
                const struct grpc_field *field = &metadata->fields[i];
                size_t len = strlen(field->name);
                if (len > 4 && strcmp(field->name + len - 4, "-bin") == 0)
                        add_base64(nv, field);
                else
                        grpc_nv_add_bytes(nv, field->name, field->value, field->len);
        }
}
