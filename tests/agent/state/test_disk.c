/* The state directory: what is written is read, and nothing torn ever is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>

#include "agent/state/disk.h"
#include "common/buffer.h"
#include "common/error.h"
#include "common/file.h"
#include "tests/support/netns.h"
#include "tests/support/temp_dir.h"

struct world {
        char path[TEMP_DIR_MAX];
        struct state_dir dir;
        struct buffer bytes;
};

static int setup(void **state)
{
        static struct world world;
        world = (struct world){ 0 };
        temp_dir_make(world.path);
        *state = &world;
        return sodium_init() < 0 || state_dir_init(&world.dir, world.path) ||
               state_dir_lock(&world.dir);
}

static int teardown(void **state)
{
        struct world *w = *state;
        buffer_done(&w->bytes);
        state_dir_done(&w->dir);
        temp_dir_remove(w->path);
        return 0;
}

static void put(struct world *w, enum state_file file, const char *text)
{
        assert_int_equal(state_dir_write(&w->dir, file, text, strlen(text)), 0);
}

static void assert_read(struct world *w, enum state_file file, const char *text,
                        enum state_source source)
{
        enum state_source found;
        assert_int_equal(state_dir_read(&w->dir, file, &w->bytes, &found), 0);
        assert_int_equal(found, source);
        assert_int_equal(w->bytes.len, strlen(text));
        assert_memory_equal(w->bytes.bytes, text, strlen(text));
}

static void path_of(const struct world *w, const char *name, char out[static 128])
{
        (void)snprintf(out, 128, "%s/%s", w->path, name);
}

static void reads_what_was_written(void **state)
{
        struct world *w = *state;
        assert_int_equal(state_dir_read(&w->dir, STATE_MAP, &w->bytes, NULL), MESH_ENOENT);
        put(w, STATE_MAP, "one");
        assert_read(w, STATE_MAP, "one", STATE_FROM_FILE);
        put(w, STATE_MAP, "two");
        assert_read(w, STATE_MAP, "two", STATE_FROM_FILE);
        assert_int_equal(state_dir_read_previous(&w->dir, STATE_MAP, &w->bytes), 0);
        assert_memory_equal(w->bytes.bytes, "one", 3);
}

/* Every length that a torn file can have: the copy before it, and the torn one is kept aside. */
static void falls_back_at_every_length(void **state)
{
        struct world *w = *state;
        char path[128], aside[128];
        struct buffer whole = buffer_with_max(1024);
        path_of(w, "map", path);
        path_of(w, "map.damaged", aside);
        put(w, STATE_MAP, "before");
        put(w, STATE_MAP, "after");
        assert_int_equal(file_read(path, &whole), 0);
        for (size_t len = 0; len < whole.len; len++) {
                put(w, STATE_MAP, "before");
                put(w, STATE_MAP, "after");
                assert_int_equal(file_write(path, whole.bytes, len, 0600), 0);
                assert_read(w, STATE_MAP, "before", STATE_FROM_PREVIOUS);
                assert_int_equal(access(aside, F_OK), 0);
                assert_int_equal(access(path, F_OK), -1);
        }
        buffer_done(&whole);
}

static void falls_back_at_every_flipped_byte(void **state)
{
        struct world *w = *state;
        char path[128];
        struct buffer whole = buffer_with_max(1024);
        path_of(w, "membership", path);
        put(w, STATE_MEMBERSHIP, "before");
        put(w, STATE_MEMBERSHIP, "after");
        assert_int_equal(file_read(path, &whole), 0);
        for (size_t i = 0; i < whole.len; i++) {
                whole.bytes[i] ^= 0x20;
                assert_int_equal(file_write(path, whole.bytes, whole.len, 0600), 0);
                assert_read(w, STATE_MEMBERSHIP, "before", STATE_FROM_PREVIOUS);
                whole.bytes[i] ^= 0x20;
        }
        buffer_done(&whole);
}

static void falls_back_from_a_newer_version(void **state)
{
        struct world *w = *state;
        char path[128];
        path_of(w, "map", path);
        put(w, STATE_MAP, "before");
        put(w, STATE_MAP, "after");
        assert_int_equal(state_file_write(path, "MMAP", 2, "from the future", 15), 0);
        assert_read(w, STATE_MAP, "before", STATE_FROM_PREVIOUS);
}

