/* The statements that write, prepared once. Inside coordinator/store only. */
#pragma once
#include <sqlite3.h>

#include "coordinator/store/sql.h"

enum statement {
        PUT_META,
        PUT_NODE,
        PUT_TOKENS,
        DELETE_NODE,
        DELETE_TAGS,
        PUT_TAG,
        DELETE_ENDPOINTS,
        PUT_ENDPOINT,
        PUT_LEASE,
        DELETE_LEASE,
        PUT_SETUP_KEY,
        DELETE_SETUP_KEY,
        DELETE_SETUP_KEY_TAGS,
        PUT_SETUP_KEY_TAG,
        PUT_RESERVATION,
        DELETE_RESERVATION,
        PUT_REMOVAL,
        PUT_CHANGE,
        TRIM_CHANGES,
        PUT_POLICY,
        PUT_POLICY_FILE,
        PUT_EVENT,
        TRIM_EVENTS,
        STATEMENTS,
};

struct writer {
        sqlite3 *db; /* borrowed */
        sqlite3_stmt *stmts[STATEMENTS];
};

/* The statement WHICH, ready for its parameters. */
struct sql writer_begin(struct writer *w, enum statement which);
