/* Setup keys: made, listed, revoked; only the public half is kept. See private.h. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/env.h"
#include "common/error.h"
#include "common/label.h"
#include "coordinator/registry/private.h"

static const uint64_t lifetime_max_ms = 3650ull * 24 * 3600 * 1000;

static const void *id_of(const void *item)
{
        return ((const struct setup_key_record *)item)->id;
}

void key_table_init(struct key_table *t, const struct env *env)
{
        *t = (struct key_table){ 0 };
        index_init(&t->by_id, env, SETUP_KEY_ID_BYTES, id_of);
}

void key_table_done(struct key_table *t)
{
        for (size_t i = 0; i < t->count; i++)
                free(t->in_order[i]);
        free(t->in_order);
        index_done(&t->by_id);
        *t = (struct key_table){ 0 };
}

int key_table_add(struct key_table *t, const struct setup_key_record *key)
{
        if (index_find(&t->by_id, key->id))
                return MESH_EEXIST;
        if (t->count == t->capacity) {
                size_t capacity = t->capacity ? 2 * t->capacity : 16;
                struct setup_key_record **grown = realloc(t->in_order, capacity * sizeof(*grown));
                if (!grown)
                        return MESH_ENOMEM;
                t->in_order = grown;
                t->capacity = capacity;
        }
        struct setup_key_record *copy = malloc(sizeof(*copy));
        if (!copy)
                return MESH_ENOMEM;
        *copy = *key;
        int err = index_put(&t->by_id, copy);
        if (err) {
                free(copy);
                return err;
        }
        t->in_order[t->count++] = copy;
        return 0;
}

struct setup_key_record *key_find(const struct registry *r,
                                  const uint8_t id[static SETUP_KEY_ID_BYTES])
{
        return index_find(&r->state.keys.by_id, id);
}

/* ---- views ---- */

const struct setup_key_record *registry_find_setup_key(const struct registry *r,
                                                       const uint8_t id[static SETUP_KEY_ID_BYTES])
{
        return key_find(r, id);
}

const struct setup_key_record *registry_next_setup_key(const struct registry *r, size_t *cursor)
{
        const struct key_table *t = &r->state.keys;
        return *cursor < t->count ? t->in_order[(*cursor)++] : NULL;
}

enum registry_outcome registry_setup_key_state(const struct registry *r,
                                               const struct setup_key_record *key)
{
        if (key->revoked_ms)
                return REGISTRY_KEY_REVOKED;
        if (key->max_uses && key->uses >= key->max_uses)
                return REGISTRY_KEY_USED_UP;
        if (key->expires_ms <= env_wall_ms(r->env))
                return REGISTRY_KEY_EXPIRED;
        return REGISTRY_OK;
}

const char *registry_setup_key_state_text(enum registry_outcome state)
{
        switch (state) {
        case REGISTRY_OK:
                return "valid";
        case REGISTRY_KEY_EXPIRED:
                return "expired";
        case REGISTRY_KEY_USED_UP:
                return "used up";
        case REGISTRY_KEY_REVOKED:
                return "revoked";
        default:
                return "unknown";
        }
}

/* ---- changes ---- */

static bool copy_text(char *out, size_t size, const char *text)
{
        int len = snprintf(out, size, "%s", text ? text : "");
        return len >= 0 && (size_t)len < size;
}

/* The record that REQUEST asks for; false if it asks for something that cannot be. */
static bool fill(const struct registry *r, const struct setup_key_request *request,
                 struct setup_key_record *key)
{
        uint64_t lifetime =
                request->lifetime_ms ? request->lifetime_ms : SETUP_KEY_DEFAULT_LIFETIME_MS;
        if (!copy_text(key->description, sizeof(key->description), request->description) ||
            !copy_text(key->name, sizeof(key->name), request->name) ||
            request->tag_count > MEMBER_MAX_TAGS || lifetime > lifetime_max_ms ||
            request->ephemeral_ms > lifetime_max_ms ||
            (!request->reusable && request->max_uses > 1))
                return false;
        if (key->name[0] && (!label_valid(key->name) || label_reserved(key->name)))
                return false;
        for (size_t i = 0; i < request->tag_count; i++)
                if (!copy_text(key->tags[i], sizeof(key->tags[i]), request->tags[i]) ||
                    !label_valid(key->tags[i]))
                        return false;
        key->tag_count = request->tag_count;
        key->reusable = request->reusable;
        key->max_uses = request->reusable ? request->max_uses : 1;
        key->ephemeral_ms = request->ephemeral_ms;
        key->created_ms = env_wall_ms(r->env);
        key->expires_ms = key->created_ms + (int64_t)lifetime;
        return true;
}

