/* Opening the database: the file, its settings, its lock, its schema. Inside coordinator/store. */
#pragma once
#include <sqlite3.h>
#include <stddef.h>

/* Makes PATH (0600) if it is missing, configures, locks exclusively, migrates. Returned owned in
 * *RET_DB: sqlite3_close. RET_DETAIL says what is wrong. Errors as store_open. */
int database_open(const char *path, char *ret_detail, size_t detail_len, sqlite3 **ret_db);
