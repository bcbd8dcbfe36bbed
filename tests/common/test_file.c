/* common/file: durable replacement, and state files that are cut or altered at every byte. */
#include "common/file.h"

#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buffer.h"
#include "common/error.h"
#include "tests/support/unit.h"

static char dir[] = "/tmp/mesh-test-file-XXXXXX";
static char path[PATH_MAX];

static int set_up(void **state)
{
        (void)state;
        if (sodium_init() < 0 || !mkdtemp(dir))
                return -1;
        return path_join(path, sizeof(path), dir, "state");
}

static int tear_down(void **state)
{
        (void)state;
        char aside[PATH_MAX + 16];
        (void)snprintf(aside, sizeof(aside), "%s.damaged", path);
        (void)unlink(aside);
        (void)unlink(path);
        return rmdir(dir);
}

static void overwrite(const uint8_t *bytes, size_t len)
{
        assert_int_equal(file_write(path, bytes, len, 0600), 0);
}

static void test_file_write_replaces_with_mode(void **state)
{
        (void)state;
        struct buffer got = buffer_with_max(100);
        struct stat st;
        (void)umask(077);
        assert_int_equal(file_write(path, "one", 3, 0644), 0);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0644);
        assert_int_equal(file_write(path, "second", 6, 0600), 0);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
        assert_int_equal(file_read(path, &got), 0);
        assert_int_equal(got.len, 6);
        assert_memory_equal(got.bytes, "second", 6);
        buffer_done(&got);
}

static void test_file_failed_write_leaves_the_old(void **state)
{
        (void)state;
        char nowhere[PATH_MAX + 16];
        struct buffer got = buffer_with_max(100);
        (void)snprintf(nowhere, sizeof(nowhere), "%s/none/file", dir);
        assert_int_equal(file_write(nowhere, "x", 1, 0600), MESH_ENOENT);
        overwrite((const uint8_t *)"old", 3);
        assert_int_equal(file_read(nowhere, &got), MESH_ENOENT);
        got = buffer_with_max(2);
        assert_int_equal(file_read(path, &got), MESH_ELIMIT);
        buffer_done(&got);
}

static void test_file_leftover_temporary_is_replaced(void **state)
{
        (void)state;
        char temp[PATH_MAX + 16];
        (void)snprintf(temp, sizeof(temp), "%s.new", path);
        int fd = open(temp, O_WRONLY | O_CREAT, 0600); /* as a kill -9 would leave it */
        assert_true(fd >= 0);
        (void)close(fd);
        overwrite((const uint8_t *)"new", 3);
        assert_int_equal(access(temp, F_OK), -1);
}

static void test_state_file_round_trip_and_versions(void **state)
{
        (void)state;
        struct buffer got = buffer_with_max(100);
        uint16_t version = 0;
        assert_int_equal(state_file_write(path, "TEST", 3, "payload", 7), 0);
        assert_int_equal(state_file_read(path, "TEST", 3, &got, &version), 0);
        assert_int_equal(version, 3);
        assert_int_equal(got.len, 7);
        assert_memory_equal(got.bytes, "payload", 7);
        buffer_clear(&got);
        assert_int_equal(state_file_read(path, "TEST", 2, &got, &version), MESH_EVERSION);
        assert_int_equal(state_file_read(path, "ELSE", 3, &got, &version), MESH_EDAMAGED);
        assert_int_equal(got.len, 0);
        assert_int_equal(state_file_write(path, "TEST", 1, NULL, 0), 0);
        assert_int_equal(state_file_read(path, "TEST", 3, &got, &version), 0);
        assert_int_equal(got.len, 0);
        buffer_done(&got);
}

/* Cut at every length, and every byte altered: never half-used. */
static void test_state_file_damage_is_found(void **state)
{
        (void)state;
        struct buffer whole = buffer_with_max(1000), got = buffer_with_max(1000);
        uint16_t version;
        assert_int_equal(state_file_write(path, "TEST", 1, "some payload", 12), 0);
        assert_int_equal(file_read(path, &whole), 0);
        for (size_t len = 0; len < whole.len; len++) {
                overwrite(whole.bytes, len);
                if (state_file_read(path, "TEST", 1, &got, &version) != MESH_EDAMAGED)
                        fail_msg("cut to %zu bytes", len);
        }
        for (size_t i = 0; i < whole.len; i++) {
                whole.bytes[i] ^= 0x40;
                overwrite(whole.bytes, whole.len);
                if (state_file_read(path, "TEST", 1, &got, &version) != MESH_EDAMAGED)
                        fail_msg("byte %zu altered", i);
                whole.bytes[i] ^= 0x40;
        }
        buffer_put_u8(&whole, 0);
        overwrite(whole.bytes, whole.len);
        assert_int_equal(state_file_read(path, "TEST", 1, &got, &version), MESH_EDAMAGED);
        assert_int_equal(got.len, 0);
        file_set_aside(path);
        assert_int_equal(access(path, F_OK), -1);
        buffer_done(&whole);
        buffer_done(&got);
}

static void test_directory_make_is_idempotent(void **state)
{
        (void)state;
        char deep[PATH_MAX + 16], middle[PATH_MAX + 16];
        struct stat st;
        (void)snprintf(middle, sizeof(middle), "%s/a", dir);
        (void)snprintf(deep, sizeof(deep), "%s/a/b", dir);
        assert_int_equal(directory_make(deep, 0700), 0);
        assert_int_equal(directory_make(deep, 0700), 0);
        assert_int_equal(stat(deep, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0700);
        overwrite((const uint8_t *)"x", 1);
        assert_int_equal(directory_make(path, 0700), MESH_EEXIST);
        (void)rmdir(deep);
        (void)rmdir(middle);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_file_write_replaces_with_mode),
                cmocka_unit_test(test_file_failed_write_leaves_the_old),
                cmocka_unit_test(test_file_leftover_temporary_is_replaced),
                cmocka_unit_test(test_state_file_round_trip_and_versions),
                cmocka_unit_test(test_state_file_damage_is_found),
                cmocka_unit_test(test_directory_make_is_idempotent),
        };
        return cmocka_run_group_tests(tests, set_up, tear_down);
}
