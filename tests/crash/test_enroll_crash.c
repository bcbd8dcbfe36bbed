/* kill -9 while members enrol: what was acknowledged is there after the restart, and a one-off key
 * was used once at most.
 *
 * A child runs a registry over a real file with its writer thread, enrols two members per one-off
 * key, and tells of each answer over a pipe; it is killed at a random moment. The parent checks the
 * file and lets the next child go on with it. Usage: test_enroll_crash [KILLS], 50 by default. */
#include <errno.h>
#include <signal.h>
#include <sodium.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/env.h"
#include "common/error.h"
#include "coordinator/netmap/netmap.h"
#include "coordinator/registry/registry.h"
#include "tests/support/unit.h"

enum {
        IN_FLIGHT = 8,
        ACKS_MAX = 1 << 20,
        DELAY_MAX_US = 4000,
        ACKS_BEFORE_KILL_MAX = 40,
        KILLS_PER_FILE = 100
};

/* What the child tells, in one write. */
struct ack {
        uint32_t number; /* of the member */
        uint64_t generation;
        uint8_t node_id[NODE_ID_BYTES];
        uint8_t key_id[SETUP_KEY_ID_BYTES];
        uint8_t outcome;
};

static unsigned kills = 50;

static void ignore(void *user, void *stream_user)
{
        (void)user;
        (void)stream_user;
}

static void wake(void *user)
{
        if (write(*(int *)user, "w", 1) != 1 && errno != EAGAIN)
                abort();
}

static struct registry *open_registry(const char *path, struct netmap *nm, int *wake_fd)
{
        struct registry *r = NULL;
        char detail[REGISTRY_DETAIL_MAX];
        struct registry_options options = { .path = path,
                                            .env = env_system(),
                                            .netmap = nm,
                                            .threaded = wake_fd != NULL,
                                            .wake = wake_fd ? wake : NULL,
                                            .wake_user = wake_fd };
        int err = registry_open(&options, detail, &r);
        if (err)
                fail_msg("%s: %s", mesh_strerror(err), detail);
        return r;
}

static struct netmap *make_netmap(void)
{
        struct netmap_callbacks callbacks = { ignore, ignore, NULL };
        struct netmap *nm = NULL;
        assert_int_equal(netmap_new(&callbacks, &nm), 0);
        return nm;
}

/* ---- the child ---- */

struct child {
        struct registry *r;
        int acks;
        uint32_t next_number;
};

struct job {
        struct registry_call call;
        struct child *child;
        uint32_t numbers[2]; /* two members that want the same one-off key */
        unsigned answered;
        struct registry_call claims[2];
        uint8_t seed[KEY_BYTES];
};

static void job_start(struct job *job);

static void claim_done(struct registry_call *call)
{
        struct job *job = call->user;
        struct ack ack = { .number = job->numbers[call == &job->claims[1]],
                           .generation = call->generation,
                           .outcome = (uint8_t)call->outcome };
        memcpy(ack.node_id, call->node_id, sizeof(ack.node_id));
        memcpy(ack.key_id, call->setup_key_id, sizeof(ack.key_id));
        if (write(job->child->acks, &ack, sizeof(ack)) != sizeof(ack))
                _exit(1);
        if (++job->answered == 2)
                job_start(job);
}

static void key_done(struct registry_call *call)
{
        struct job *job = call->user;
        if (call->outcome != REGISTRY_OK)
                _exit(1);
        for (int i = 0; i < 2; i++) {
                char name[32];
                struct registry_claim claim = { .wanted_name = name };
                snprintf(name, sizeof(name), "n%u", job->numbers[i]);
                memcpy(claim.setup_key_id, call->setup_key_id, sizeof(claim.setup_key_id));
                memcpy(claim.identity, &job->numbers[i], sizeof(job->numbers[i]));
                memcpy(claim.wireguard_key, &job->numbers[i], sizeof(job->numbers[i]));
                job->claims[i] = (struct registry_call){ .done = claim_done, .user = job };
                registry_enroll(job->child->r, &claim, &job->claims[i]);
        }
}

static void job_start(struct job *job)
{
        struct setup_key_request request = { 0 };
        job->answered = 0;
        for (int i = 0; i < 2; i++)
                job->numbers[i] = ++job->child->next_number;
        job->call = (struct registry_call){ .done = key_done, .user = job };
        registry_create_setup_key(job->child->r, &request, job->seed, &job->call);
}

/* Never returns. */
static void child_run(const char *path, int acks, uint32_t first_number)
{
        static struct job jobs[IN_FLIGHT];
        int wakes[2];
        if (pipe(wakes))
                _exit(1);
        struct child child = { .acks = acks, .next_number = first_number };
        child.r = open_registry(path, make_netmap(), &wakes[1]);
        for (size_t i = 0; i < IN_FLIGHT; i++) {
                jobs[i].child = &child;
                job_start(&jobs[i]);
        }
        for (;;) {
                char byte;
                if (read(wakes[0], &byte, 1) != 1)
                        _exit(1);
                registry_run(child.r);
        }
}

