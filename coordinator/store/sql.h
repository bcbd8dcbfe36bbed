/* Statements of the store: a table of prepared SQL, typed binding and reading, and SQLite's result
 * codes as ours. Inside coordinator/store only. */
#pragma once
#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 0 for SQLITE_OK, _ROW and _DONE; else one of our codes. */
int sql_error(int rc);

/* Runs statements without parameters and results. */
int sql_run(sqlite3 *db, const char *text);

/* One integer of a one-row query, such as a pragma. */
int sql_int(sqlite3 *db, const char *text, int64_t *ret_value);

/* A statement with its parameters bound in order; a failure is sticky. */
struct sql {
        sqlite3_stmt *stmt; /* borrowed from a cache, or owned by the caller */
        int next;           /* parameter or column */
        int error;
};

/* Starts with a statement that was reset; NULL is an error that sticks. */
struct sql sql_begin(sqlite3_stmt *stmt);
/* Bind the next parameter; what is bound must live until the statement is finished. */
void sql_put_int(struct sql *q, int64_t value);
/* The same 64 bits as a signed integer. */
void sql_put_u64(struct sql *q, uint64_t value);
void sql_put_text(struct sql *q, const char *text);
void sql_put_blob(struct sql *q, const void *bytes, size_t len); /* never NULL, may be empty */
void sql_put_null(struct sql *q);

/* Executes a statement without rows and resets it. */
int sql_finish(struct sql *q);

/* Moves to the next row: 1, 0 at the end, <0. Then columns are read in order; a value that does
 * not fit sets MESH_EDAMAGED. */
int sql_row(struct sql *q);
int64_t sql_get_int(struct sql *q);
uint64_t sql_get_u64(struct sql *q);
void sql_get_text(struct sql *q, char *out, size_t size);
void sql_get_blob(struct sql *q, void *out, size_t len);                   /* exactly LEN bytes */
const void *sql_get_bytes(struct sql *q, size_t *ret_len, bool *ret_null); /* until the next row */
