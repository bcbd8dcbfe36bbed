/* The schema's versions: numbered migrations, each in one transaction, and a copy of the file
 * before the first of them. Called by store.c when it opens; tests bring their own list. */
#pragma once
#include <sqlite3.h>
#include <stddef.h>

enum { STORE_APPLICATION_ID = 0x6d657368 }; /* "mesh" */

/* SQL that leads from the version before (its place in the list) to the next. */
struct store_migration {
        const char *sql;
};

/* The product's list. */
extern const struct store_migration store_migrations[];
extern const size_t store_migration_count;

/* Brings DB (the file PATH) to version COUNT. A file of version 0 without tables is made ours; one
 * that has to be migrated is copied to "PATH.before-vN" first, N being its version. RET_DETAIL
 * (DETAIL_LEN bytes) says what is wrong. MESH_EFORMAT: another program's file; MESH_EVERSION: newer
 * than this program, nothing was touched; MESH_EDAMAGED, MESH_ENOSPC, MESH_EIO, MESH_ESQL. */
int store_migrate(sqlite3 *db, const char *path, const struct store_migration *migrations,
                  size_t count, char *ret_detail, size_t detail_len);

/* The schema version of DB. MESH_ESQL and its kin. */
int store_schema_version(sqlite3 *db, int *ret_version);