/* Sorted and without duplicates, as the store gives them back. */
static int tag_order(const void *a, const void *b)
{
        return strcmp(a, b);
}

static void sort_tags(struct setup_key_record *key)
{
        size_t kept = 0;
        qsort(key->tags, key->tag_count, sizeof(key->tags[0]), tag_order);
        for (size_t i = 0; i < key->tag_count; i++) {
                if (kept > 0 && strcmp(key->tags[kept - 1], key->tags[i]) == 0)
                        continue;
                if (kept != i)
                        memcpy(key->tags[kept], key->tags[i], sizeof(key->tags[0]));
                kept++;
        }
        key->tag_count = kept;
}

static void make_pair(struct registry *r, struct setup_key_record *key,
                      uint8_t ret_seed[static KEY_BYTES])
{
        struct identity pair;
        do
                env_random(r->env, key->id, sizeof(key->id));
        while (key_find(r, key->id));
        identity_make(r->env, &pair);
        memcpy(key->public_key, pair.public_key, sizeof(key->public_key));
        memcpy(ret_seed, pair.seed, KEY_BYTES);
        identity_done(&pair);
}

void registry_create_setup_key(struct registry *r, const struct setup_key_request *request,
                               uint8_t ret_seed[static KEY_BYTES], struct registry_call *call)
{
        struct setup_key_record key = { 0 };
        struct edit *e = edit_begin(r, call, "setup-key create", request->description);
        if (!e)
                return;
        if (!fill(r, request, &key)) {
                edit_submit(e, REGISTRY_INVALID);
                return;
        }
        if (r->state.keys.count >= REGISTRY_MAX_SETUP_KEYS) {
                edit_submit(e, REGISTRY_FULL);
                return;
        }
        sort_tags(&key);
        make_pair(r, &key, ret_seed);
        memcpy(call->setup_key_id, key.id, sizeof(key.id));
        int err = key_table_add(&r->state.keys, &key);
        if (err) {
                edit_abort(e, err);
                return;
        }
        sodium_bin2hex(e->event.object, sizeof(e->event.object), key.id, sizeof(key.id));
        store_put_setup_key(e->tx, &key);
        edit_submit(e, REGISTRY_OK);
}

void registry_revoke_setup_key(struct registry *r, const char *id, struct registry_call *call)
{
        uint8_t bytes[SETUP_KEY_ID_BYTES];
        size_t len = 0;
        const char *end = NULL;
        struct edit *e = edit_begin(r, call, "setup-key revoke", id);
        if (!e)
                return;
        struct setup_key_record *key = NULL;
        if (sodium_hex2bin(bytes, sizeof(bytes), id, strlen(id), NULL, &len, &end) == 0 && !*end &&
            len == sizeof(bytes))
                key = key_find(r, bytes);
        if (!key) {
                edit_submit(e, REGISTRY_KEY_UNKNOWN);
                return;
        }
        memcpy(call->setup_key_id, key->id, sizeof(key->id));
        if (key->revoked_ms) {
                edit_submit(e, REGISTRY_UNCHANGED);
                return;
        }
        key->revoked_ms = env_wall_ms(r->env);
        store_put_setup_key(e->tx, key);
        edit_submit(e, REGISTRY_OK);
}

/* When the key ceased to be of use. */
static int64_t ended_ms(const struct setup_key_record *key)
{
        return key->revoked_ms ? key->revoked_ms : key->expires_ms;
}

void setup_keys_sweep(struct registry *r, int64_t now_ms)
{
        struct key_table *t = &r->state.keys;
        struct edit *e = edit_begin(r, NULL, NULL, NULL);
        if (!e)
                return;
        size_t kept = 0;
        for (size_t i = 0; i < t->count; i++) {
                struct setup_key_record *key = t->in_order[i];
                if (now_ms - ended_ms(key) < SETUP_KEY_KEPT_MS) {
                        t->in_order[kept++] = key;
                        continue;
                }
                store_delete_setup_key(e->tx, key->id);
                index_remove(&t->by_id, key->id);
                free(key);
        }
        bool any = kept != t->count;
        t->count = kept;
        if (any)
                edit_submit(e, REGISTRY_OK);
        else
                edit_abort(e, 0);
}
