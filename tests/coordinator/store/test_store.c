/* Migrations, group commit, failures: of a step, of a commit, of the disk. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/error.h"
#include "coordinator/store/migrate.h"
#include "coordinator/store/store.h"
#include "tests/coordinator/faulty_vfs.h"

struct fixture {
        char dir[64], path[96], detail[STORE_DETAIL_MAX];
        struct store *store;
};

static int open_store(struct fixture *f, bool threaded)
{
        struct store_options options = { .path = f->path, .threaded = threaded };
        int err = store_open(&options, f->detail, &f->store);
        if (err)
                f->store = NULL;
        return err;
}

static int setup(void **state)
{
        struct fixture *f = calloc(1, sizeof(*f));
        snprintf(f->dir, sizeof(f->dir), "/tmp/mesh-store-XXXXXX");
        assert_non_null(mkdtemp(f->dir));
        snprintf(f->path, sizeof(f->path), "%s/mesh.db", f->dir);
        faulty_heal();
        *state = f;
        return 0;
}

static int teardown(void **state)
{
        struct fixture *f = *state;
        char command[160];
        faulty_heal();
        store_close(f->store);
        static const char *const suffixes[] = { "", "-wal", "-journal", ".before-v1",
                                                ".before-v2" };
        for (size_t i = 0; i < LENGTH(suffixes); i++) {
                snprintf(command, sizeof(command), "%s%s", f->path, suffixes[i]);
                unlink(command);
        }
        assert_int_equal(rmdir(f->dir), 0);
        free(f);
        return 0;
}

/* ---- opening ---- */

static sqlite3 *raw(struct fixture *f)
{
        sqlite3 *db;
        assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
        return db;
}

static void run(sqlite3 *db, const char *sql)
{
        char *message = NULL;
        if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
                fail_msg("%s: %s", sql, message);
}

static const struct open_case {
        const char *name, *prepare;
        int expected;
        const char *detail;
} open_cases[] = {
        { "a newer schema", "PRAGMA application_id = 1835365224; PRAGMA user_version = 2",
          MESH_EVERSION, "newer" },
        { "somebody else's tables", "CREATE TABLE t (x)", MESH_EFORMAT, "another program" },
        { "somebody else's id", "PRAGMA application_id = 7", MESH_EFORMAT, "another program" },
};

static void strange_files_are_refused(void **state)
{
        struct fixture *f = *state;
        for (size_t i = 0; i < LENGTH(open_cases); i++) {
                sqlite3 *db = raw(f);
                run(db, open_cases[i].prepare);
                sqlite3_close(db);
                assert_int_equal(open_store(f, false), open_cases[i].expected);
                if (!strstr(f->detail, open_cases[i].detail))
                        fail_msg("%s: %s", open_cases[i].name, f->detail);
                unlink(f->path);
        }
        int fd = open(f->path, O_WRONLY | O_CREAT, 0600);
        for (int i = 0; i < 100; i++)
                assert_int_equal(write(fd, "this is no database at all......", 32), 32);
        close(fd);
        assert_int_equal(open_store(f, false), MESH_EFORMAT);
        unlink(f->path);
        assert_int_equal(symlink("/etc/passwd", f->path), 0);
        assert_int_not_equal(open_store(f, false), 0);
}

