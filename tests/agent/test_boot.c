/* The firewall at boot, in a namespace of its own: an edited unit must not leave a host open. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "agent/boot.h"
#include "common/file.h"
#include "tests/support/capture.h"
#include "tests/support/netns.h"
#include "tests/support/temp_dir.h"

struct world {
        char path[TEMP_DIR_MAX], file[128], state_dir[128];
        struct agent_flags flags;
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
        return sodium_init() < 0 ? -1 : 0;
}

static int teardown(void **state)
{
        struct world *w = *state;
        assert_int_equal(boot_unload_firewall(&w->flags), 0);
        temp_dir_remove(w->path);
        return 0;
}

/* Whether the kernel holds rules, and these say WORDS. */
static bool rules_say(const char *words)
{
        static const char *const list[] = { "nft", "list", "ruleset", NULL };
        char *text = capture(list, NULL);
        bool found = strstr(text, words) != NULL;
        free(text);
        return found;
}

static void a_stranger_to_every_mesh_gets_no_rules(void **state)
{
        struct world *w = *state;
        assert_int_equal(boot_load_firewall(&w->flags), 0);
        assert_false(rules_say("table"));
}

/* With the local rules of the host, which the flags are not about. */
static void a_bad_flag_loads_the_safe_rules(void **state)
{
        static const char text[] = "firewall:\n  mode: host\n  break_glass:\n"
                                   "    - { port: tcp/2222, from: any }\n";
        static const struct agent_flags bad[] = {
                { .interface = "mesh/0" },
                { .interface = "lo" },
                { .socket = "" },
                { .state_dir = "" },
        };
        struct world *w = *state;
        assert_int_equal(file_write(w->file, text, strlen(text), 0644), 0);
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                struct agent_flags flags = bad[i];
                flags.config = w->file;
                assert_int_equal(boot_load_firewall(&flags), 0);
                assert_true(rules_say("2222"));
                assert_int_equal(boot_unload_firewall(&flags), 0);
                assert_false(rules_say("table"));
        }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(a_stranger_to_every_mesh_gets_no_rules),
                TEST(a_bad_flag_loads_the_safe_rules),
        };
        if (!netns_private()) {
                print_message("SKIP: needs root for namespaces of its own\n");
                return 77;
        }
        return cmocka_run_group_tests_name("agent/boot", tests, NULL, NULL);
}