/* ---- the parent ---- */

static struct ack *acks;
static size_t ack_count;
static uint32_t highest_number;

static bool read_ack(int fd)
{
        assert_true(ack_count < ACKS_MAX);
        ssize_t len = read(fd, &acks[ack_count], sizeof(acks[0]));
        if (len == 0)
                return false;
        assert_int_equal(len, sizeof(acks[0])); /* written in one piece */
        if (acks[ack_count].number > highest_number)
                highest_number = acks[ack_count].number;
        ack_count++;
        return true;
}

static void kill_somewhere(const char *path)
{
        int fds[2];
        assert_int_equal(pipe(fds), 0);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                close(fds[0]);
                child_run(path, fds[1], highest_number + 1000);
        }
        close(fds[1]);
        for (uint32_t wait = randombytes_uniform(ACKS_BEFORE_KILL_MAX); wait > 0; wait--)
                if (!read_ack(fds[0]))
                        break;
        /* No waiting for anything: the moment of the kill is what is random here. */
        struct timespec moment = { .tv_nsec = 1000l * (long)randombytes_uniform(DELAY_MAX_US) };
        nanosleep(&moment, NULL);
        int status;
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status)); /* it did not end by itself */
        while (read_ack(fds[0]))
                ;
        close(fds[0]);
}

static void check_file(const char *path)
{
        sqlite3 *db;
        sqlite3_stmt *stmt;
        assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
        assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &stmt, NULL), 0);
        assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
        assert_string_equal((const char *)sqlite3_column_text(stmt, 0), "ok");
        sqlite3_finalize(stmt);
        assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA foreign_key_check", -1, &stmt, NULL), 0);
        assert_int_equal(sqlite3_step(stmt), SQLITE_DONE);
        sqlite3_finalize(stmt);
        assert_int_equal(
                sqlite3_prepare_v2(db,
                                   "SELECT count(*) FROM (SELECT 1 FROM node GROUP BY setup_key_id"
                                   " HAVING count(*) > 1)",
                                   -1, &stmt, NULL),
                0);
        assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
        assert_int_equal(sqlite3_column_int(stmt, 0), 0); /* no key let two in */
        sqlite3_finalize(stmt);
        sqlite3_close(db);
}

static void check_acks(const char *path)
{
        struct netmap *nm = make_netmap();
        struct registry *r = open_registry(path, nm, NULL);
        for (size_t i = 0; i < ack_count; i++) {
                const struct setup_key_record *key = registry_find_setup_key(r, acks[i].key_id);
                assert_non_null(key);
                assert_int_equal(key->uses, 1); /* somebody was told so, or refused for it */
                assert_true(acks[i].generation <= registry_meta(r)->generation);
                if (acks[i].outcome != REGISTRY_OK) {
                        assert_int_equal(acks[i].outcome, REGISTRY_KEY_USED_UP);
                        continue;
                }
                const struct node *node = registry_find_node(r, acks[i].node_id);
                assert_non_null(node);
                assert_memory_equal(node->record.member->identity, &acks[i].number,
                                    sizeof(acks[i].number));
        }
        registry_close(r);
        netmap_free(nm);
}

/* One file, killed COUNT times. Begins with no acks. */
static void torment(const char *path, unsigned count)
{
        char wal[80];
        ack_count = 0;
        highest_number = 0;
        for (unsigned i = 0; i < count; i++) {
                kill_somewhere(path);
                check_file(path);
                check_acks(path);
        }
        snprintf(wal, sizeof(wal), "%s-wal", path);
        unlink(path);
        unlink(wal);
}

static void acknowledged_is_durable(void **state)
{
        char dir[] = "/tmp/mesh-crash-XXXXXX", path[64];
        size_t answers = 0;
        (void)state;
        assert_non_null(mkdtemp(dir));
        snprintf(path, sizeof(path), "%s/mesh.db", dir);
        acks = calloc(ACKS_MAX, sizeof(*acks));
        assert_non_null(acks);
        for (unsigned done = 0; done < kills; done += KILLS_PER_FILE) {
                unsigned left = kills - done; /* a file fills up: setup keys have a limit */
                torment(path, left < KILLS_PER_FILE ? left : KILLS_PER_FILE);
                answers += ack_count;
        }
        print_message("%u kills, %zu acknowledged answers\n", kills, answers);
        assert_true(answers > kills);
        free(acks);
        rmdir(dir);
}

int main(int argc, char **argv)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(acknowledged_is_durable),
        };
        if (argc > 1)
                kills = (unsigned)strtoul(argv[1], NULL, 10);
        if (sodium_init() < 0 || kills == 0)
                return 2;
        return cmocka_run_group_tests(tests, NULL, NULL);
}
