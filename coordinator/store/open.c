/* See open.h. */
#include "coordinator/store/open.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/error.h"
#include "coordinator/store/migrate.h"
#include "coordinator/store/sql.h"

/* SQLite would make the file with the umask's mode, and trusts that its name is durable. */
static int make_file(const char *path)
{
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return mesh_error_from_errno(errno);
        close(fd);
        char *copy = strdup(path);
        if (!copy)
                return MESH_ENOMEM;
        int err = 0;
        int dir = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (dir < 0 || fsync(dir) < 0)
                err = mesh_error_from_errno(errno);
        if (dir >= 0)
                close(dir);
        free(copy);
        return err;
}

static int configure(sqlite3 *db)
{
        sqlite3_extended_result_codes(db, 1);
        sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
        sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
        sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
        int err = sql_run(db, "PRAGMA locking_mode = EXCLUSIVE;"
                              "PRAGMA foreign_keys = ON;"
                              "PRAGMA journal_mode = WAL;"
                              "PRAGMA synchronous = FULL;"
                              "PRAGMA secure_delete = ON;");
        if (!err) /* takes the lock that exclusive mode keeps */
                err = sql_run(db, "BEGIN IMMEDIATE; COMMIT");
        return err;
}

int database_open(const char *path, char *ret_detail, size_t detail_len, sqlite3 **ret_db)
{
        sqlite3 *db = NULL;
        int err = make_file(path);
        if (err) {
                snprintf(ret_detail, detail_len, "cannot make %s: %s", path, mesh_strerror(err));
                return err;
        }
        int rc = sqlite3_open_v2(path, &db,
                                 SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
                                         SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_PRIVATECACHE,
                                 NULL);
        err = sql_error(rc);
        if (!err)
                err = configure(db);
        if (err == MESH_EBUSY)
                snprintf(ret_detail, detail_len, "%s is in use by another process", path);
        else if (err)
                snprintf(ret_detail, detail_len, "cannot open %s: %s", path,
                         db ? sqlite3_errmsg(db) : mesh_strerror(err));
        if (!err)
                err = store_migrate(db, path, store_migrations, store_migration_count, ret_detail,
                                    detail_len);
        if (err)
                sqlite3_close(db);
        else
                *ret_db = db;
        return err;
}