/* The magic of another kind of file. */
static void refuses_a_foreign_file(void **state)
{
        struct world *w = *state;
        char path[128];
        path_of(w, "keys", path);
        assert_int_equal(state_file_write(path, "MMAP", 1, "x", 1), 0);
        assert_int_equal(state_dir_read(&w->dir, STATE_KEYS, &w->bytes, NULL), MESH_EDAMAGED);
        assert_int_equal(w->bytes.len, 0);
        assert_true(state_dir_has_traces(&w->dir, STATE_KEYS)); /* set aside, not gone */
}

static void without_the_lock_nothing_is_moved(void **state)
{
        struct world *w = *state;
        char path[128];
        struct state_dir reader;
        assert_int_equal(state_dir_init(&reader, w->path), 0);
        path_of(w, "map", path);
        put(w, STATE_MAP, "before");
        put(w, STATE_MAP, "after");
        assert_int_equal(file_write(path, "torn", 4, 0600), 0);
        assert_int_equal(state_dir_read(&reader, STATE_MAP, &w->bytes, NULL), 0);
        assert_int_equal(access(path, F_OK), 0);
}

static void one_agent_per_directory(void **state)
{
        struct world *w = *state;
        struct state_dir second;
        assert_int_equal(state_dir_init(&second, w->path), 0);
        assert_int_equal(state_dir_lock(&second), MESH_EBUSY);
        state_dir_done(&w->dir);
        assert_int_equal(state_dir_lock(&second), 0);
        state_dir_done(&second);
}

static void removes_every_trace(void **state)
{
        struct world *w = *state;
        char path[128];
        path_of(w, "map", path);
        put(w, STATE_MAP, "before");
        put(w, STATE_MAP, "after");
        assert_int_equal(file_write(path, "torn", 4, 0600), 0);
        assert_int_equal(state_dir_read(&w->dir, STATE_MAP, &w->bytes, NULL), 0);
        assert_true(state_dir_has_traces(&w->dir, STATE_MAP));
        assert_int_equal(state_dir_remove(&w->dir, STATE_MAP), 0);
        assert_false(state_dir_has_traces(&w->dir, STATE_MAP));
        assert_int_equal(state_dir_remove(&w->dir, STATE_MAP), 0);
}

static void refuses_what_is_too_large(void **state)
{
        struct world *w = *state;
        static uint8_t large[257];
        assert_int_equal(state_dir_write(&w->dir, STATE_KEYS, large, 256), 0);
        assert_int_equal(state_dir_write(&w->dir, STATE_KEYS, large, 257), MESH_ELIMIT);
        assert_int_equal(state_dir_read(&w->dir, STATE_KEYS, &w->bytes, NULL), 0);
        assert_int_equal(w->bytes.len, 256);
}

/* A disk that failed and was mounted read-only again: what is known still serves. */
static void reads_from_a_read_only_file_system(void **state)
{
        struct world *w = *state;
        if (!netns_private())
                skip();
        put(w, STATE_MAP, "one");
        state_dir_done(&w->dir);
        assert_int_equal(mount(w->path, w->path, "", MS_BIND, NULL), 0);
        assert_int_equal(mount("none", w->path, "", MS_REMOUNT | MS_BIND | MS_RDONLY, NULL), 0);
        assert_int_equal(state_dir_lock(&w->dir), 0);
        struct state_dir second;
        assert_int_equal(state_dir_init(&second, w->path), 0);
        assert_int_equal(state_dir_lock(&second), MESH_EBUSY);
        assert_read(w, STATE_MAP, "one", STATE_FROM_FILE);
        assert_int_equal(state_dir_write(&w->dir, STATE_MAP, "two", 3), MESH_EROFS);
        assert_read(w, STATE_MAP, "one", STATE_FROM_FILE);
        state_dir_done(&w->dir);
        assert_int_equal(umount2(w->path, MNT_DETACH), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(reads_what_was_written),           TEST(falls_back_at_every_length),
                TEST(falls_back_at_every_flipped_byte), TEST(falls_back_from_a_newer_version),
                TEST(refuses_a_foreign_file),           TEST(without_the_lock_nothing_is_moved),
                TEST(one_agent_per_directory),          TEST(removes_every_trace),
                TEST(refuses_what_is_too_large),        TEST(reads_from_a_read_only_file_system),
        };
        return cmocka_run_group_tests_name("agent/state/disk", tests, NULL, NULL);
}
