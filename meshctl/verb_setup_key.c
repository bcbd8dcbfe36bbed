/* meshctl setup-key create / list / revoke. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "common/duration.h"
#include "mesh/v1/admin.pb-c.h"
#include "meshctl/output.h"
#include "meshctl/rpc.h"
#include "meshctl/verbs.h"

static json_t *key_json(const Mesh__V1__SetupKey *key)
{
        json_t *tags = json_array();
        for (size_t i = 0; i < key->n_tags; i++)
                (void)json_array_append_new(tags, json_string(key->tags[i]));
        return json_pack(
                "{s:o, s:s, s:s, s:b, s:i, s:i, s:o, s:o, s:o, s:o, s:o, s:s, s:I}", "id",
                output_json_hex(&key->key_id), "state", key->state, "description", key->description,
                "reusable", key->reusable, "max_uses", (int)key->max_uses, "uses", (int)key->uses,
                "created", output_json_time(key->created_ms), "expires",
                output_json_time(key->expires_ms), "last_used", output_json_time(key->last_used_ms),
                "revoked", output_json_time(key->revoked_ms), "tags", tags, "name", key->name,
                "ephemeral_ms", (json_int_t)key->ephemeral_ms);
}

/* Reads --NAME as a duration into *RET; leaves it alone if the option was not given. */
static int duration_option(const struct invocation *in, const char *name, uint64_t *ret)
{
        const char *text = invocation_option(in, name);
        if (!text || duration_parse(text, ret) == 0)
                return EXIT_OK;
        return output_error(in, EXIT_USAGE, NULL, "--%s %s: write a time as 30m, 12h or 7d", name,
                            text);
}

static int read_options(const struct invocation *in, Mesh__V1__CreateSetupKeyRequest *request)
{
        const char *max_uses = invocation_option(in, "max-uses");
        const char *description = invocation_option(in, "description");
        const char *name = invocation_option(in, "name");
        const struct option_values *tags = invocation_options(in, "tag");
        request->reusable = invocation_option(in, "reusable") != NULL;
        request->description = (char *)(description ? description : "");
        request->name = (char *)(name ? name : "");
        request->n_tags = (size_t)tags->count;
        request->tags = (char **)(void *)tags->values;
        if (max_uses) {
                unsigned uses;
                char rest;
                if (sscanf(max_uses, "%9u%c", &uses, &rest) != 1 || uses == 0)
                        return output_error(in, EXIT_USAGE, NULL,
                                            "--max-uses %s: write a number from 1", max_uses);
                if (!request->reusable)
                        return output_error(in, EXIT_USAGE, NULL,
                                            "--max-uses belongs to --reusable; without it a key "
                                            "is used once");
                request->max_uses = uses;
        }
        int code = duration_option(in, "expires", &request->lifetime_ms);
        return code ? code : duration_option(in, "ephemeral", &request->ephemeral_ms);
}

int verb_setup_key_create(const struct invocation *in)
{
        Mesh__V1__CreateSetupKeyRequest request = MESH__V1__CREATE_SETUP_KEY_REQUEST__INIT;
        struct rpc_reply reply;
        int code = read_options(in, &request);
        if (code != EXIT_OK)
                return code;
        code = rpc_call(in, RPC_COORDINATOR, "/mesh.v1.Admin/CreateSetupKey", &request.base,
                        &mesh__v1__create_setup_key_reply__descriptor, RPC_TIMEOUT_MS, &reply);
        if (code == EXIT_OK) {
                const Mesh__V1__CreateSetupKeyReply *made =
                        (const Mesh__V1__CreateSetupKeyReply *)reply.message;
                char expires[OUTPUT_TEXT_MAX];
                if (in->json) {
                        output_json(json_pack("{s:s, s:o}", "setup_key", made->text, "key",
                                              key_json(made->key)));
                } else {
                        (void)fprintf(stderr, "The key is shown only now; it expires %s.\n",
                                      output_relative(made->key->expires_ms, expires));
                        (void)printf("%s\n", made->text);
                }
        }
        rpc_reply_done(&reply);
        return code;
}

static void print_row(struct output_table *table, const Mesh__V1__SetupKey *key)
{
        char id[OUTPUT_TEXT_MAX], uses[32], expires[OUTPUT_TEXT_MAX], used[OUTPUT_TEXT_MAX];
        char tags[OUTPUT_TEXT_MAX] = "";
        for (size_t i = 0, len = 0; i < key->n_tags && len < sizeof(tags) - 1; i++)
                len += (size_t)snprintf(tags + len, sizeof(tags) - len, "%s%s", i ? "," : "",
                                        key->tags[i]);
        if (key->reusable && key->max_uses == 0)
                (void)snprintf(uses, sizeof(uses), "%u", key->uses);
        else
                (void)snprintf(uses, sizeof(uses), "%u/%u", key->uses,
                               key->reusable ? key->max_uses : 1);
        const char *const cells[] = { output_hex(&key->key_id, 0, id),
                                      key->state,
                                      uses,
                                      output_relative(key->expires_ms, expires),
                                      output_relative(key->last_used_ms, used),
                                      tags,
                                      key->name,
                                      key->description };
        output_table_row(table, cells);
}

int verb_setup_key_list(const struct invocation *in)
{
        Mesh__V1__ListSetupKeysRequest request = MESH__V1__LIST_SETUP_KEYS_REQUEST__INIT;
        struct rpc_reply reply;
        int code = rpc_call(in, RPC_COORDINATOR, "/mesh.v1.Admin/ListSetupKeys", &request.base,
                            &mesh__v1__list_setup_keys_reply__descriptor, RPC_TIMEOUT_MS, &reply);
        if (code == EXIT_OK) {
                const Mesh__V1__ListSetupKeysReply *list =
                        (const Mesh__V1__ListSetupKeysReply *)reply.message;
                static const char *const columns[] = { "ID",      "STATE",       "USES",
                                                       "EXPIRES", "USED",        "TAGS",
                                                       "NAME",    "DESCRIPTION", NULL };
                struct output_table *table = in->json ? NULL : output_table_new(columns);
                json_t *array = in->json ? json_array() : NULL;
                for (size_t i = 0; i < list->n_keys; i++) {
                        if (in->json)
                                (void)json_array_append_new(array, key_json(list->keys[i]));
                        else
                                print_row(table, list->keys[i]);
                }
                if (in->json)
                        output_json(json_pack("{s:o}", "keys", array));
                output_table_print(table);
        }
        rpc_reply_done(&reply);
        return code;
}

int verb_setup_key_revoke(const struct invocation *in)
{
        Mesh__V1__SetupKeySelector request = MESH__V1__SETUP_KEY_SELECTOR__INIT;
        struct rpc_reply reply;
        request.key = (char *)in->arguments[0];
        int code = rpc_call(in, RPC_COORDINATOR, "/mesh.v1.Admin/RevokeSetupKey", &request.base,
                            &mesh__v1__setup_key__descriptor, RPC_TIMEOUT_MS, &reply);
        if (code == EXIT_OK && in->json)
                output_json(json_pack("{s:o}", "key",
                                      key_json((const Mesh__V1__SetupKey *)reply.message)));
        else if (code == EXIT_OK)
                (void)printf("setup key %s is revoked\n", in->arguments[0]);
        rpc_reply_done(&reply);
        return code;
}
