/* See load_row.h. */
#include "coordinator/store/load_row.h"

#include <stdlib.h>
#include <string.h>

#include "common/error.h"
#include "coordinator/store/store.h"

static struct ip_addr get_addr(struct sql *q)
{
        struct ip_addr addr = { 0 };
        size_t len;
        bool null;
        const void *bytes = sql_get_bytes(q, &len, &null);
        if (ip_addr_from_bytes(bytes, len, &addr))
                q->error = MESH_EDAMAGED;
        return addr;
}

static void get_token(struct sql *q, struct instance_token *token, bool *ret_null)
{
        size_t len;
        const void *bytes = sql_get_bytes(q, &len, ret_null);
        if (len != 0 && len != sizeof(token->bytes)) {
                q->error = MESH_EDAMAGED;
                return;
        }
        token->len = (uint8_t)len;
        if (len)
                memcpy(token->bytes, bytes, len);
}

/* The lists of one node, and then its image. */
static int read_lists(sqlite3 *db, struct member *m, struct member **ret_member)
{
        char text[MEMBER_MAX_TAGS][LABEL_MAX + 1];
        const char *tags[MEMBER_MAX_TAGS];
        struct ip_endpoint endpoints[MEMBER_MAX_ENDPOINTS] = { 0 };
        sqlite3_stmt *stmt = NULL;
        int rc = sqlite3_prepare_v2(db, "SELECT tag FROM node_tag WHERE node_id = ? ORDER BY tag",
                                    -1, &stmt, NULL);
        if (rc != SQLITE_OK)
                return sql_error(rc);
        struct sql q = sql_begin(stmt);
        sql_put_blob(&q, m->id, sizeof(m->id));
        while (m->tag_count < MEMBER_MAX_TAGS && sql_row(&q) > 0) {
                sql_get_text(&q, text[m->tag_count], sizeof(text[0]));
                tags[m->tag_count] = text[m->tag_count];
                m->tag_count++;
        }
        sqlite3_finalize(stmt);
        if (q.error)
                return q.error;
        rc = sqlite3_prepare_v2(
                db, "SELECT address, port FROM node_endpoint WHERE node_id = ? ORDER BY rank", -1,
                &stmt, NULL);
        if (rc != SQLITE_OK)
                return sql_error(rc);
        q = sql_begin(stmt);
        sql_put_blob(&q, m->id, sizeof(m->id));
        while (m->endpoint_count < MEMBER_MAX_ENDPOINTS && sql_row(&q) > 0) {
                endpoints[m->endpoint_count].addr = get_addr(&q);
                endpoints[m->endpoint_count].port = (uint16_t)sql_get_int(&q);
                m->endpoint_count++;
        }
        sqlite3_finalize(stmt);
        if (q.error)
                return q.error;
        m->tags = tags;
        m->endpoints = endpoints;
        *ret_member = member_new(m);
        return *ret_member ? 0 : MESH_ENOMEM;
}

static void read_member(struct sql *q, struct member *m, struct node_record *node)
{
        sql_get_blob(q, m->id, sizeof(m->id));
        sql_get_blob(q, m->identity, sizeof(m->identity));
        sql_get_blob(q, m->wireguard_key, sizeof(m->wireguard_key));
        sql_get_blob(q, m->signal_key, sizeof(m->signal_key));
        sql_get_blob(q, m->signal_key_signature, sizeof(m->signal_key_signature));
        sql_get_text(q, m->name, sizeof(m->name));
        m->name_pending = sql_get_int(q) != 0;
        sql_get_text(q, node->claimed_name, sizeof(node->claimed_name));
        m->v4 = get_addr(q);
        m->v6 = get_addr(q);
        node->slot = (uint32_t)sql_get_int(q);
        m->recreate = (uint32_t)sql_get_int(q);
}

int read_node(sqlite3 *db, struct sql *q, void *row)
{
        struct node_record *node = row;
        struct member m = { 0 };
        bool null;
        read_member(q, &m, node);
        sql_get_blob(q, node->setup_key_id, sizeof(node->setup_key_id));
        node->enrolled_ms = sql_get_int(q);
        node->ephemeral_ms = sql_get_u64(q);
        sql_get_text(q, node->facts.hostname, sizeof(node->facts.hostname));
        sql_get_text(q, node->facts.system, sizeof(node->facts.system));
        sql_get_text(q, node->facts.kernel, sizeof(node->facts.kernel));
        sql_get_text(q, node->facts.machine, sizeof(node->facts.machine));
        node->versions.lowest = (uint32_t)sql_get_int(q);
        node->versions.highest = (uint32_t)sql_get_int(q);
        node->versions.features = sql_get_u64(q);
        sql_get_text(q, node->versions.software, sizeof(node->versions.software));
        get_token(q, &node->newest_token, &null);
        get_token(q, &node->previous_token, &null);
        node->previous_token_valid = !null;
        return q->error ? q->error : read_lists(db, &m, &node->member);
}

int read_lease(sqlite3 *db, struct sql *q, void *row)
{
        struct lease_record *lease = row;
        (void)db;
        lease->slot = (uint32_t)sql_get_int(q);
        sql_get_blob(q, lease->identity, sizeof(lease->identity));
        lease->released_ms = sql_get_int(q);
        return q->error;
}

