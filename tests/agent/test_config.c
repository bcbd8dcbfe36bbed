/* The agent's config: strict, and never a reason not to start. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>

#include "agent/config.h"
#include "common/error.h"
#include "common/file.h"
#include "tests/support/temp_dir.h"

struct world {
        char path[TEMP_DIR_MAX], file[128], state_dir[128];
        struct agent_flags flags;
        struct state_dir dir;
        struct agent_config config;
        char warning[AGENT_CONFIG_WARNING_MAX];
};

static int setup(void **state)
{
        static struct world w;
        w = (struct world){ 0 };
        temp_dir_make(w.path);
        (void)snprintf(w.file, sizeof(w.file), "%s/agent.yaml", w.path);
        (void)snprintf(w.state_dir, sizeof(w.state_dir), "%s/state", w.path);
        w.flags = (struct agent_flags){ .config = w.file, .state_dir = w.state_dir };
        *state = &w;
        return sodium_init() < 0 || state_dir_init(&w.dir, w.state_dir) || state_dir_lock(&w.dir);
}

static int teardown(void **state)
{
        struct world *w = *state;
        agent_config_done(&w->config);
        state_dir_done(&w->dir);
        temp_dir_remove(w->path);
        return 0;
}

static void put(const struct world *w, const char *text)
{
        assert_int_equal(file_write(w->file, text, strlen(text), 0644), 0);
}

static void load(struct world *w)
{
        agent_config_done(&w->config);
        assert_int_equal(agent_config_load(&w->flags, &w->config, w->warning), 0);
}

static const char whole[] = "interface: mesh1\n"
                            "socket: /run/other.sock\n"
                            "log: debug\n"
                            "pin:\n"
                            "  addresses: [192.0.2.1, \"[2001:db8::1]:8443\"]\n"
                            "firewall:\n"
                            "  mode: host\n"
                            "  break_glass:\n"
                            "    - { port: tcp/2222, from: any }\n"
                            "control_plane: [tcp/443]\n";

static void a_missing_file_means_the_defaults(void **state)
{
        struct world *w = *state;
        load(w);
        assert_string_equal(w->warning, "");
        assert_int_equal(w->config.source, AGENT_CONFIG_BUILT_IN);
        assert_string_equal(w->config.interface, "mesh0");
        assert_int_equal(w->config.firewall.mode, FIREWALL_MODE_MESH);
        assert_int_equal(w->config.firewall.break_glass_count, 1);
        assert_string_equal(w->config.state_dir, w->state_dir); /* the flag */
}

static void reads_every_key(void **state)
{
        struct world *w = *state;
        put(w, whole);
        load(w);
        assert_string_equal(w->warning, "");
        assert_int_equal(w->config.source, AGENT_CONFIG_FROM_FILE);
        assert_string_equal(w->config.interface, "mesh1");
        assert_string_equal(w->config.socket, "/run/other.sock");
        assert_int_equal(w->config.log_level, LOG_LEVEL_DEBUG);
        assert_int_equal(w->config.pin_count, 2);
        assert_int_equal(w->config.pins[0].port, 0); /* the coordinator's */
        assert_int_equal(w->config.pins[1].port, 8443);
        assert_int_equal(w->config.firewall.mode, FIREWALL_MODE_HOST);
        assert_int_equal(w->config.firewall.break_glass[0].port.ports.low, 2222);
        assert_int_equal(w->config.firewall.control_plane_count, 1);
}

static void flags_win(void **state)
{
        struct world *w = *state;
        put(w, whole);
        w->flags.interface = "wg9";
        load(w);
        assert_string_equal(w->config.interface, "wg9");
}

static const struct {
        const char *interface, *socket;
        int expected;
        const char *says;
} bad_flags[] = {
        { "sixteen-letters-", NULL, MESH_EINVAL, "--interface needs 1 to 15 bytes" },
        { "", NULL, MESH_EINVAL, "--interface" },
        { "mesh/0", NULL, MESH_EINVAL, "--interface: no name" },
        { "lo", NULL, MESH_EEXIST, "interface lo is there already" },
        { NULL, "", MESH_EINVAL, "--socket" },
};

static void a_bad_flag_is_told(void **state)
{
        struct world *w = *state;
        for (size_t i = 0; i < sizeof(bad_flags) / sizeof(bad_flags[0]); i++) {
                w->flags.interface = bad_flags[i].interface;
                w->flags.socket = bad_flags[i].socket;
                assert_int_equal(agent_config_load(&w->flags, &w->config, w->warning),
                                 bad_flags[i].expected);
                assert_non_null(strstr(w->warning, bad_flags[i].says));
        }
}

