/* mesh.v1.Admin: setup keys. The text of a key is made here and shown once. */
#include <sodium.h>
#include <string.h>

#include "common/arena.h"
#include "common/error.h"
#include "coordinator/api/admin.h"
#include "proto/convert.h"

Mesh__V1__SetupKey *admin_setup_key(struct pending *p, const struct setup_key_record *key)
{
        Mesh__V1__SetupKey *to = arena_alloc(p->arena, sizeof(*to));
        struct setup_key_record *copy = arena_copy(p->arena, key, sizeof(*key));
        char **tags = arena_alloc(p->arena, sizeof(*tags) * MEMBER_MAX_TAGS);
        if (!to || !copy || !tags)
                return NULL;
        mesh__v1__setup_key__init(to);
        to->key_id = binary_of(copy->id, sizeof(copy->id));
        to->description = copy->description;
        to->reusable = copy->reusable;
        to->max_uses = copy->max_uses;
        to->uses = copy->uses;
        to->created_ms = (uint64_t)copy->created_ms;
        to->expires_ms = (uint64_t)copy->expires_ms;
        to->last_used_ms = (uint64_t)copy->last_used_ms;
        to->revoked_ms = (uint64_t)copy->revoked_ms;
        for (size_t i = 0; i < copy->tag_count; i++)
                tags[i] = copy->tags[i];
        to->tags = tags;
        to->n_tags = copy->tag_count;
        to->name = copy->name;
        to->ephemeral_ms = copy->ephemeral_ms;
        to->state = (char *)registry_setup_key_state_text(
                registry_setup_key_state(p->api->registry, key));
        return to;
}

/* What is kept of a new key until it is durable. */
struct creation {
        uint8_t seed[KEY_BYTES]; /* wiped in `created` */
};

static int key_text(struct pending *p, const struct creation *c,
                    char ret_text[static SETUP_KEY_TEXT_MAX])
{
        struct setup_key key = { .port = p->api->public->port };
        const struct identity *coordinator = registry_identity(p->api->registry);
        size_t len = strlen(p->api->public->name);
        if (len > SETUP_KEY_HOST_MAX)
                return MESH_EFORMAT;
        memcpy(key.host, p->api->public->name, len + 1);
        memcpy(key.coordinator, coordinator->public_key, KEY_BYTES);
        memcpy(key.id, p->change.setup_key_id, SETUP_KEY_ID_BYTES);
        memcpy(key.seed, c->seed, KEY_BYTES);
        int err = setup_key_format(&key, ret_text);
        setup_key_done(&key);
        return err;
}

static void created(struct pending *p)
{
        struct creation *c = (struct creation *)p->request;
        const struct setup_key_record *key =
                registry_find_setup_key(p->api->registry, p->change.setup_key_id);
        Mesh__V1__CreateSetupKeyReply reply = MESH__V1__CREATE_SETUP_KEY_REPLY__INIT;
        char text[SETUP_KEY_TEXT_MAX] = "";
        int err = key ? key_text(p, c, text) : MESH_ENOENT;
        sodium_memzero(c, sizeof(*c));
        reply.text = text;
        reply.key = key ? admin_setup_key(p, key) : NULL;
        if (err)
                pending_refuse(p, GRPC_FAILED_PRECONDITION, NULL, mesh_strerror(err));
        else if (!reply.key)
                admin_no_memory(p);
        else
                pending_reply(p, &reply.base);
        sodium_memzero(text, sizeof(text));
}

void admin_create_setup_key(struct grpc_call *call, const uint8_t *bytes, size_t len)
{
        struct pending *p = admin_begin(call, &mesh__v1__create_setup_key_request__descriptor,
                                        bytes, len, created);
        struct creation *c = p ? arena_alloc(p->arena, sizeof(*c)) : NULL;
        if (!p)
                return;
        const Mesh__V1__CreateSetupKeyRequest *wanted = p->request;
        struct setup_key_request request = {
                .description = wanted->description,
                .name = wanted->name[0] ? wanted->name : NULL,
                .tags = (const char *const *)wanted->tags,
                .tag_count = wanted->n_tags,
                .reusable = wanted->reusable,
                .max_uses = wanted->max_uses,
                .lifetime_ms = wanted->lifetime_ms,
                .ephemeral_ms = wanted->ephemeral_ms,
        };
        p->request = c;
        if (!c)
                admin_no_memory(p);
        else if (!setup_key_host_valid(p->api->public->name))
                pending_refuse(p, GRPC_FAILED_PRECONDITION, "public_name",
                               "a setup key names the coordinator's public host: start the "
                               "coordinator with --public-name FQDN, or set public_name in its "
                               "config");
        else
                registry_create_setup_key(p->api->registry, &request, c->seed, &p->change);
}

void admin_list_setup_keys(struct grpc_call *call, const uint8_t *bytes, size_t len)
{
        struct pending *p =
                admin_begin(call, &mesh__v1__list_setup_keys_request__descriptor, bytes, len, NULL);
        Mesh__V1__ListSetupKeysReply reply = MESH__V1__LIST_SETUP_KEYS_REPLY__INIT;
        size_t cursor = 0, count = 0;
        if (!p)
                return;
        while (registry_next_setup_key(p->api->registry, &cursor))
                count++;
        cursor = 0;
        reply.keys = arena_alloc(p->arena, (count + 1) * sizeof(*reply.keys));
        const struct setup_key_record *key;
        while (reply.keys && (key = registry_next_setup_key(p->api->registry, &cursor))) {
                reply.keys[reply.n_keys] = admin_setup_key(p, key);
                if (!reply.keys[reply.n_keys++])
                        reply.keys = NULL;
        }
        if (reply.keys)
                pending_reply(p, &reply.base);
        else
                admin_no_memory(p);
}

static void revoked(struct pending *p)
{
        const struct setup_key_record *key =
                registry_find_setup_key(p->api->registry, p->change.setup_key_id);
        Mesh__V1__SetupKey *reply = key ? admin_setup_key(p, key) : NULL;
        if (reply)
                pending_reply(p, &reply->base);
        else
                admin_no_memory(p);
}

void admin_revoke_setup_key(struct grpc_call *call, const uint8_t *bytes, size_t len)
{
        struct pending *p =
                admin_begin(call, &mesh__v1__setup_key_selector__descriptor, bytes, len, revoked);
        if (p)
                registry_revoke_setup_key(p->api->registry,
                                          ((const Mesh__V1__SetupKeySelector *)p->request)->key,
                                          &p->change);
}
