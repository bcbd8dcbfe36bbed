/* The door against a real kernel, with `nft` as an independent reader. Needs root. */
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>

#include "tests/firewall/nft/fixture.h"
#include "tests/support/capture.h"
#include "tests/support/netns.h"

#include "common/file.h"
#include "common/netlink.h"
#include "firewall/nft/batch.h"
#include "firewall/nft/firewall.h"

enum { TEXT_MAX = 64 << 20, MANY = 100000 };

static const char config[] = "firewall:\n"
                             "  mode: host\n"
                             "  break_glass:\n"
                             "    - { port: tcp/22, from: any }\n"
                             "    - { port: tcp/23, from: [192.0.2.0/24, 10.0.0.1, fd00::/8, ::1], "
                             "interface: mesh }\n"
                             "  allow:\n"
                             "    - { port: udp/5353, from: any, interface: 'en*' }\n"
                             "    - { port: icmp, from: [10.0.0.0/8] }\n"
                             "control_plane: [tcp/443, udp/20000-20255]\n";

static const struct fixture_rule rules[] = {
        { "tcp/22", "100.64.0.1 100.64.0.2 fd00::1", "p.yaml:3" },
        { "tcp/80 tcp/443 tcp/8000-65535", "100.64.0.3 100.64.1.0/24 fd00:1::/64", "p.yaml:5" },
        { "udp/*", "100.64.0.1 0.0.0.0/0 ::/0", "p.yaml:7" },
        { "icmp", "100.64.0.1 fd00::1", "p.yaml:9" },
        { "any", "100.64.0.9", "p \"q\".yaml:11" },
        { "proto/47", "100.64.0.8", NULL },
};

#define NFT(...) free(capture((const char *const[]){ "nft", __VA_ARGS__, NULL }, NULL))

static char *nft_list(void)
{
        static const char *const argv[] = { "nft", "-s", "list", "table", "inet", "mesh", NULL };
        return capture(argv, NULL);
}

static bool nft_has_table(void)
{
        static const char *const argv[] = { "nft", "list", "tables", NULL };
        char *text = capture(argv, NULL);
        bool has = strstr(text, "table inet mesh\n");
        free(text);
        return has;
}

static struct firewall_result must_apply(const struct fixture *f)
{
        struct firewall_result result;
        int err = firewall_apply(&f->input, &result);
        if (err)
                fail_msg("%s: %s", mesh_strerror(err), result.error);
        assert_string_equal(result.error, "");
        return result;
}

static int setup(void **state)
{
        struct fixture *f = calloc(1, sizeof(*f));
        fixture_init(f, config);
        fixture_access(f, rules, LENGTH(rules));
        *state = f;
        return 0;
}

static int teardown(void **state)
{
        struct firewall_result result;
        assert_int_equal(firewall_remove(NULL, &result), 0);
        fixture_done(*state);
        free(*state);
        return 0;
}

static void test_life_of_a_table(void **state)
{
        struct fixture *f = *state;
        uint8_t planned[FIREWALL_HASH_BYTES];
        assert_int_equal(firewall_hash(&f->input, planned), 0);
        struct firewall_result result = must_apply(f);
        assert_true(result.changed && result.loaded);
        assert_memory_equal(result.hash, planned, sizeof(planned));
        assert_true(nft_has_table());

        result = must_apply(f);
        assert_true(!result.changed && result.loaded);
        assert_memory_equal(result.hash, planned, sizeof(planned));
        assert_int_equal(firewall_verify(&f->input, &result), 0);

        assert_int_equal(firewall_remove(NULL, &result), 0);
        assert_true(result.changed && !result.loaded);
        assert_false(nft_has_table());
        assert_int_equal(firewall_remove(NULL, &result), 0);
        assert_true(!result.changed && !result.loaded);
        assert_int_equal(firewall_verify(&f->input, &result), MESH_ENOENT);
        assert_true(result.error[0]);
}