static const struct {
        const char *name, *text, *place;
} bad[] = {
        { "an unknown key", "interfaec: mesh0\n", ":1:1: " },
        { "a wrong word", "log: loud\n", ":1:6: " },
        { "a pin that is a name", "pin:\n  addresses: [mesh.example.org]\n", ":2:" },
        { "the unspecified address", "pin:\n  addresses: [0.0.0.0]\n", ":2:" },
        { "an interface of 16", "interface: abcdefghijklmnop\n", ":1:12: " },
        { "an interface with a slash", "interface: mesh/0\n", ":1:12: " },
        { "an empty interface", "interface: \"\"\n", ":1:12: " },
        { "a pattern", "interface: \"mesh*\"\n", ":1:12: " },
        { "somebody else's interface", "interface: lo\n", "lo is there already" },
        /* Its copy would lie there, and be looked for elsewhere once the file is bad or gone. */
        { "a state directory in the file", "state_dir: /srv/mesh\n", ":1:1: " },
        { "an empty socket", "socket: \"\"\n", ":1:9: " },
        { "an unknown mode", "firewall:\n  mode: hsot\n", ":2:" },
        { "a bad port", "control_plane: [tcp/70000]\n", ":1:" },
        { "no YAML", "interface: [\n", ":" },
};

static void a_bad_file_is_told_with_its_place(void **state)
{
        struct world *w = *state;
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                put(w, bad[i].text);
                load(w);
                if (w->config.source != AGENT_CONFIG_BUILT_IN || !strstr(w->warning, bad[i].place))
                        fail_msg("%s: '%s'", bad[i].name, w->warning);
                assert_int_equal(w->config.firewall.break_glass_count, 1);
        }
}

static void a_bad_file_keeps_the_last_good_copy(void **state)
{
        struct world *w = *state;
        put(w, whole);
        load(w);
        assert_int_equal(agent_config_keep(&w->config, &w->dir), 0);
        put(w, "firewall: { mode: nonsense }\n");
        load(w);
        assert_int_equal(w->config.source, AGENT_CONFIG_FROM_COPY);
        assert_true(w->warning[0] != '\0');
        assert_int_equal(w->config.firewall.mode, FIREWALL_MODE_HOST);
        assert_int_equal(agent_config_keep(&w->config, &w->dir), 0); /* a copy is not kept again */
        load(w);
        assert_int_equal(w->config.firewall.break_glass[0].port.ports.low, 2222);
}

/* A host in mode host must not open itself because its config has gone. */
static void a_file_that_has_gone_keeps_the_last_good_copy(void **state)
{
        struct world *w = *state;
        put(w, whole);
        load(w);
        assert_int_equal(agent_config_keep(&w->config, &w->dir), 0);
        assert_int_equal(unlink(w->file), 0);
        load(w);
        assert_int_equal(w->config.source, AGENT_CONFIG_FROM_COPY);
        assert_non_null(strstr(w->warning, "not found"));
        assert_int_equal(w->config.firewall.mode, FIREWALL_MODE_HOST);
}

static void a_torn_copy_falls_back_to_the_one_before(void **state)
{
        struct world *w = *state;
        char copy[160];
        put(w, whole);
        load(w);
        assert_int_equal(agent_config_keep(&w->config, &w->dir), 0);
        put(w, "firewall: { mode: off }\n");
        load(w);
        assert_int_equal(agent_config_keep(&w->config, &w->dir), 0);
        (void)snprintf(copy, sizeof(copy), "%s/config", w->state_dir);
        assert_int_equal(file_write(copy, "torn", 4, 0600), 0);
        put(w, "nonsense\n");
        load(w);
        assert_int_equal(w->config.source, AGENT_CONFIG_FROM_COPY);
        assert_int_equal(w->config.firewall.mode, FIREWALL_MODE_HOST);
}

static void an_empty_file_is_fine(void **state)
{
        struct world *w = *state;
        put(w, "");
        load(w);
        assert_string_equal(w->warning, "");
        assert_int_equal(w->config.source, AGENT_CONFIG_FROM_FILE);
        assert_int_equal(agent_config_keep(&w->config, &w->dir), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(a_missing_file_means_the_defaults),
                TEST(reads_every_key),
                TEST(flags_win),
                TEST(a_bad_flag_is_told),
                TEST(a_bad_file_is_told_with_its_place),
                TEST(a_bad_file_keeps_the_last_good_copy),
                TEST(a_file_that_has_gone_keeps_the_last_good_copy),
                TEST(a_torn_copy_falls_back_to_the_one_before),
                TEST(an_empty_file_is_fine),
        };
        return cmocka_run_group_tests_name("agent/config", tests, NULL, NULL);
}
