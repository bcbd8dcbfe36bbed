/* Names in compiled .proto files: the embedded set, and sets that are none. */
#include <string.h>

#include "common/error.h"
#include "coordinator/api/descriptors.h"
#include "tests/support/unit.h"

static int setup(void **state)
{
        struct descriptors *d = NULL;
        size_t len;
        const uint8_t *bytes = descriptors_embedded(&len);
        assert_int_equal(descriptors_new(bytes, len, &d), 0);
        *state = d;
        return 0;
}

static int teardown(void **state)
{
        descriptors_free(*state);
        return 0;
}

/* ---- symbols ---- */

static const struct {
        const char *symbol, *file; /* NULL: not found */
} symbols[] = {
        { "mesh.v1.Admin", "mesh/v1/admin.proto" },
        { "mesh.v1.Admin.ListNodes", "mesh/v1/admin.proto" },
        { "mesh.v1.Agent", "mesh/v1/agent.proto" },
        { "mesh.v1.Agent.Sync", "mesh/v1/agent.proto" },
        { "mesh.v1.Enrollment.Enroll", "mesh/v1/enrollment.proto" },
        { "mesh.v1.Prefix", "mesh/v1/types.proto" },
        { "mesh.v1.Prefix.bits", "mesh/v1/types.proto" },
        { "mesh.v1.AgentMessage.body", "mesh/v1/agent.proto" },
        { "grpc.health.v1.Health", "grpc/health/v1/health.proto" },
        { "grpc.health.v1.HealthCheckResponse.ServingStatus", "grpc/health/v1/health.proto" },
        { "grpc.health.v1.HealthCheckResponse.NOT_SERVING", "grpc/health/v1/health.proto" },
        { "grpc.reflection.v1.ServerReflection", "grpc/reflection/v1/reflection.proto" },
        { "grpc.reflection.v1alpha.ServerReflection", "grpc/reflection/v1alpha/reflection.proto" },
        { "grpc.health.v1.HealthCheckResponse.ServingStatus.NOT_SERVING", NULL },
        { "grpc.health.v1.NOT_SERVING", NULL },
        { "", NULL },
        { ".", NULL },
        { "mesh", NULL },
        { "mesh.v1", NULL },
        { "mesh.v1.", NULL },
        { ".mesh.v1.Admin", NULL },
        { "mesh.v1.Admi", NULL },
        { "mesh.v1.Adminx", NULL },
        { "mesh.v1.Admin.", NULL },
        { "mesh.v1.Admin.ListNode", NULL },
        { "mesh.v1.Admin.ListNodes.x", NULL },
        { "mesh.v1.Prefix.bits.x", NULL },
        { "mesh.v1.Local", NULL }, /* the agent's */
        { "Admin", NULL },
};

/* The first field of a FileDescriptorProto is its name. */
static void assert_named(const struct descriptor *file, const char *name)
{
        size_t len = strlen(name);
        assert_true(file->len > 2 + len);
        assert_int_equal(file->bytes[0], 0x0a);
        assert_int_equal(file->bytes[1], len);
        assert_memory_equal(file->bytes + 2, name, len);
}

static void symbols_are_found(void **state)
{
        struct descriptor files[DESCRIPTORS_FILES_MAX];
        for (size_t i = 0; i < LENGTH(symbols); i++) {
                size_t count = 0;
                int err = descriptors_by_symbol(*state, symbols[i].symbol, files, &count);
                if (err != (symbols[i].file ? 0 : MESH_ENOENT))
                        fail_msg("%s: %s", symbols[i].symbol, mesh_strerror(err));
                if (!err)
                        assert_named(&files[0], symbols[i].file);
        }
}

/* ---- files ---- */

static void files_come_with_what_they_import(void **state)
{
        struct descriptor files[DESCRIPTORS_FILES_MAX];
        size_t count = 0;
        assert_int_equal(descriptors_by_name(*state, "mesh/v1/types.proto", files, &count), 0);
        assert_int_equal(count, 1);
        assert_named(&files[0], "mesh/v1/types.proto");
        /* admin imports types and enrollment, which imports types, too */
        assert_int_equal(descriptors_by_name(*state, "mesh/v1/admin.proto", files, &count), 0);
        assert_int_equal(count, 3);
        assert_named(&files[0], "mesh/v1/admin.proto");
        for (size_t i = 0; i < count; i++)
                for (size_t k = 0; k < i; k++)
                        assert_ptr_not_equal(files[i].bytes, files[k].bytes);
}

