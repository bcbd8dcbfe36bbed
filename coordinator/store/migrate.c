/* See migrate.h. */
#include "coordinator/store/migrate.h"

#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "common/error.h"
#include "coordinator/store/sql.h"

int store_schema_version(sqlite3 *db, int *ret_version)
{
        int64_t version;
        int err = sql_int(db, "PRAGMA user_version", &version);
        if (!err)
                *ret_version = (int)version;
        return err;
}

/* A file is ours if it says so, or if it is empty. */
static int check_owner(sqlite3 *db, const char *path, char *ret_detail, size_t detail_len)
{
        int64_t application, objects;
        int err = sql_int(db, "PRAGMA application_id", &application);
        if (!err)
                err = sql_int(db, "SELECT count(*) FROM sqlite_schema", &objects);
        if (err)
                return err;
        if (application == STORE_APPLICATION_ID || (application == 0 && objects == 0))
                return 0;
        snprintf(ret_detail, detail_len, "%s is another program's database", path);
        return MESH_EFORMAT;
}

static int copy_before(sqlite3 *db, const char *path, int version)
{
        char *copy = sqlite3_mprintf("%s.before-v%d", path, version);
        if (!copy)
                return MESH_ENOMEM;
        unlink(copy); /* of an attempt that failed; VACUUM INTO wants no file there */
        sqlite3_stmt *stmt = NULL;
        int rc = sqlite3_prepare_v2(db, "VACUUM INTO ?", -1, &stmt, NULL);
        if (rc == SQLITE_OK)
                rc = sqlite3_bind_text(stmt, 1, copy, -1, SQLITE_STATIC);
        if (rc == SQLITE_OK)
                rc = sqlite3_step(stmt);
        sqlite3_finalize(stmt);
        sqlite3_free(copy);
        return sql_error(rc);
}

static int migrate_one(sqlite3 *db, const char *sql, int to)
{
        char stamp[96];
        snprintf(stamp, sizeof(stamp), "PRAGMA application_id = %d; PRAGMA user_version = %d",
                 STORE_APPLICATION_ID, to);
        int err = sql_run(db, "BEGIN IMMEDIATE");
        if (err)
                return err;
        err = sql_run(db, sql);
        if (!err)
                err = sql_run(db, stamp);
        if (!err)
                err = sql_run(db, "COMMIT");
        if (err && !sqlite3_get_autocommit(db))
                sql_run(db, "ROLLBACK");
        return err;
}

int store_migrate(sqlite3 *db, const char *path, const struct store_migration *migrations,
                  size_t count, char *ret_detail, size_t detail_len)
{
        int version = 0;
        int err = check_owner(db, path, ret_detail, detail_len);
        if (!err)
                err = store_schema_version(db, &version);
        if (err)
                return err;
        if (version < 0 || (size_t)version > count) {
                snprintf(ret_detail, detail_len,
                         "%s was written by a newer mesh-coordinator (schema %d, this one knows "
                         "%zu): install that version again, or restore a backup",
                         path, version, count);
                return MESH_EVERSION;
        }
        if (version > 0 && (size_t)version < count)
                err = copy_before(db, path, version);
        if (err)
                snprintf(ret_detail, detail_len, "cannot copy %s before its migration: %s", path,
                         sqlite3_errmsg(db));
        for (size_t i = (size_t)version; !err && i < count; i++) {
                err = migrate_one(db, migrations[i].sql, (int)i + 1);
                if (err)
                        snprintf(ret_detail, detail_len, "cannot migrate %s to schema %zu: %s",
                                 path, i + 1, sqlite3_errmsg(db));
        }
        return err;
}