int read_setup_key(sqlite3 *db, struct sql *q, void *row)
{
        struct setup_key_record *key = row;
        sql_get_blob(q, key->id, sizeof(key->id));
        sql_get_blob(q, key->public_key, sizeof(key->public_key));
        sql_get_text(q, key->description, sizeof(key->description));
        sql_get_text(q, key->name, sizeof(key->name));
        key->reusable = sql_get_int(q) != 0;
        key->max_uses = (uint32_t)sql_get_int(q);
        key->uses = (uint32_t)sql_get_int(q);
        key->created_ms = sql_get_int(q);
        key->expires_ms = sql_get_int(q);
        key->last_used_ms = sql_get_int(q);
        key->revoked_ms = sql_get_int(q);
        key->ephemeral_ms = sql_get_u64(q);

        sqlite3_stmt *stmt = NULL;
        int rc = sqlite3_prepare_v2(
                db, "SELECT tag FROM setup_key_tag WHERE key_id = ? ORDER BY tag", -1, &stmt, NULL);
        if (rc != SQLITE_OK)
                return sql_error(rc);
        struct sql tags = sql_begin(stmt);
        sql_put_blob(&tags, key->id, sizeof(key->id));
        while (key->tag_count < MEMBER_MAX_TAGS && sql_row(&tags) > 0) {
                sql_get_text(&tags, key->tags[key->tag_count], sizeof(key->tags[0]));
                key->tag_count++;
        }
        sqlite3_finalize(stmt);
        return q->error ? q->error : tags.error;
}

int read_reservation(sqlite3 *db, struct sql *q, void *row)
{
        (void)db;
        sql_get_text(q, row, LABEL_MAX + 1);
        return q->error;
}

int read_removal(sqlite3 *db, struct sql *q, void *row)
{
        struct removal_record *removal = row;
        (void)db;
        sql_get_blob(q, removal->identity, sizeof(removal->identity));
        sql_get_blob(q, removal->node_id, sizeof(removal->node_id));
        sql_get_text(q, removal->name, sizeof(removal->name));
        removal->removed_ms = sql_get_int(q);
        return q->error;
}

static struct member *read_image(struct sql *q)
{
        struct member *member = NULL;
        size_t len;
        bool null;
        const void *bytes = sql_get_bytes(q, &len, &null);
        if (null)
                return NULL;
        int err = member_unpack(bytes, len, &member);
        if (err)
                q->error = err == MESH_ENOMEM ? err : MESH_EDAMAGED;
        return member;
}

int read_change(sqlite3 *db, struct sql *q, void *row)
{
        struct change_record *change = row;
        size_t len;
        (void)db;
        change->generation = sql_get_u64(q);
        change->at_ms = sql_get_int(q);
        const void *id = sql_get_bytes(q, &len, &change->is_policy);
        if (len == sizeof(change->node_id))
                memcpy(change->node_id, id, len);
        else if (!change->is_policy)
                q->error = MESH_EDAMAGED;
        change->before = read_image(q);
        change->after = read_image(q);
        change->policy_before = sql_get_u64(q);
        change->policy_after = sql_get_u64(q);
        sql_get_blob(q, change->log_hash, sizeof(change->log_hash));
        return q->error;
}

/* A file of the policy, appended. */
static int read_file(struct sql *q, struct policy_record *policy)
{
        size_t len, path_len;
        bool null;
        struct policy_file_record *file = &policy->files[policy->file_count];
        const void *path = sql_get_bytes(q, &path_len, &null);
        const void *text = sql_get_bytes(q, &len, &null);
        file->path = strndup(path ? path : "", path_len);
        file->text = malloc(len + 1);
        policy->file_count++;
        if (!file->path || !file->text)
                return MESH_ENOMEM;
        if (len)
                memcpy(file->text, text, len);
        file->text[len] = 0;
        file->len = len;
        return 0;
}

int read_policy(sqlite3 *db, struct sql *q, void *row)
{
        struct policy_record *policy = row;
        policy->version = sql_get_u64(q);
        sql_get_blob(q, policy->hash, sizeof(policy->hash));
        sql_get_text(q, policy->author, sizeof(policy->author));
        sql_get_text(q, policy->commit, sizeof(policy->commit));
        policy->applied_ms = sql_get_int(q);
        size_t expected = (size_t)sql_get_int(q);
        if (q->error)
                return q->error;
        policy->files = calloc(expected + 1, sizeof(*policy->files));
        if (!policy->files)
                return MESH_ENOMEM;

        sqlite3_stmt *stmt = NULL;
        int rc = sqlite3_prepare_v2(
                db, "SELECT path, bytes FROM policy_file WHERE version = ? ORDER BY rank", -1,
                &stmt, NULL);
        if (rc != SQLITE_OK)
                return sql_error(rc);
        struct sql files = sql_begin(stmt);
        sql_put_u64(&files, policy->version);
        int err = 0;
        while (!err && policy->file_count < expected && sql_row(&files) > 0)
                err = read_file(&files, policy);
        sqlite3_finalize(stmt);
        return err ? err : files.error;
}