static void other_files_are_not_found(void **state)
{
        static const char *const names[] = { "",
                                             "types.proto",
                                             "mesh/v1/types.prot",
                                             "mesh/v1/types.proto/",
                                             "mesh/v1/local.proto",
                                             "mesh/reflection/names.proto" };
        struct descriptor files[DESCRIPTORS_FILES_MAX];
        size_t count;
        for (size_t i = 0; i < LENGTH(names); i++)
                assert_int_equal(descriptors_by_name(*state, names[i], files, &count), MESH_ENOENT);
}

static void messages_are_told_from_the_rest(void **state)
{
        assert_true(descriptors_has_message(*state, "mesh.v1.Prefix"));
        assert_true(descriptors_has_message(*state, "grpc.health.v1.HealthCheckRequest"));
        assert_false(descriptors_has_message(*state, "mesh.v1.Prefix.bits"));
        assert_false(descriptors_has_message(*state, "mesh.v1.Admin"));
        assert_false(descriptors_has_message(*state,
                                             "grpc.health.v1.HealthCheckResponse.ServingStatus"));
        assert_false(descriptors_has_message(*state, ""));
}

/* ---- other sets ---- */

/* a.proto and b.proto import each other, and c.proto that is not there; no package; message A in
 * message A; an enum with a value. */
static const uint8_t loop[] = {
        0x0a, 0x2e,                                               /* a.proto */
        0x0a, 0x07, 'a',  '.',  'p', 'r',  'o',  't',  'o',       /* name */
        0x1a, 0x07, 'b',  '.',  'p', 'r',  'o',  't',  'o',       /* dependency */
        0x1a, 0x07, 'c',  '.',  'p', 'r',  'o',  't',  'o',       /* another */
        0x22, 0x08, 0x0a, 0x01, 'A', 0x1a, 0x03, 0x0a, 0x01, 'A', /* message A { message A } */
        0x2a, 0x07, 0x0a, 0x01, 'E', 0x12, 0x02, 0x0a, 0x00,      /* enum E, nameless value */
        0x0a, 0x12,                                               /* b.proto */
        0x0a, 0x07, 'b',  '.',  'p', 'r',  'o',  't',  'o',       /* name */
        0x1a, 0x07, 'a',  '.',  'p', 'r',  'o',  't',  'o',       /* dependency */
};

static void imports_in_a_circle_end(void **state)
{
        struct descriptor files[DESCRIPTORS_FILES_MAX];
        struct descriptors *d = NULL;
        size_t count = 0;
        (void)state;
        assert_int_equal(descriptors_new(loop, sizeof(loop), &d), 0);
        assert_int_equal(descriptors_by_name(d, "b.proto", files, &count), 0);
        assert_int_equal(count, 2);
        assert_int_equal(descriptors_by_symbol(d, "A.A", files, &count), 0);
        assert_int_equal(count, 2);
        assert_named(&files[0], "a.proto");
        assert_int_equal(descriptors_by_symbol(d, "A.A.A", files, &count), MESH_ENOENT);
        assert_int_equal(descriptors_by_symbol(d, "E", files, &count), 0);
        assert_int_equal(descriptors_by_symbol(d, "", files, &count), MESH_ENOENT);
        assert_true(descriptors_has_message(d, "A.A"));
        assert_false(descriptors_has_message(d, "E"));
        descriptors_free(d);
}

static void broken_sets_are_refused(void **state)
{
        uint8_t many[2 * (DESCRIPTORS_FILES_MAX + 1)];
        struct descriptors *d = NULL;
        (void)state;
        for (size_t i = 0; i < LENGTH(many); i += 2) { /* files without a field */
                many[i] = 0x0a;
                many[i + 1] = 0;
        }
        assert_int_equal(descriptors_new(many, sizeof(many), &d), MESH_ELIMIT);
        assert_int_equal(descriptors_new(many, sizeof(many) - 2, &d), 0);
        descriptors_free(d);
        assert_int_equal(descriptors_new(NULL, 0, &d), 0);
        descriptors_free(d);
        for (size_t len = 1; len < sizeof(loop); len++) {
                if (len == 48) /* the first file alone */
                        continue;
                assert_int_equal(descriptors_new(loop, len, &d), MESH_EFORMAT);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(symbols_are_found, setup, teardown),
                cmocka_unit_test_setup_teardown(files_come_with_what_they_import, setup, teardown),
                cmocka_unit_test_setup_teardown(other_files_are_not_found, setup, teardown),
                cmocka_unit_test_setup_teardown(messages_are_told_from_the_rest, setup, teardown),
                cmocka_unit_test(imports_in_a_circle_end),
                cmocka_unit_test(broken_sets_are_refused),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