static void the_file_is_private_and_locked(void **state)
{
        struct fixture *f = *state;
        struct stat st;
        mode_t mask = umask(0);
        assert_int_equal(open_store(f, false), 0);
        umask(mask);
        assert_int_equal(stat(f->path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
        struct fixture second = *f;
        assert_int_equal(open_store(&second, false), MESH_EBUSY);
        assert_non_null(strstr(second.detail, "in use"));
}

static int64_t number(sqlite3 *db, const char *sql)
{
        sqlite3_stmt *stmt;
        assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
        int64_t value = sqlite3_column_int64(stmt, 0);
        sqlite3_finalize(stmt);
        return value;
}

static void migrations_go_step_by_step(void **state)
{
        static const struct store_migration good[] = {
                { "CREATE TABLE a (x INTEGER) STRICT; INSERT INTO a VALUES (1)" },
                { "UPDATE a SET x = x + 10" },
                { "UPDATE a SET x = x * 2" },
        };
        static const struct store_migration bad[] = {
                { "CREATE TABLE a (x INTEGER) STRICT; INSERT INTO a VALUES (1)" },
                { "UPDATE a SET x = x + 10" },
                { "UPDATE a SET x = 0; UPDATE nothing SET y = 1" },
        };
        struct fixture *f = *state;
        char detail[256] = "", copy_path[128];
        int version;
        sqlite3 *db = raw(f);
        assert_int_equal(store_migrate(db, f->path, good, 1, detail, sizeof(detail)), 0);
        snprintf(copy_path, sizeof(copy_path), "%s.before-v1", f->path);
        assert_int_not_equal(access(copy_path, F_OK), 0); /* nothing was there to copy */
        assert_int_equal(store_migrate(db, f->path, bad, 3, detail, sizeof(detail)), MESH_ESQL);
        assert_non_null(strstr(detail, "schema 3"));
        assert_int_equal(store_schema_version(db, &version), 0);
        assert_int_equal(version, 2); /* the good step stays, the bad one left nothing */
        assert_int_equal(number(db, "SELECT x FROM a"), 11);
        assert_int_equal(store_migrate(db, f->path, good, 3, detail, sizeof(detail)), 0);
        assert_int_equal(number(db, "SELECT x FROM a"), 22);
        assert_int_equal(number(db, "PRAGMA application_id"), STORE_APPLICATION_ID);
        sqlite3_close(db);

        assert_int_equal(sqlite3_open(copy_path, &db), SQLITE_OK);
        assert_int_equal(number(db, "PRAGMA user_version"), 1);
        assert_int_equal(number(db, "SELECT x FROM a"), 1);
        sqlite3_close(db);
        snprintf(copy_path, sizeof(copy_path), "%s.before-v2", f->path);
        assert_int_equal(access(copy_path, F_OK), 0);
}

/* ---- transactions ---- */

struct outcome {
        int calls, err;
};

static void note(void *user, int err)
{
        struct outcome *o = user;
        o->calls++;
        o->err = err;
}

static struct store_tx *lease_tx(uint32_t slot, uint8_t owner)
{
        struct store_tx *tx = store_tx_new();
        struct lease_record lease = { .slot = slot };
        memset(lease.identity, owner, sizeof(lease.identity));
        assert_non_null(tx);
        store_put_lease(tx, &lease);
        return tx;
}

static size_t lease_count(struct fixture *f)
{
        struct store_image *image;
        store_close(f->store);
        assert_int_equal(open_store(f, false), 0);
        assert_int_equal(store_load(f->store, &image), 0);
        size_t count = image->lease_count;
        store_image_free(image);
        return count;
}

static void a_batch_is_one_commit(void **state)
{
        struct fixture *f = *state;
        struct outcome outcomes[100] = { 0 };
        assert_int_equal(open_store(f, false), 0);
        store_submit(f->store, lease_tx(1000, 200), true, NULL, NULL);
        store_run(f->store); /* the WAL's own header is behind us */
        int syncs = faulty_disk.syncs;
        for (uint32_t i = 0; i < 100; i++)
                store_submit(f->store, lease_tx(i + 1, (uint8_t)i), true, note, &outcomes[i]);
        store_run(f->store);
        assert_int_equal(faulty_disk.syncs, syncs + 1);
        for (size_t i = 0; i < 100; i++) {
                assert_int_equal(outcomes[i].calls, 1);
                assert_int_equal(outcomes[i].err, 0);
        }
        assert_int_equal(lease_count(f), 101);
}

static void a_bad_step_fails_alone(void **state)
{
        struct fixture *f = *state;
        struct outcome before = { 0 }, bad = { 0 }, audit = { 0 }, after = { 0 }, anew = { 0 };
        assert_int_equal(open_store(f, false), 0);
        struct store_tx *half = lease_tx(2, 2);
        struct lease_record twin = { .slot = 3 };
        memset(twin.identity, 1, sizeof(twin.identity)); /* the first one's: must be unique */
        store_put_lease(half, &twin);
        store_submit(f->store, lease_tx(1, 1), true, note, &before);
        store_submit(f->store, half, true, note, &bad);
        store_submit(f->store, lease_tx(4, 4), false, note, &audit);
        store_submit(f->store, lease_tx(5, 5), true, note, &after);
        store_run(f->store);
        assert_int_equal(before.err, 0);
        assert_int_equal(bad.err, MESH_ESQL);
        assert_int_equal(audit.err, 0);
        assert_int_equal(after.err, MESH_ECANCELED); /* it may rest on the bad one */
        store_submit(f->store, lease_tx(5, 5), true, note, &after);
        store_run(f->store);
        assert_int_equal(after.err, MESH_ECANCELED);
        store_rechain(f->store);
        store_submit(f->store, lease_tx(5, 5), true, note, &anew);
        store_run(f->store);
        assert_int_equal(anew.err, 0);
        assert_int_equal(lease_count(f), 3); /* 1, 4, 5: nothing of the half */
}

static const struct {
        const char *name;
        int write_error, sync_error, expected;
} disks[] = {
        { "full", SQLITE_FULL, 0, MESH_ENOSPC },
        { "broken", SQLITE_IOERR_WRITE, 0, MESH_EIO },
        { "not synced", 0, SQLITE_IOERR_FSYNC, MESH_EIO },
};

static void a_bad_commit_fails_all(void **state)
{
        struct fixture *f = *state;
        assert_int_equal(open_store(f, false), 0);
        store_submit(f->store, lease_tx(9, 9), true, NULL, NULL);
        store_run(f->store);
        for (size_t i = 0; i < LENGTH(disks); i++) {
                struct outcome a = { 0 }, b = { 0 };
                faulty_disk = (struct faulty_disk){ .write_error = disks[i].write_error,
                                                    .sync_error = disks[i].sync_error };
                store_submit(f->store, lease_tx(1, 1), true, note, &a);
                store_submit(f->store, lease_tx(2, 2), false, note, &b);
                store_run(f->store);
                assert_int_equal(a.calls + b.calls, 2);
                if (a.err != disks[i].expected || b.err != disks[i].expected)
                        fail_msg("%s: %s, %s", disks[i].name, mesh_strerror(a.err),
                                 mesh_strerror(b.err));
                faulty_heal();
                store_rechain(f->store);
                assert_int_equal(lease_count(f), 1);
        }
}

static void loaded(void *user, int err, struct store_image *image)
{
        assert_int_equal(err, 0);
        *(size_t *)user = image->lease_count;
        store_image_free(image);
}

static void a_load_sees_what_was_submitted_before(void **state)
{
        struct fixture *f = *state;
        size_t count = 0;
        assert_int_equal(open_store(f, true), 0);
        assert_int_equal(store_start(f->store), 0);
        for (uint32_t i = 1; i <= 50; i++)
                store_submit(f->store, lease_tx(i, (uint8_t)i), true, NULL, NULL);
        assert_int_equal(store_load_later(f->store, loaded, &count), 0);
        for (uint32_t i = 51; i <= 60; i++)
                store_submit(f->store, lease_tx(i, (uint8_t)i), true, NULL, NULL);
        store_close(f->store); /* writes all of it, runs the completions */
        assert_int_equal(count, 50);
        assert_int_equal(open_store(f, false), 0);
        assert_int_equal(lease_count(f), 60);
}

static void logs_are_bounded(void **state)
{
        struct fixture *f = *state;
        struct store_image *image;
        assert_int_equal(open_store(f, false), 0);
        for (uint64_t generation = 1; generation <= CHANGE_LOG_MAX_ROWS + 5; generation++) {
                struct store_tx *tx = store_tx_new();
                struct change_record change = { .generation = generation };
                struct event_record event = { .at_ms = 1 };
                store_put_change(tx, &change);
                store_put_event(tx, &event);
                store_submit(f->store, tx, true, NULL, NULL);
        }
        store_run(f->store);
        assert_int_equal(store_load(f->store, &image), 0);
        assert_int_equal(image->change_count, CHANGE_LOG_MAX_ROWS);
        assert_int_equal(image->changes[0].generation, 6);
        store_image_free(image);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                CASE(strange_files_are_refused),
                CASE(the_file_is_private_and_locked),
                CASE(migrations_go_step_by_step),
                CASE(a_batch_is_one_commit),
                CASE(a_bad_step_fails_alone),
                CASE(a_bad_commit_fails_all),
                CASE(a_load_sees_what_was_submitted_before),
                CASE(logs_are_bounded),
        };
        faulty_vfs_install();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