static void test_mode_off_has_no_table(void **state)
{
        struct fixture *f = *state;
        static const uint8_t zero[FIREWALL_HASH_BYTES];
        must_apply(f);
        f->local.mode = FIREWALL_MODE_OFF;
        struct firewall_result result = must_apply(f);
        assert_true(result.changed && !result.loaded);
        assert_memory_equal(result.hash, zero, sizeof(zero));
        assert_false(nft_has_table());
        assert_int_equal(firewall_verify(&f->input, &result), 0);
        assert_int_equal(firewall_hash(&f->input, result.hash), 0);
        assert_memory_equal(result.hash, zero, sizeof(zero));
}

/* nft reads from the kernel what it makes of our own text. */
static void check_against_nft(const struct fixture *f)
{
        static const char path[] = "/run/printed.nft";
        struct buffer text = buffer_with_max(TEXT_MAX);
        assert_int_equal(firewall_show(&f->input, &text), 0);
        assert_int_equal(file_write(path, text.bytes, text.len, 0600), 0);
        buffer_done(&text);
        NFT("-c", "-f", path);
        must_apply(f);
        char *ours = nft_list();
        NFT("delete", "table", "inet", "mesh");
        NFT("-f", path);
        char *theirs = nft_list();
        assert_string_equal(ours, theirs);
        /* Its listing loads again: a saved ruleset stays usable. */
        assert_int_equal(file_write(path, ours, strlen(ours), 0600), 0);
        NFT("delete", "table", "inet", "mesh");
        NFT("-f", path);
        free(ours);
        free(theirs);
}

static void test_nft_agrees(void **state)
{
        struct fixture *f = *state;
        check_against_nft(f);
        f->local.mode = FIREWALL_MODE_MESH;
        check_against_nft(f);
        f->input.access = NULL;
        check_against_nft(f);
}

/* Every change that somebody else makes to the table is found, and mended. */
static void test_drift_is_found_and_mended(void **state)
{
        static const struct {
                const char *name;
                const char *command[12];
        } drifts[] = {
                { "element gone",
                  { "delete", "element", "inet", "mesh", "tcp_22_v4", "{100.64.0.1}" } },
                { "element more", { "add", "element", "inet", "mesh", "tcp_22_v6", "{fd00::2}" } },
                { "interval gone",
                  { "delete", "element", "inet", "mesh", "any_v4", "{100.64.0.9}" } },
                { "rule more", { "insert", "rule", "inet", "mesh", "mesh", "accept" } },
                { "rules gone", { "flush", "chain", "inet", "mesh", "output" } },
                { "chain more", { "add", "chain", "inet", "mesh", "other" } },
                { "policy", { "chain", "inet", "mesh", "input", "{ policy accept; }" } },
                { "set more", { "add", "set", "inet", "mesh", "s", "{ type mark; }" } },
                { "map more", { "add", "map", "inet", "mesh", "m", "{ type ipv4_addr : mark; }" } },
                { "dormant", { "add", "table", "inet", "mesh", "{ flags dormant; }" } },
                { "table gone", { "delete", "table", "inet", "mesh" } },
                { "everything gone", { "flush", "ruleset" } },
        };
        struct fixture *f = *state;
        const struct firewall_result wanted = must_apply(f);
        for (size_t i = 0; i < LENGTH(drifts); i++) {
                const char *argv[14] = { "nft" };
                for (size_t j = 0; drifts[i].command[j]; j++)
                        argv[j + 1] = drifts[i].command[j];
                free(capture(argv, NULL));
                struct firewall_result result;
                int err = firewall_verify(&f->input, &result);
                bool gone = strstr(drifts[i].name, "gone") && !result.loaded;
                if (err != (gone ? MESH_ENOENT : MESH_ESTATE) || result.error[0] == '\0')
                        fail_msg("%s: %s", drifts[i].name, mesh_strerror(err));
                assert_memory_not_equal(result.hash, wanted.hash, sizeof(result.hash));
                result = must_apply(f);
                assert_true(result.changed);
                assert_memory_equal(result.hash, wanted.hash, sizeof(result.hash));
        }
}

