/* See write.h. */
#include "coordinator/store/write.h"

#include "common/buffer.h"
#include "common/error.h"
#include "coordinator/store/statements.h"
#include "coordinator/store/transaction.h"

static int put_meta(struct writer *w, const void *record)
{
        const struct meta_record *meta = record;
        char ipv4[IP_TEXT_MAX], ipv6[IP_TEXT_MAX];
        struct sql q = writer_begin(w, PUT_META);
        sql_put_blob(&q, meta->identity_seed, sizeof(meta->identity_seed));
        sql_put_u64(&q, meta->epoch.start_ms);
        sql_put_u64(&q, meta->epoch.random);
        sql_put_u64(&q, meta->generation);
        sql_put_blob(&q, meta->log_hash, sizeof(meta->log_hash));
        sql_put_text(&q, ip_prefix_format(&meta->ipv4, ipv4));
        sql_put_text(&q, ip_prefix_format(&meta->ipv6, ipv6));
        sql_put_u64(&q, meta->policy_version);
        return sql_finish(&q);
}

/* Rows of a list that belong to a node or a key: the old ones go first. */
static int put_tags(struct writer *w, enum statement clear, enum statement put, const void *id,
                    size_t id_len, const char *(*tag_at)(const void *, size_t), const void *tags,
                    size_t count)
{
        struct sql q = writer_begin(w, clear);
        sql_put_blob(&q, id, id_len);
        int err = sql_finish(&q);
        for (size_t i = 0; !err && i < count; i++) {
                q = writer_begin(w, put);
                sql_put_blob(&q, id, id_len);
                sql_put_text(&q, tag_at(tags, i));
                err = sql_finish(&q);
        }
        return err;
}

static const char *member_tag_at(const void *tags, size_t i)
{
        return ((const char *const *)tags)[i];
}

static const char *key_tag_at(const void *tags, size_t i)
{
        return ((const char(*)[LABEL_MAX + 1]) tags)[i];
}

static int put_endpoints(struct writer *w, const struct member *m)
{
        struct sql q = writer_begin(w, DELETE_ENDPOINTS);
        sql_put_blob(&q, m->id, sizeof(m->id));
        int err = sql_finish(&q);
        for (size_t i = 0; !err && i < m->endpoint_count; i++) {
                q = writer_begin(w, PUT_ENDPOINT);
                sql_put_blob(&q, m->id, sizeof(m->id));
                sql_put_int(&q, (int64_t)i);
                sql_put_blob(&q, m->endpoints[i].addr.bytes, m->endpoints[i].addr.len);
                sql_put_int(&q, m->endpoints[i].port);
                err = sql_finish(&q);
        }
        return err;
}

static void bind_versions(struct sql *q, const struct peer_versions *versions)
{
        sql_put_int(q, versions->lowest);
        sql_put_int(q, versions->highest);
        sql_put_u64(q, versions->features);
        sql_put_text(q, versions->software);
}

static void bind_tokens(struct sql *q, const struct node_record *node)
{
        sql_put_blob(q, node->newest_token.bytes, node->newest_token.len);
        if (node->previous_token_valid)
                sql_put_blob(q, node->previous_token.bytes, node->previous_token.len);
        else
                sql_put_null(q);
}

static void bind_member(struct sql *q, const struct member *m, const char *claimed_name)
{
        sql_put_blob(q, m->id, sizeof(m->id));
        sql_put_blob(q, m->identity, sizeof(m->identity));
        sql_put_blob(q, m->wireguard_key, sizeof(m->wireguard_key));
        sql_put_blob(q, m->signal_key, sizeof(m->signal_key));
        sql_put_blob(q, m->signal_key_signature, sizeof(m->signal_key_signature));
        sql_put_text(q, m->name);
        sql_put_int(q, m->name_pending);
        sql_put_text(q, claimed_name);
        sql_put_blob(q, m->v4.bytes, m->v4.len);
        sql_put_blob(q, m->v6.bytes, m->v6.len);
}

