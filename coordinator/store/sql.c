/* See sql.h. */
#include "coordinator/store/sql.h"

#include <limits.h>
#include <string.h>

#include "common/error.h"

static const struct {
        int code;
        int error;
} codes[] = {
        { SQLITE_OK, 0 },
        { SQLITE_ROW, 0 },
        { SQLITE_DONE, 0 },
        { SQLITE_FULL, MESH_ENOSPC },
        { SQLITE_IOERR, MESH_EIO },
        { SQLITE_NOMEM, MESH_ENOMEM },
        { SQLITE_CORRUPT, MESH_EDAMAGED },
        { SQLITE_NOTADB, MESH_EFORMAT },
        { SQLITE_BUSY, MESH_EBUSY },
        { SQLITE_LOCKED, MESH_EBUSY },
        { SQLITE_PERM, MESH_EPERM },
        { SQLITE_AUTH, MESH_EPERM },
        { SQLITE_READONLY, MESH_EPERM },
        { SQLITE_CANTOPEN, MESH_EIO },
        { SQLITE_TOOBIG, MESH_ELIMIT },
};

int sql_error(int rc)
{
        for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
                if (codes[i].code == (rc & 0xff))
                        return codes[i].error;
        return MESH_ESQL;
}

int sql_run(sqlite3 *db, const char *text)
{
        return sql_error(sqlite3_exec(db, text, NULL, NULL, NULL));
}

int sql_int(sqlite3 *db, const char *text, int64_t *ret_value)
{
        sqlite3_stmt *stmt = NULL;
        int rc = sqlite3_prepare_v2(db, text, -1, &stmt, NULL);
        if (rc == SQLITE_OK)
                rc = sqlite3_step(stmt);
        int err = sql_error(rc);
        if (rc == SQLITE_ROW)
                *ret_value = sqlite3_column_int64(stmt, 0);
        else if (!err)
                err = MESH_ESQL;
        sqlite3_finalize(stmt);
        return err;
}

struct sql sql_begin(sqlite3_stmt *stmt)
{
        return (struct sql){ .stmt = stmt, .error = stmt ? 0 : MESH_ESQL };
}

static void note(struct sql *q, int rc)
{
        if (!q->error)
                q->error = sql_error(rc);
}

void sql_put_int(struct sql *q, int64_t value)
{
        if (!q->error)
                note(q, sqlite3_bind_int64(q->stmt, ++q->next, value));
}

void sql_put_u64(struct sql *q, uint64_t value)
{
        int64_t bits;
        memcpy(&bits, &value, sizeof(bits));
        sql_put_int(q, bits);
}

/* SQLITE_STATIC: every statement is reset, and its bindings cleared, before the values go. */
void sql_put_text(struct sql *q, const char *text)
{
        if (!q->error)
                note(q, sqlite3_bind_text(q->stmt, ++q->next, text, -1, SQLITE_STATIC));
}

void sql_put_blob(struct sql *q, const void *bytes, size_t len)
{
        if (q->error)
                return;
        if (len == 0)
                note(q, sqlite3_bind_zeroblob(q->stmt, ++q->next, 0));
        else
                note(q, sqlite3_bind_blob64(q->stmt, ++q->next, bytes, len, SQLITE_STATIC));
}

void sql_put_null(struct sql *q)
{
        if (!q->error)
                note(q, sqlite3_bind_null(q->stmt, ++q->next));
}

int sql_finish(struct sql *q)
{
        if (!q->error) {
                int rc = sqlite3_step(q->stmt);
                note(q, rc);
        }
        if (q->stmt) {
                sqlite3_reset(q->stmt);
                sqlite3_clear_bindings(q->stmt);
        }
        return q->error;
}

int sql_row(struct sql *q)
{
        if (q->error)
                return q->error;
        int rc = sqlite3_step(q->stmt);
        note(q, rc);
        if (q->error)
                return q->error;
        q->next = 0;
        return rc == SQLITE_ROW;
}

int64_t sql_get_int(struct sql *q)
{
        return sqlite3_column_int64(q->stmt, q->next++);
}

uint64_t sql_get_u64(struct sql *q)
{
        int64_t bits = sql_get_int(q);
        uint64_t value;
        memcpy(&value, &bits, sizeof(value));
        return value;
}

void sql_get_text(struct sql *q, char *out, size_t size)
{
        const unsigned char *text = sqlite3_column_text(q->stmt, q->next);
        size_t len = (size_t)sqlite3_column_bytes(q->stmt, q->next);
        q->next++;
        if (!text || len >= size || memchr(text, 0, len)) {
                q->error = MESH_EDAMAGED;
                out[0] = 0;
                return;
        }
        memcpy(out, text, len);
        out[len] = 0;
}

const void *sql_get_bytes(struct sql *q, size_t *ret_len, bool *ret_null)
{
        int column = q->next++;
        const void *bytes = sqlite3_column_blob(q->stmt, column);
        *ret_len = (size_t)sqlite3_column_bytes(q->stmt, column);
        *ret_null = sqlite3_column_type(q->stmt, column) == SQLITE_NULL;
        return bytes;
}

void sql_get_blob(struct sql *q, void *out, size_t len)
{
        size_t have;
        bool null;
        const void *bytes = sql_get_bytes(q, &have, &null);
        if (have != len) {
                q->error = MESH_EDAMAGED;
                memset(out, 0, len);
                return;
        }
        if (len)
                memcpy(out, bytes, len);
}