/* Counters and comments are no drift. */
static void test_counters_are_no_drift(void **state)
{
        struct fixture *f = *state;
        must_apply(f);
        static const char *const ping[] = { "ping", "-c1", "-W1", "127.0.0.1", NULL };
        free(capture(ping, NULL));
        for (size_t i = 0; i < f->access.rule_count; i++)
                f->access.rules[i].origin = "elsewhere:1";
        assert_false(must_apply(f).changed);
}

static char *handles(void)
{
        static const char *const argv[] = { "nft",  "-a",   "list", "chain",
                                            "inet", "mesh", "mesh", NULL };
        return capture(argv, NULL);
}

/* A member that joins or leaves changes elements, and no rule. */
static void test_members_come_and_go(void **state)
{
        struct fixture *f = *state;
        must_apply(f);
        char *before = handles();
        struct access_set *set = &f->access.sets[0];
        struct ip_prefix joined[4];
        memcpy(joined, set->prefixes, set->prefix_count * sizeof(*joined));
        assert_int_equal(ip_prefix_parse("100.64.0.77", &joined[set->prefix_count]), 0);
        assert_int_equal(ip_prefix_parse("100.64.0.78", &joined[0]), 0); /* instead of another */
        set->prefixes = joined;
        set->prefix_count++;
        assert_true(must_apply(f).changed);
        char *after = handles();
        assert_string_equal(before, after);
        char *text = nft_list();
        assert_non_null(strstr(text, "elements = { 100.64.0.2, 100.64.0.77,\n"
                                     "\t\t\t     100.64.0.78 }"));
        free(before);
        free(after);
        free(text);
        /* A prefix that changes is an interval: the table is made anew, and right. */
        assert_int_equal(ip_prefix_parse("100.65.0.0/16", &f->access.sets[1].prefixes[1]), 0);
        assert_true(must_apply(f).changed);
}

static void many_members(struct fixture *f, struct ip_prefix *prefixes, size_t count)
{
        f->access.sets[0].prefixes = prefixes;
        f->access.sets[0].prefix_count = count;
        for (size_t i = 0; i < count; i++)
                prefixes[i] = (struct ip_prefix){
                        .addr = { .len = 4,
                                  .bytes = { 100, (uint8_t)(64 + (i >> 16)), (uint8_t)(i >> 8),
                                             (uint8_t)i } },
                        .bits = 32,
                };
}

static void test_many_elements(void **state)
{
        struct fixture *f = *state;
        struct ip_prefix *prefixes = calloc(MANY + 1, sizeof(*prefixes));
        assert_non_null(prefixes);
        many_members(f, prefixes, MANY);
        assert_true(must_apply(f).changed);
        static const char *const get[] = {
                "nft", "get", "element", "inet", "mesh", "tcp_22_v4", "{100.65.134.159}", NULL
        }; /* the last, 99,999 */
        free(capture(get, NULL));
        assert_false(must_apply(f).changed);
        many_members(f, prefixes, MANY + 1);
        assert_true(must_apply(f).changed);
        many_members(f, prefixes, 3);
        assert_true(must_apply(f).changed);
        free(prefixes);
}

/* A batch with a rule that the kernel refuses: nothing changes, and the rule is named. */
static void test_refused_batch_names_the_rule(void **state)
{
        struct fixture *f = *state;
        must_apply(f);
        char *before = nft_list();
        struct ruleset rs;
        struct batch batch;
        struct netlink *nl = NULL;
        char error[BATCH_ERROR_TEXT_MAX];
        assert_int_equal(ruleset_init(&rs, "mesh"), 0);
        struct ruleset_chain *chain = ruleset_add_chain(&rs, "mesh");
        ruleset_add_rule(&rs, chain, VERDICT_DROP, "good");
        ruleset_add_rule(&rs, chain, VERDICT_JUMP, "policy.yaml:7")->target = "nowhere";
        ruleset_add_rule(&rs, chain, VERDICT_JUMP, "policy.yaml:8")->target = "nowhere";
        assert_int_equal(batch_init(&batch), 0);
        assert_int_equal(netlink_open(NETLINK_NETFILTER, &nl), 0);
        batch_put_delete(&batch, rs.table);
        batch_put_table(&batch, &rs);
        assert_int_equal(batch_send(&batch, nl, error), MESH_ENOENT);
        assert_string_equal(error,
                            "rule 2 of chain mesh (policy.yaml:7): No such file or directory");
        netlink_close(nl);
        batch_done(&batch);
        ruleset_done(&rs);
        char *after = nft_list();
        assert_string_equal(before, after);
        free(before);
        free(after);
}

