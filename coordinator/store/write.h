/* Executing transactions: one prepared statement per kind of write. Writer thread only. */
#pragma once
#include <sqlite3.h>

struct store_tx;
struct writer; /* opaque: the connection's prepared statements */

/* Prepares every statement. Returns owned. MESH_ESQL and its kin, MESH_ENOMEM. */
int writer_new(sqlite3 *db, struct writer **ret_writer);

/* Finalises; NULL is allowed. */
void writer_free(struct writer *w);

/* Runs all steps of TX in order, in the open transaction. Returns the first failure. */
int writer_run(struct writer *w, const struct store_tx *tx);
