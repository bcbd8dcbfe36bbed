/* Metadata lists; see the header. */
#include "common/grpc/metadata.h"

#include <sodium.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/error.h"

enum { BASE64_VARIANT = sodium_base64_VARIANT_ORIGINAL_NO_PADDING };

struct grpc_metadata grpc_metadata_empty(void)
{
        return (struct grpc_metadata){ 0 };
}

void grpc_metadata_done(struct grpc_metadata *metadata)
{
        arena_free(metadata->arena);
        free(metadata->fields);
        *metadata = grpc_metadata_empty();
}

bool grpc_metadata_is_reserved(const char *name, size_t len)
{
        static const char *const reserved[] = {
                "te",         "content-type", "content-length",    "user-agent",
                "connection", "host",         "transfer-encoding",
        };
        if (len == 0 || name[0] == ':' || (len >= 5 && memcmp(name, "grpc-", 5) == 0))
                return true;
        for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
                if (strlen(reserved[i]) == len && memcmp(reserved[i], name, len) == 0)
                        return true;
        }
        return false;
}

static bool name_is_sound(const char *name, size_t len)
{
        static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-_.";
        return len > 0 && len <= 256 && strspn(name, allowed) == len;
}

static bool is_binary(const char *name, size_t len)
{
        return len > 4 && memcmp(name + len - 4, "-bin", 4) == 0;
}

static bool value_is_sound(const char *value, size_t len)
{
        for (size_t i = 0; i < len; i++) {
                if (value[i] < 0x20 || value[i] > 0x7e)
                        return false;
        }
        return true;
}

static int make_room(struct grpc_metadata *m)
{
        if (!m->arena)
                m->arena = arena_new(GRPC_METADATA_BYTES_MAX);
        if (!m->arena)
                return MESH_ENOMEM;
        if (m->count < m->capacity)
                return 0;
        if (m->count >= GRPC_METADATA_FIELDS_MAX)
                return MESH_ELIMIT;
        size_t capacity = m->capacity ? m->capacity * 2 : 8;
        struct grpc_field *fields = reallocarray(m->fields, capacity, sizeof(*fields));
        if (!fields)
                return MESH_ENOMEM;
        m->fields = fields;
        m->capacity = capacity;
        return 0;
}

/* NAME is in the arena already; VALUE is copied. */
static int append(struct grpc_metadata *m, const char *name, const void *value, size_t len)
{
        uint8_t *copy = arena_alloc(m->arena, len + 1);
        if (!copy)
                return MESH_ELIMIT;
        if (len > 0)
                memcpy(copy, value, len);
        m->fields[m->count++] = (struct grpc_field){ .name = name, .value = copy, .len = len };
        return 0;
}

int grpc_metadata_add(struct grpc_metadata *metadata, const struct grpc_field *field)
{
        size_t name_len = strlen(field->name);
        if (!name_is_sound(field->name, name_len) ||
            grpc_metadata_is_reserved(field->name, name_len))
                return MESH_EINVAL;
        if (!is_binary(field->name, name_len) && !value_is_sound(field->value, field->len))
                return MESH_EINVAL;
        int err = make_room(metadata);
        if (err)
                return err;
        const char *name = arena_text(metadata->arena, field->name, name_len);
        return name ? append(metadata, name, field->value, field->len) : MESH_ELIMIT;
}

/* One base64 value, padded or not. */
static int append_base64(struct grpc_metadata *m, const char *name, const char *text, size_t len)
{
        while (len > 0 && text[len - 1] == '=')
                len--;
        size_t decoded;
        uint8_t *bytes = arena_alloc(m->arena, len + 1);
        if (!bytes)
                return MESH_ELIMIT;
        if (sodium_base642bin(bytes, len + 1, text, len, NULL, &decoded, NULL, BASE64_VARIANT) != 0)
                return MESH_EFORMAT;
        m->fields[m->count++] = (struct grpc_field){ .name = name, .value = bytes, .len = decoded };
        return 0;
}

static int append_base64_list(struct grpc_metadata *m, const char *name, const char *list,
                              size_t len)
{
        for (;;) {
                const char *comma = memchr(list, ',', len);
                size_t part = comma ? (size_t)(comma - list) : len;
                int err = make_room(m);
                if (!err)
                        err = append_base64(m, name, list, part);
                if (err || !comma)
                        return err;
                list += part + 1;
                len -= part + 1;
        }
}

int grpc_metadata_add_wire(struct grpc_metadata *metadata, const char *name, size_t name_len,
                           const char *value, size_t value_len)
{
        int err = make_room(metadata);
        if (err)
                return err;
        const char *copy = arena_text(metadata->arena, name, name_len);
        if (!copy)
                return MESH_ELIMIT;
        if (is_binary(name, name_len))
                return append_base64_list(metadata, copy, value, value_len);
        return append(metadata, copy, value, value_len);
}

const struct grpc_field *grpc_metadata_find(const struct grpc_metadata *metadata, const char *name)
{
        for (size_t i = 0; i < metadata->count; i++) {
                if (strcmp(metadata->fields[i].name, name) == 0)
                        return &metadata->fields[i];
        }
        return NULL;
}

const char *grpc_metadata_text(const struct grpc_metadata *metadata, const char *name)
{
        const struct grpc_field *field = grpc_metadata_find(metadata, name);
        return field && !is_binary(name, strlen(name)) ? field->value : NULL;
}