static void test_full_set_is_refused(void **state)
{
        (void)state;
        static const uint8_t keys[2][4] = { { 1, 1, 1, 1 }, { 2, 2, 2, 2 } };
        struct ruleset rs;
        struct batch batch;
        struct netlink *nl = NULL;
        char error[BATCH_ERROR_TEXT_MAX];
        assert_int_equal(ruleset_init(&rs, "mesh"), 0);
        struct ruleset_set *set = ruleset_add_set(&rs, "small", SET_V4, false);
        for (size_t i = 0; i < LENGTH(keys); i++)
                set_add(&rs, set, keys[i], keys[i], 4);
        set->size = 1;
        assert_int_equal(batch_init(&batch), 0);
        assert_int_equal(netlink_open(NETLINK_NETFILTER, &nl), 0);
        batch_put_delete(&batch, rs.table);
        batch_put_table(&batch, &rs);
        assert_true(batch_send(&batch, nl, error) < 0);
        assert_non_null(strstr(error, "elements of set small"));
        assert_false(nft_has_table());
        netlink_close(nl);
        batch_done(&batch);
        ruleset_done(&rs);
}

/* Foreign tables are neither read nor touched. */
static void test_other_tables_stay(void **state)
{
        struct fixture *f = *state;
        NFT("add", "table", "inet", "other");
        NFT("add", "chain", "inet", "other", "mesh");
        NFT("add", "rule", "inet", "other", "mesh", "drop");
        struct firewall_result result = must_apply(f);
        assert_int_equal(firewall_verify(&f->input, &result), 0);
        assert_int_equal(firewall_remove(NULL, &result), 0);
        static const char *const argv[] = { "nft", "list", "table", "inet", "other", NULL };
        char *text = capture(argv, NULL);
        assert_non_null(strstr(text, "drop"));
        free(text);
        NFT("delete", "table", "inet", "other");
}

static void test_table_of_another_name(void **state)
{
        struct fixture *f = *state;
        struct firewall_result result;
        f->input.table = "mesh-two";
        must_apply(f);
        assert_false(nft_has_table());
        assert_int_equal(firewall_verify(&f->input, &result), 0);
        assert_int_equal(firewall_remove("mesh-two", &result), 0);
        assert_true(result.changed);
}

/* What is there when nothing else is readable: nobody from the mesh, the operator's way in. */
static void test_safe_input(void **state)
{
        (void)state;
        struct local_firewall local;
        struct firewall_result result;
        assert_int_equal(local_firewall_default(FIREWALL_MODE_HOST, NULL, 0, &local), 0);
        struct firewall_input in = firewall_safe_input(&local, "mesh0", 51820);
        assert_int_equal(firewall_apply(&in, &result), 0);
        char *text = nft_list();
        assert_non_null(strstr(text, "tcp dport 22 accept"));
        assert_non_null(strstr(text, "udp dport 51820 accept"));
        assert_non_null(strstr(text, "hook input priority filter; policy drop;"));
        assert_null(strstr(text, "_v4"));
        free(text);
        local_firewall_done(&local);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_life_of_a_table),
                TEST(test_mode_off_has_no_table),
                TEST(test_nft_agrees),
                TEST(test_drift_is_found_and_mended),
                TEST(test_counters_are_no_drift),
                TEST(test_members_come_and_go),
                TEST(test_many_elements),
                TEST(test_refused_batch_names_the_rule),
                TEST(test_full_set_is_refused),
                TEST(test_other_tables_stay),
                TEST(test_table_of_another_name),
                TEST(test_safe_input),
        };
        if (!netns_private()) {
                fprintf(stderr, "skipped: needs root for namespaces of its own\n");
                return 77;
        }
        return cmocka_run_group_tests(tests, NULL, NULL);
}
