/* One row of each table as a record. Inside coordinator/store only.
 *
 * Q stands on the row, its columns in the order of load.c's queries; ROW is the zeroed record that
 * they go to. Rows of other tables that belong to it are read too. All
 * return 0, MESH_EDAMAGED, MESH_ENOMEM or a failure of the database; what was filled till then is
 * the image's to free. */
#pragma once
#include "coordinator/store/sql.h"

/* ROW is a node_record, with its tags and endpoints. */
int read_node(sqlite3 *db, struct sql *q, void *row);
/* ROW is a lease_record. */
int read_lease(sqlite3 *db, struct sql *q, void *row);
/* ROW is a setup_key_record, with its tags. */
int read_setup_key(sqlite3 *db, struct sql *q, void *row);
/* ROW is a name, LABEL_MAX + 1 bytes. */
int read_reservation(sqlite3 *db, struct sql *q, void *row);
/* ROW is a removal_record. */
int read_removal(sqlite3 *db, struct sql *q, void *row);
/* ROW is a change_record. */
int read_change(sqlite3 *db, struct sql *q, void *row);
/* ROW is a policy_record, with its files. */
int read_policy(sqlite3 *db, struct sql *q, void *row);
