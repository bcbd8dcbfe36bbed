/* The SQL of all writes, and its preparation. See statements.h. */
#include "coordinator/store/statements.h"

#include <stdlib.h>

#include "common/error.h"
#include "coordinator/store/write.h"

static const char *const texts[STATEMENTS] = {
        [PUT_META] = "INSERT INTO meta VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?)"
                     " ON CONFLICT (id) DO UPDATE SET epoch_start_ms = excluded.epoch_start_ms,"
                     " epoch_random = excluded.epoch_random, generation = excluded.generation,"
                     " log_hash = excluded.log_hash, policy_version = excluded.policy_version",
        [PUT_NODE] =
                "INSERT INTO node VALUES"
                " (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (id) DO UPDATE SET"
                " wireguard_key = excluded.wireguard_key, signal_key = excluded.signal_key,"
                " signal_key_signature = excluded.signal_key_signature, name = excluded.name,"
                " name_pending = excluded.name_pending, claimed_name = excluded.claimed_name,"
                " recreate = excluded.recreate, hostname = excluded.hostname,"
                " system = excluded.system, kernel = excluded.kernel, machine = excluded.machine,"
                " version_lowest = excluded.version_lowest,"
                " version_highest = excluded.version_highest, features = excluded.features,"
                " software = excluded.software, newest_token = excluded.newest_token,"
                " previous_token = excluded.previous_token",
        [PUT_TOKENS] = "UPDATE node SET newest_token = ?2, previous_token = ?3,"
                       " version_lowest = ?4, version_highest = ?5, features = ?6, software = ?7"
                       " WHERE id = ?1",
        [DELETE_NODE] = "DELETE FROM node WHERE id = ?",
        [DELETE_TAGS] = "DELETE FROM node_tag WHERE node_id = ?",
        [PUT_TAG] = "INSERT INTO node_tag VALUES (?, ?)",
        [DELETE_ENDPOINTS] = "DELETE FROM node_endpoint WHERE node_id = ?",
        [PUT_ENDPOINT] = "INSERT INTO node_endpoint VALUES (?, ?, ?, ?)",
        [PUT_LEASE] = "INSERT INTO address_lease VALUES (?, ?, ?) ON CONFLICT (slot) DO UPDATE"
                      " SET identity = excluded.identity, released_ms = excluded.released_ms",
        [DELETE_LEASE] = "DELETE FROM address_lease WHERE slot = ?",
        [PUT_SETUP_KEY] = "INSERT INTO setup_key VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                          " ON CONFLICT (id) DO UPDATE SET uses = excluded.uses,"
                          " last_used_ms = excluded.last_used_ms, revoked_ms = excluded.revoked_ms",
        [DELETE_SETUP_KEY] = "DELETE FROM setup_key WHERE id = ?",
        [DELETE_SETUP_KEY_TAGS] = "DELETE FROM setup_key_tag WHERE key_id = ?",
        [PUT_SETUP_KEY_TAG] = "INSERT INTO setup_key_tag VALUES (?, ?)",
        [PUT_RESERVATION] = "INSERT OR REPLACE INTO name_reservation VALUES (?, ?)",
        [DELETE_RESERVATION] = "DELETE FROM name_reservation WHERE name = ?",
        [PUT_REMOVAL] = "INSERT OR REPLACE INTO removed_identity VALUES (?, ?, ?, ?)",
        [PUT_CHANGE] = "INSERT INTO change_log VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [TRIM_CHANGES] = "DELETE FROM change_log WHERE generation <= ?",
        [PUT_POLICY] = "INSERT INTO policy VALUES (?, ?, ?, ?, ?)",
        [PUT_POLICY_FILE] = "INSERT INTO policy_file VALUES (?, ?, ?, ?)",
        [PUT_EVENT] = "INSERT INTO event VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [TRIM_EVENTS] = "DELETE FROM event WHERE id <= ?",
};

int writer_new(sqlite3 *db, struct writer **ret_writer)
{
        struct writer *w = calloc(1, sizeof(*w));
        if (!w)
                return MESH_ENOMEM;
        w->db = db;
        for (size_t i = 0; i < STATEMENTS; i++) {
                int rc = sqlite3_prepare_v3(db, texts[i], -1, SQLITE_PREPARE_PERSISTENT,
                                            &w->stmts[i], NULL);
                if (rc != SQLITE_OK) {
                        writer_free(w);
                        return sql_error(rc);
                }
        }
        *ret_writer = w;
        return 0;
}

void writer_free(struct writer *w)
{
        if (!w)
                return;
        for (size_t i = 0; i < STATEMENTS; i++)
                sqlite3_finalize(w->stmts[i]);
        free(w);
}

struct sql writer_begin(struct writer *w, enum statement which)
{
        return sql_begin(w->stmts[which]);
}
