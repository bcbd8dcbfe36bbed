/* See load.h. Each table is counted, allocated and read row by row. */
#include "coordinator/store/load.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/error.h"
#include "coordinator/store/load_row.h"
#include "coordinator/store/store.h"

/* One table: how many rows, the query, and what to do with each row. */
struct table {
        const char *count, *select;
        size_t row_bytes;
        void **(*rows_of)(struct store_image *image);
        size_t *(*count_of)(struct store_image *image);
        int (*read)(sqlite3 *db, struct sql *q, void *row);
};

static struct ip_prefix get_prefix(struct sql *q)
{
        char text[IP_TEXT_MAX];
        struct ip_prefix prefix = { 0 };
        sql_get_text(q, text, sizeof(text));
        if (!q->error && ip_prefix_parse(text, &prefix))
                q->error = MESH_EDAMAGED;
        return prefix;
}

static int load_meta(sqlite3 *db, struct store_image *image)
{
        sqlite3_stmt *stmt = NULL;
        int rc = sqlite3_prepare_v2(db,
                                    "SELECT identity_seed, epoch_start_ms, epoch_random,"
                                    " generation, log_hash, ipv4_prefix, ipv6_prefix,"
                                    " policy_version FROM meta",
                                    -1, &stmt, NULL);
        if (rc != SQLITE_OK)
                return sql_error(rc);
        struct sql q = sql_begin(stmt);
        struct meta_record *meta = &image->meta;
        int row = sql_row(&q);
        image->fresh = row == 0;
        if (row > 0) {
                sql_get_blob(&q, meta->identity_seed, sizeof(meta->identity_seed));
                meta->epoch.start_ms = sql_get_u64(&q);
                meta->epoch.random = sql_get_u64(&q);
                meta->generation = sql_get_u64(&q);
                sql_get_blob(&q, meta->log_hash, sizeof(meta->log_hash));
                meta->ipv4 = get_prefix(&q);
                meta->ipv6 = get_prefix(&q);
                meta->policy_version = sql_get_u64(&q);
        }
        sqlite3_finalize(stmt);
        return q.error;
}

#define ACCESSORS(rows, count)                                                                     \
        static void **rows##_of(struct store_image *image)                                         \
        {                                                                                          \
                return (void **)&image->rows;                                                      \
        }                                                                                          \
        static size_t *count##_of(struct store_image *image)                                       \
        {                                                                                          \
                return &image->count;                                                              \
        }
ACCESSORS(nodes, node_count)
ACCESSORS(leases, lease_count)
ACCESSORS(setup_keys, setup_key_count)
ACCESSORS(reservations, reservation_count)
ACCESSORS(removals, removal_count)
ACCESSORS(changes, change_count)
ACCESSORS(policies, policy_count)

#define USED_POLICIES                                                                              \
        "(SELECT policy_version FROM meta UNION SELECT policy_before FROM change_log"              \
        " UNION SELECT policy_after FROM change_log)"

static const struct table tables[] = {
        { "SELECT count(*) FROM node",
          "SELECT id, identity, wireguard_key, signal_key, signal_key_signature, name,"
          " name_pending, claimed_name, ipv4, ipv6, slot, recreate, setup_key_id, enrolled_ms,"
          " ephemeral_ms, hostname, system, kernel, machine, version_lowest, version_highest,"
          " features, software, newest_token, previous_token FROM node ORDER BY id",
          sizeof(struct node_record), nodes_of, node_count_of, read_node },
        { "SELECT count(*) FROM address_lease",
          "SELECT slot, identity, released_ms FROM address_lease ORDER BY slot",
          sizeof(struct lease_record), leases_of, lease_count_of, read_lease },
        { "SELECT count(*) FROM setup_key",
          "SELECT id, public_key, description, name, reusable, max_uses, uses, created_ms,"
          " expires_ms, last_used_ms, revoked_ms, ephemeral_ms FROM setup_key ORDER BY rowid",
          sizeof(struct setup_key_record), setup_keys_of, setup_key_count_of, read_setup_key },
        { "SELECT count(*) FROM name_reservation",
          "SELECT name FROM name_reservation ORDER BY name", LABEL_MAX + 1, reservations_of,
          reservation_count_of, read_reservation },
        { "SELECT count(*) FROM removed_identity",
          "SELECT identity, node_id, name, removed_ms FROM removed_identity ORDER BY identity",
          sizeof(struct removal_record), removals_of, removal_count_of, read_removal },
        { "SELECT count(*) FROM change_log",
          "SELECT generation, at_ms, node_id, before_image, after_image, policy_before,"
          " policy_after, log_hash FROM change_log ORDER BY generation",
          sizeof(struct change_record), changes_of, change_count_of, read_change },
        { "SELECT count(*) FROM policy WHERE version IN " USED_POLICIES,
          "SELECT version, hash, author, git_commit, applied_ms,"
          " (SELECT count(*) FROM policy_file f WHERE f.version = p.version) FROM policy p"
          " WHERE version IN " USED_POLICIES " ORDER BY version",
          sizeof(struct policy_record), policies_of, policy_count_of, read_policy },
};

static int load_table(sqlite3 *db, const struct table *table, struct store_image *image)
{
        int64_t expected = 0;
        int err = sql_int(db, table->count, &expected);
        if (err)
                return err;
        char *rows = calloc((size_t)expected + 1, table->row_bytes);
        if (!rows)
                return MESH_ENOMEM;
        *table->rows_of(image) = rows;

        sqlite3_stmt *stmt = NULL;
        int rc = sqlite3_prepare_v2(db, table->select, -1, &stmt, NULL);
        if (rc != SQLITE_OK)
                return sql_error(rc);
        struct sql q = sql_begin(stmt);
        size_t *count = table->count_of(image);
        while (!err && *count < (size_t)expected && sql_row(&q) > 0) {
                err = table->read(db, &q, rows + *count * table->row_bytes);
                ++*count; /* a row half read is freed like the others */
        }
        sqlite3_finalize(stmt);
        return err ? err : q.error;
}

int image_load(sqlite3 *db, struct store_image **ret_image)
{
        struct store_image *image = calloc(1, sizeof(*image));
        if (!image)
                return MESH_ENOMEM;
        int err = load_meta(db, image);
        for (size_t i = 0; !err && i < sizeof(tables) / sizeof(tables[0]); i++)
                err = load_table(db, &tables[i], image);
        if (err) {
                store_image_free(image);
                return err;
        }
        *ret_image = image;
        return 0;
}

static void policy_record_done(struct policy_record *policy)
{
        for (size_t i = 0; i < policy->file_count; i++) {
                free(policy->files[i].path);
                free(policy->files[i].text);
        }
        free(policy->files);
}

void store_image_free(struct store_image *image)
{
        if (!image)
                return;
        for (size_t i = 0; i < image->node_count; i++)
                member_unref(image->nodes[i].member);
        for (size_t i = 0; i < image->change_count; i++) {
                member_unref(image->changes[i].before);
                member_unref(image->changes[i].after);
        }
        for (size_t i = 0; i < image->policy_count; i++)
                policy_record_done(&image->policies[i]);
        free(image->nodes);
        free(image->leases);
        free(image->setup_keys);
        free(image->reservations);
        free(image->removals);
        free(image->changes);
        free(image->policies);
        sodium_memzero(&image->meta, sizeof(image->meta));
        free(image);
}