static int put_node(struct writer *w, const void *record)
{
        const struct node_record *node = record;
        const struct member *m = node->member;
        struct sql q = writer_begin(w, PUT_NODE);
        bind_member(&q, m, node->claimed_name);
        sql_put_int(&q, node->slot);
        sql_put_int(&q, m->recreate);
        sql_put_blob(&q, node->setup_key_id, sizeof(node->setup_key_id));
        sql_put_int(&q, node->enrolled_ms);
        sql_put_u64(&q, node->ephemeral_ms);
        sql_put_text(&q, node->facts.hostname);
        sql_put_text(&q, node->facts.system);
        sql_put_text(&q, node->facts.kernel);
        sql_put_text(&q, node->facts.machine);
        bind_versions(&q, &node->versions);
        bind_tokens(&q, node);
        int err = sql_finish(&q);
        if (!err)
                err = put_tags(w, DELETE_TAGS, PUT_TAG, m->id, sizeof(m->id), member_tag_at,
                               m->tags, m->tag_count);
        return err ? err : put_endpoints(w, m);
}

static int put_tokens(struct writer *w, const void *record)
{
        const struct node_record *node = record;
        struct sql q = writer_begin(w, PUT_TOKENS);
        sql_put_blob(&q, node->member->id, sizeof(node->member->id));
        bind_tokens(&q, node);
        bind_versions(&q, &node->versions);
        return sql_finish(&q);
}

static int delete_node(struct writer *w, const void *record)
{
        struct sql q = writer_begin(w, DELETE_NODE);
        sql_put_blob(&q, record, NODE_ID_BYTES);
        return sql_finish(&q);
}

static int put_lease(struct writer *w, const void *record)
{
        const struct lease_record *lease = record;
        struct sql q = writer_begin(w, PUT_LEASE);
        sql_put_int(&q, lease->slot);
        sql_put_blob(&q, lease->identity, sizeof(lease->identity));
        sql_put_int(&q, lease->released_ms);
        return sql_finish(&q);
}

static int delete_lease(struct writer *w, const void *record)
{
        struct sql q = writer_begin(w, DELETE_LEASE);
        sql_put_int(&q, *(const uint32_t *)record);
        return sql_finish(&q);
}

static int put_setup_key(struct writer *w, const void *record)
{
        const struct setup_key_record *key = record;
        struct sql q = writer_begin(w, PUT_SETUP_KEY);
        sql_put_blob(&q, key->id, sizeof(key->id));
        sql_put_blob(&q, key->public_key, sizeof(key->public_key));
        sql_put_text(&q, key->description);
        sql_put_text(&q, key->name);
        sql_put_int(&q, key->reusable);
        sql_put_int(&q, key->max_uses);
        sql_put_int(&q, key->uses);
        sql_put_int(&q, key->created_ms);
        sql_put_int(&q, key->expires_ms);
        sql_put_int(&q, key->last_used_ms);
        sql_put_int(&q, key->revoked_ms);
        sql_put_u64(&q, key->ephemeral_ms);
        int err = sql_finish(&q);
        if (err)
                return err;
        return put_tags(w, DELETE_SETUP_KEY_TAGS, PUT_SETUP_KEY_TAG, key->id, sizeof(key->id),
                        key_tag_at, key->tags, key->tag_count);
}

static int delete_setup_key(struct writer *w, const void *record)
{
        struct sql q = writer_begin(w, DELETE_SETUP_KEY);
        sql_put_blob(&q, record, SETUP_KEY_ID_BYTES);
        return sql_finish(&q);
}

static int put_reservation(struct writer *w, const void *record)
{
        const struct reservation_step *step = record;
        struct sql q = writer_begin(w, PUT_RESERVATION);
        sql_put_text(&q, step->name);
        sql_put_int(&q, step->at_ms);
        return sql_finish(&q);
}

static int delete_reservation(struct writer *w, const void *record)
{
        struct sql q = writer_begin(w, DELETE_RESERVATION);
        sql_put_text(&q, ((const struct reservation_step *)record)->name);
        return sql_finish(&q);
}

static int put_removal(struct writer *w, const void *record)
{
        const struct removal_record *removal = record;
        struct sql q = writer_begin(w, PUT_REMOVAL);
        sql_put_blob(&q, removal->identity, sizeof(removal->identity));
        sql_put_blob(&q, removal->node_id, sizeof(removal->node_id));
        sql_put_text(&q, removal->name);
        sql_put_int(&q, removal->removed_ms);
        return sql_finish(&q);
}

