/* Policy files from disk: which are read, in which order, and what is said of the rest. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/unit.h"

#include "common/buffer.h"
#include "common/error.h"
#include "common/file.h"
#include "common/yaml.h"
#include "firewall/policy/files.h"

static char dir[PATH_MAX];

static int make_dir(void **state)
{
        (void)state;
        snprintf(dir, sizeof(dir), "/tmp/test_policy_files.XXXXXX");
        return mkdtemp(dir) ? 0 : -1;
}

static void put(const char *name, const char *text, size_t len)
{
        char path[PATH_MAX];
        assert_int_equal(path_join(path, sizeof(path), dir, name), 0);
        assert_int_equal(file_write(path, text, len, 0600), 0);
}

static void drop(const char *name)
{
        char path[PATH_MAX];
        assert_int_equal(path_join(path, sizeof(path), dir, name), 0);
        assert_int_equal(remove(path), 0);
}

static int remove_dir(void **state)
{
        (void)state;
        return rmdir(dir);
}

static void a_directory(void **state)
{
        (void)state;
        static const char *const names[] = { "b.yaml", "a.yaml",  "B.yaml",  "a0.yaml",
                                             "a.yml",  ".c.yaml", "d.yaml~", ".yaml" };
        static const char *const expected[] = { "B.yaml", "a.yaml", "a0.yaml", "b.yaml" };
        for (size_t i = 0; i < LENGTH(names); i++)
                put(names[i], names[i], strlen(names[i]));
        struct policy_files files;
        char path[PATH_MAX], slashed[PATH_MAX + 4];
        snprintf(slashed, sizeof(slashed), "%s//", dir);
        assert_int_equal(policy_files_read(slashed, &files, path), 0);
        assert_int_equal(files.count, LENGTH(expected));
        for (size_t i = 0; i < LENGTH(expected); i++) {
                assert_int_equal(path_join(path, sizeof(path), dir, expected[i]), 0);
                assert_string_equal(files.files[i].path, path);
                assert_int_equal(files.files[i].len, strlen(expected[i]));
                assert_memory_equal(files.files[i].bytes, expected[i], strlen(expected[i]));
        }
        policy_files_done(&files);
        for (size_t i = 0; i < LENGTH(names); i++)
                drop(names[i]);
        assert_int_equal(policy_files_read(dir, &files, path), MESH_ENOENT);
        assert_string_equal(path, dir);
}

static void one_file(void **state)
{
        (void)state;
        struct policy_files files;
        char path[PATH_MAX], failed[PATH_MAX];
        assert_int_equal(path_join(path, sizeof(path), dir, "policy"), 0);
        assert_int_equal(policy_files_read(path, &files, failed), MESH_ENOENT);
        assert_string_equal(failed, path);
        put("policy", "", 0);
        assert_int_equal(policy_files_read(path, &files, failed), 0);
        assert_int_equal(files.count, 1);
        assert_int_equal(files.files[0].len, 0);
        policy_files_done(&files);
        char *large = calloc(1, YAML_BYTES_MAX + 1);
        assert_non_null(large);
        put("policy", large, YAML_BYTES_MAX);
        assert_int_equal(policy_files_read(path, &files, failed), 0);
        policy_files_done(&files);
        put("policy", large, YAML_BYTES_MAX + 1);
        assert_int_equal(policy_files_read(path, &files, failed), MESH_ELIMIT);
        free(large);
        drop("policy");
}

static void rendering(void **state)
{
        (void)state;
        static const char text[] = "version: 1\nallow:\n  - {from: a, to: b, prots: any}\n";
        struct policy_file file = { "p.yaml", text, strlen(text) };
        const struct policy_files files = { &file, 1 };
        struct findings findings = { 0 };
        struct policy *policy;
        struct buffer out = buffer_with_max(10000);
        assert_int_equal(policy_parse(&file, 1, &findings, &policy), MESH_EFORMAT);
        findings_warning(&findings, "other.yaml", 1, 1, "odd");
        policy_files_render(&files, &findings, &out);
        buffer_put_u8(&out, 0);
        assert_string_equal((char *)out.bytes,
                            "p.yaml:3:5: key `ports` is missing\n"
                            "      - {from: a, to: b, prots: any}\n"
                            "        ^\n"
                            "p.yaml:3:22: unknown key `prots`, did you mean `ports`?\n"
                            "      - {from: a, to: b, prots: any}\n"
                            "                         ^\n"
                            "other.yaml:1:1: warning: odd\n");
        buffer_done(&out);
        findings_done(&findings);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_directory),
                cmocka_unit_test(one_file),
                cmocka_unit_test(rendering),
        };
        return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
