/* Looking for names in compiled .proto files; see the header. */
#include "coordinator/api/descriptors.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/error.h"
#include "mesh/reflection/names.pb-c.h"
#include "proto/pb.h"

enum { SET_ARENA_BYTES = 4 << 20 };

struct descriptors {
        struct arena *arena; /* owned; holds all that follows */
        const ProtobufCBinaryData *bytes;
        const Mesh__Reflection__File *file[DESCRIPTORS_FILES_MAX];
        size_t count;
};

static const uint8_t embedded[] = {
#include "descriptors.inc"
};

const uint8_t *descriptors_embedded(size_t *ret_len)
{
        *ret_len = sizeof(embedded);
        return embedded;
}

/* ---- reading ---- */

static int read_files(struct descriptors *d, const uint8_t *bytes, size_t len)
{
        ProtobufCMessage *message;
        int err = pb_unpack(&mesh__reflection__files__descriptor, bytes, len, d->arena, &message);
        if (err)
                return err;
        const Mesh__Reflection__Files *files = (const Mesh__Reflection__Files *)message;
        if (files->n_file > DESCRIPTORS_FILES_MAX)
                return MESH_ELIMIT;
        d->bytes = files->file;
        for (size_t i = 0; i < files->n_file && !err; i++) {
                err = pb_unpack(&mesh__reflection__file__descriptor, files->file[i].data,
                                files->file[i].len, d->arena, &message);
                if (!err)
                        d->file[d->count++] = (const Mesh__Reflection__File *)message;
        }
        return err;
}

int descriptors_new(const uint8_t *bytes, size_t len, struct descriptors **ret_descriptors)
{
        struct descriptors *d = calloc(1, sizeof(*d));
        int err = MESH_ENOMEM;
        if (d)
                d->arena = arena_new(SET_ARENA_BYTES);
        if (d && d->arena)
                err = read_files(d, bytes, len);
        if (err)
                descriptors_free(d);
        else
                *ret_descriptors = d;
        return err;
}

void descriptors_free(struct descriptors *descriptors)
{
        if (!descriptors)
                return;
        arena_free(descriptors->arena);
        free(descriptors);
}

/* ---- files ---- */

static int find_file(const struct descriptors *d, const char *name)
{
        for (size_t i = 0; i < d->count; i++)
                if (strcmp(d->file[i]->name, name) == 0)
                        return (int)i;
        return MESH_ENOENT;
}

/* Adds file I and what it imports, unless TAKEN. */
static void collect(const struct descriptors *d, size_t i, bool taken[static DESCRIPTORS_FILES_MAX],
                    struct descriptor *files, size_t *count)
{
        if (taken[i])
                return;
        taken[i] = true;
        files[(*count)++] = (struct descriptor){ d->bytes[i].data, d->bytes[i].len };
        for (size_t k = 0; k < d->file[i]->n_dependency; k++) {
                int next = find_file(d, d->file[i]->dependency[k]);
                if (next >= 0)
                        collect(d, (size_t)next, taken, files, count);
        }
}

int descriptors_by_name(const struct descriptors *descriptors, const char *name,
                        struct descriptor ret_files[static DESCRIPTORS_FILES_MAX],
                        size_t *ret_count)
{
        bool taken[DESCRIPTORS_FILES_MAX] = { false };
        int found = find_file(descriptors, name);
        if (found < 0)
                return found;
        *ret_count = 0;
        collect(descriptors, (size_t)found, taken, ret_files, ret_count);
        return 0;
}

/* ---- symbols ---- */

/* What follows "NAME." in SYMBOL, "" if SYMBOL is NAME, NULL if it does not begin with it. */
static const char *after(const char *symbol, const char *name)
{
        size_t len = strlen(name);
        if (strncmp(symbol, name, len) != 0)
                return NULL;
        if (symbol[len] == '.' && symbol[len + 1] != '\0')
                return symbol + len + 1;
        return symbol[len] == '\0' ? symbol + len : NULL;
}

static bool is_named(Mesh__Reflection__Named *const *named, size_t count, const char *name)
{
        for (size_t i = 0; i < count; i++)
                if (strcmp(named[i]->name, name) == 0)
                        return true;
        return false;
}

static bool is_in_enums(Mesh__Reflection__Enum *const *enums, size_t count, const char *name)
{
        for (size_t i = 0; i < count; i++)
                if (strcmp(enums[i]->name, name) == 0 ||
                    is_named(enums[i]->value, enums[i]->n_value, name))
                        return true;
        return false;
}

static bool is_in_services(const Mesh__Reflection__File *file, const char *symbol)
{
        for (size_t i = 0; i < file->n_service; i++) {
                const Mesh__Reflection__Service *service = file->service[i];
                const char *rest = after(symbol, service->name);
                if (rest && (*rest == '\0' || is_named(service->method, service->n_method, rest)))
                        return true;
        }
        return false;
}

/* ONLY_MESSAGES: SYMBOL must name a message, not what is in one. */
static bool is_in_messages(Mesh__Reflection__Message *const *messages, size_t count,
                           const char *symbol, bool only_messages)
{
        for (size_t i = 0; i < count; i++) {
                const Mesh__Reflection__Message *m = messages[i];
                const char *rest = after(symbol, m->name);
                if (!rest)
                        continue;
                if (*rest == '\0' ||
                    is_in_messages(m->nested_type, m->n_nested_type, rest, only_messages))
                        return true;
                if (!only_messages && (is_named(m->field, m->n_field, rest) ||
                                       is_named(m->oneof_decl, m->n_oneof_decl, rest) ||
                                       is_in_enums(m->enum_type, m->n_enum_type, rest)))
                        return true;
        }
        return false;
}

/* SYMBOL inside the file's package; NULL if it is not in there. */
static const char *inside(const Mesh__Reflection__File *file, const char *symbol)
{
        const char *rest = file->package[0] ? after(symbol, file->package) : symbol;
        return rest && *rest ? rest : NULL;
}

static bool declares(const Mesh__Reflection__File *file, const char *symbol)
{
        const char *rest = inside(file, symbol);
        return rest && (is_in_services(file, rest) ||
                        is_in_messages(file->message_type, file->n_message_type, rest, false) ||
                        is_in_enums(file->enum_type, file->n_enum_type, rest));
}

int descriptors_by_symbol(const struct descriptors *descriptors, const char *symbol,
                          struct descriptor ret_files[static DESCRIPTORS_FILES_MAX],
                          size_t *ret_count)
{
        for (size_t i = 0; i < descriptors->count; i++)
                if (declares(descriptors->file[i], symbol))
                        return descriptors_by_name(descriptors, descriptors->file[i]->name,
                                                   ret_files, ret_count);
        return MESH_ENOENT;
}

bool descriptors_has_message(const struct descriptors *descriptors, const char *name)
{
        for (size_t i = 0; i < descriptors->count; i++) {
                const Mesh__Reflection__File *file = descriptors->file[i];
                const char *rest = inside(file, name);
                if (rest && is_in_messages(file->message_type, file->n_message_type, rest, true))
                        return true;
        }
        return false;
}