static void bind_image(struct sql *q, const struct member *image, struct buffer *packed)
{
        if (!image) {
                sql_put_null(q);
                return;
        }
        member_pack(image, packed);
        sql_put_blob(q, packed->bytes, packed->len);
        if (packed->error && !q->error)
                q->error = packed->error;
}

static int put_change(struct writer *w, const void *record)
{
        const struct change_record *change = record;
        struct buffer before = buffer_with_max(MEMBER_IMAGE_MAX_BYTES);
        struct buffer after = buffer_with_max(MEMBER_IMAGE_MAX_BYTES);
        struct sql q = writer_begin(w, PUT_CHANGE);
        sql_put_u64(&q, change->generation);
        sql_put_int(&q, change->at_ms);
        if (change->is_policy)
                sql_put_null(&q);
        else
                sql_put_blob(&q, change->node_id, sizeof(change->node_id));
        bind_image(&q, change->before, &before);
        bind_image(&q, change->after, &after);
        sql_put_u64(&q, change->policy_before);
        sql_put_u64(&q, change->policy_after);
        sql_put_blob(&q, change->log_hash, sizeof(change->log_hash));
        int err = sql_finish(&q);
        buffer_done(&before);
        buffer_done(&after);
        if (err || change->generation <= CHANGE_LOG_MAX_ROWS)
                return err;
        q = writer_begin(w, TRIM_CHANGES);
        sql_put_u64(&q, change->generation - CHANGE_LOG_MAX_ROWS);
        return sql_finish(&q);
}

static int put_policy(struct writer *w, const void *record)
{
        const struct policy_record *policy = record;
        struct sql q = writer_begin(w, PUT_POLICY);
        sql_put_u64(&q, policy->version);
        sql_put_blob(&q, policy->hash, sizeof(policy->hash));
        sql_put_text(&q, policy->author);
        sql_put_text(&q, policy->commit);
        sql_put_int(&q, policy->applied_ms);
        int err = sql_finish(&q);
        for (size_t i = 0; !err && i < policy->file_count; i++) {
                q = writer_begin(w, PUT_POLICY_FILE);
                sql_put_u64(&q, policy->version);
                sql_put_int(&q, (int64_t)i);
                sql_put_text(&q, policy->files[i].path);
                sql_put_blob(&q, policy->files[i].text, policy->files[i].len);
                err = sql_finish(&q);
        }
        return err;
}

static int put_event(struct writer *w, const void *record)
{
        const struct event_record *event = record;
        struct sql q = writer_begin(w, PUT_EVENT);
        sql_put_int(&q, event->at_ms);
        sql_put_text(&q, event->actor);
        sql_put_text(&q, event->source);
        sql_put_text(&q, event->action);
        sql_put_text(&q, event->object);
        sql_put_u64(&q, event->generation_before);
        sql_put_u64(&q, event->generation_after);
        sql_put_blob(&q, event->policy_hash, sizeof(event->policy_hash));
        sql_put_text(&q, event->result);
        int err = sql_finish(&q);
        int64_t id = sqlite3_last_insert_rowid(w->db);
        if (err || id <= EVENT_MAX_ROWS)
                return err;
        q = writer_begin(w, TRIM_EVENTS);
        sql_put_int(&q, id - EVENT_MAX_ROWS);
        return sql_finish(&q);
}

static int (*const writers[STEP_KINDS])(struct writer *w, const void *record) = {
        [STEP_PUT_META] = put_meta,
        [STEP_PUT_NODE] = put_node,
        [STEP_PUT_TOKENS] = put_tokens,
        [STEP_DELETE_NODE] = delete_node,
        [STEP_PUT_LEASE] = put_lease,
        [STEP_DELETE_LEASE] = delete_lease,
        [STEP_PUT_SETUP_KEY] = put_setup_key,
        [STEP_DELETE_SETUP_KEY] = delete_setup_key,
        [STEP_PUT_RESERVATION] = put_reservation,
        [STEP_DELETE_RESERVATION] = delete_reservation,
        [STEP_PUT_REMOVAL] = put_removal,
        [STEP_PUT_CHANGE] = put_change,
        [STEP_PUT_POLICY] = put_policy,
        [STEP_PUT_EVENT] = put_event,
};

int writer_run(struct writer *w, const struct store_tx *tx)
{
        int err = 0;
        for (const struct step *step = tx->first; !err && step; step = step->next)
                err = writers[step->kind](w, step->record);
        return err;
}
