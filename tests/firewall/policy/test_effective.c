/* Effective access against the oracle, on random policies and inventories. */
#include <stdlib.h>

#include "tests/support/unit.h"

#include "common/error.h"
#include "firewall/policy/effective.h"
#include "tests/firewall/policy/random_policy.h"

enum { HOSTS = 10, ROUNDS = 1500 };

struct world {
        struct random_policy random;
        struct random_host hosts[HOSTS];
        struct policy_node nodes[HOSTS];
        const char *tags[HOSTS][RANDOM_TAGS];
        struct ip_prefix prefixes[HOSTS][2];
        struct policy *policy;
        struct effective *effective;
};

static const char *const names[] = { "n0", "n1", "n2", "n3", "n4", "n5" };
static const char *const tags[] = { "t0", "t1", "t2" };

static void draw_host(struct world *w, struct seeded_env *e, unsigned i)
{
        struct random_host *host = &w->hosts[i];
        struct policy_node *node = &w->nodes[i];
        host->name = i < RANDOM_NAMES && random_below(e, 8) ? (int)i : -1;
        *node = (struct policy_node){ .name = host->name >= 0 ? names[host->name] : NULL,
                                      .tags = w->tags[i],
                                      .prefixes = w->prefixes[i],
                                      .prefix_count = 2 };
        for (unsigned j = 0; j < RANDOM_TAGS; j++) {
                host->tags[j] = random_below(e, 4) == 0;
                if (host->tags[j])
                        w->tags[i][node->tag_count++] = tags[j];
        }
        w->prefixes[i][0] = ip_prefix_of(
                (struct ip_addr){ .len = 4, .bytes = { 100, 64, 0, (uint8_t)(200 - i) } });
        w->prefixes[i][1] = ip_prefix_of(
                (struct ip_addr){ .len = 16, .bytes = { 0xfd, [15] = (uint8_t)(200 - i) } });
}

static void world_new(struct world *w, struct seeded_env *e)
{
        struct buffer text = buffer_with_max(100000);
        struct findings findings = { 0 };
        random_policy_draw(e, &w->random);
        random_policy_put(&w->random, &text);
        struct policy_file file = { "p.yaml", text.bytes, text.len - 1 };
        assert_int_equal(policy_parse(&file, 1, &findings, &w->policy), 0);
        for (unsigned i = 0; i < HOSTS; i++)
                draw_host(w, e, i);
        assert_int_equal(effective_new(w->policy, w->nodes, HOSTS, &w->effective), 0);
        buffer_done(&text);
}

static void world_done(struct world *w)
{
        effective_free(w->effective);
        policy_free(w->policy);
}

/* ---- one pair ---- */

static bool set_has(const struct access_set *set, const struct ip_prefix *prefix)
{
        for (size_t i = 0; i < set->prefix_count; i++)
                if (ip_prefix_compare(&set->prefixes[i], prefix) == 0)
                        return true;
        return false;
}

static bool rule_has(const struct access_rule *rule, uint16_t protocol, uint16_t port)
{
        protocol = protocol == 58 ? 1 : protocol;
        if (rule->protocol != ACCESS_PROTOCOL_ANY && rule->protocol != protocol)
                return false;
        for (size_t i = 0; i < rule->port_count; i++)
                if (port >= rule->ports[i].low && port <= rule->ports[i].high)
                        return true;
        return rule->port_count == 0;
}

/* What a host with ACCESS does with a packet: the origin of the first rule, or NULL. */
static const char *judge(const struct access *access, const struct ip_prefix *source,
                         uint16_t protocol, uint16_t port)
{
        for (size_t i = 0; i < access->rule_count; i++) {
                const struct access_rule *rule = &access->rules[i];
                const struct access_set *set = access_find_set(access, rule->source_set);
                assert_non_null(set);
                if (set_has(set, source) && rule_has(rule, protocol, port))
                        return rule->origin;
        }
        return NULL;
}

static void check_packets(const struct world *w, unsigned a, unsigned b,
                          const struct access *access)
{
        for (size_t i = 0; i < LENGTH(random_packets); i++) {
                uint16_t protocol = random_packets[i].protocol, port = random_packets[i].port;
                const struct random_rule *expected =
                        naive_can(&w->random, &w->hosts[a], &w->hosts[b], protocol, port);
                const char *origin = "unset";
                assert_int_equal(effective_can(w->effective, a, b, protocol, port, &origin),
                                 expected != NULL);
                for (unsigned j = 0; j < 2; j++) {
                        const char *judged = judge(access, &w->prefixes[a][j], protocol, port);
                        assert_int_equal(judged != NULL, expected != NULL);
                        if (judged)
                                assert_string_equal(judged, origin);
                }
                if (!expected) {
                        assert_null(origin);
                        continue;
                }
                char line[32];
                snprintf(line, sizeof(line), "p.yaml:%u", expected->line);
                assert_string_equal(origin, line);
        }
}

static void check_host(const struct world *w, unsigned b)
{
        struct access access;
        assert_int_equal(effective_access_of(w->effective, b, &access), 0);
        for (unsigned a = 0; a < HOSTS; a++) {
                if (a == b)
                        continue;
                bool there = naive_can(&w->random, &w->hosts[a], &w->hosts[b], -1, 0) != NULL;
                bool back = naive_can(&w->random, &w->hosts[b], &w->hosts[a], -1, 0) != NULL;
                assert_int_equal(effective_may_reach(w->effective, a, b), there);
                assert_int_equal(effective_sees(w->effective, a, b), there || back);
                check_packets(w, a, b, &access);
        }
        for (size_t i = 0; i < access.set_count; i++) {
                assert_true(i == 0 || access.sets[i - 1].id < access.sets[i].id);
                assert_false(set_has(&access.sets[i], &w->prefixes[b][0]));
                bool used = false;
                for (size_t j = 0; j < access.rule_count; j++)
                        used |= access.rules[j].source_set == access.sets[i].id;
                assert_true(used);
                for (size_t j = 1; j < access.sets[i].prefix_count; j++)
                        assert_true(ip_prefix_compare(&access.sets[i].prefixes[j - 1],
                                                      &access.sets[i].prefixes[j]) < 0);
        }
        access_done(&access);
}

static void agrees_with_the_oracle(void **state)
{
        (void)state;
        struct seeded_env e;
        seeded_env_init(&e, 3);
        for (unsigned round = 0; round < ROUNDS; round++) {
                struct world w = { 0 };
                world_new(&w, &e);
                for (unsigned b = 0; b < HOSTS; b++)
                        check_host(&w, b);
                world_done(&w);
        }
}

/* ---- by hand ---- */

static const char demo[] = "version: 1\n"
                           "groups:\n"
                           "  admins: [mamba]\n"
                           "  servers: [ubongo, 'tag:server']\n"
                           "allow:\n"
                           "  - from: admins\n"
                           "    to: servers\n"
                           "    ports: [tcp/22, icmp]\n"
                           "  - from: admins\n"
                           "    to: servers\n"
                           "    ports: [tcp/22]\n";

static void rules_without_members_stand(void **state)
{
        (void)state;
        struct policy_file file = { "demo.yaml", demo, strlen(demo) };
        struct findings findings = { 0 };
        struct policy *policy;
        struct effective *effective;
        struct access access;
        const char *server = "server";
        const struct policy_node nodes[] = { { .name = "ubongo" },
                                             { .tags = &server, .tag_count = 1 },
                                             { .name = NULL } };
        assert_int_equal(policy_parse(&file, 1, &findings, &policy), 0);
        assert_int_equal(effective_new(policy, nodes, LENGTH(nodes), &effective), 0);
        for (size_t i = 0; i < 2; i++) {
                assert_int_equal(effective_access_of(effective, i, &access), 0);
                assert_int_equal(access.rule_count, 3);
                assert_int_equal(access.rules[0].protocol, ACCESS_PROTOCOL_ICMP);
                assert_int_equal(access.rules[1].protocol, 6);
                assert_int_equal(access.rules[1].ports[0].high, 22);
                assert_string_equal(access.rules[1].origin, "demo.yaml:6");
                assert_string_equal(access.rules[2].origin, "demo.yaml:9");
                assert_int_equal(access.set_count, 1);
                assert_int_equal(access.sets[0].prefix_count, 0);
                access_done(&access);
        }
        assert_int_equal(effective_access_of(effective, 2, &access), 0);
        assert_int_equal(access.rule_count, 0);
        assert_int_equal(access.set_count, 0);
        access_done(&access);
        const char *origin = "x";
        assert_true(effective_can(effective, 2, 2, 6, 22, &origin));
        assert_null(origin);
        assert_false(effective_sees(effective, 2, 2));
        assert_false(effective_may_reach(effective, 0, 0));
        effective_free(effective);
        policy_free(policy);
}

/* A set's id is a promise over versions: written down once, never changed. */
static void set_ids_are_stable(void **state)
{
        (void)state;
        struct policy_file file = { "demo.yaml", demo, strlen(demo) };
        struct findings findings = { 0 };
        struct policy *policy;
        struct policy_class *c;
        assert_int_equal(policy_parse(&file, 1, &findings, &policy), 0);
        assert_int_equal(policy_classify(policy, "ubongo", NULL, 0, &c), 0);
        size_t cursor = 0;
        uint64_t id = 0;
        assert_true(policy_next_set(policy, c, &cursor, &id));
        assert_true(id ==
                    0xeddb8fc205d3440e); /* SHA-256 of "mesh/v1/set" NUL "node:mamba" newline */
        assert_false(policy_next_set(policy, c, &cursor, &id));
        policy_class_free(c);
        policy_free(policy);
}

/* ---- names ---- */

static void names_against_an_inventory(void **state)
{
        (void)state;
        static const char text[] = "version: 1\n"
                                   "groups:\n"
                                   "  admins: [mamba, lapttop]\n"
                                   "  askari: [mamba]\n"
                                   "allow:\n"
                                   "  - {from: adminz, to: 'tag:sevrer', ports: any}\n"
                                   "  - {from: 'tag:server', to: [lapttop, qqqqqq], ports: any}\n";
        static const char *const expected[] = {
                "3:19: no node is enrolled with the name `lapttop`, did you mean `laptop`?",
                "4:3: `askari` is a group here and a node of the mesh",
                "6:12: no node is enrolled with the name `adminz`, did you mean `admins`?",
                "6:24: no node has the tag `sevrer`, did you mean `server`?",
                "7:40: no node is enrolled with the name `qqqqqq`",
        };
        const char *server = "server";
        const struct policy_node nodes[] = {
                { .name = "mamba" },
                { .name = "laptop" },
                { .name = "askari", .tags = &server, .tag_count = 1 },
                { .name = NULL },
        };
        struct policy_file file = { "p.yaml", text, strlen(text) };
        struct findings findings = { 0 };
        struct policy *policy;
        assert_int_equal(policy_parse(&file, 1, &findings, &policy), 0);
        assert_int_equal(findings.count, 0);
        assert_int_equal(policy_check_names(policy, nodes, LENGTH(nodes), &findings), MESH_EFORMAT);
        assert_int_equal(findings.count, LENGTH(expected));
        for (size_t i = 0; i < LENGTH(expected); i++) {
                char found[400];
                snprintf(found, sizeof(found), "%u:%u: %s", findings.items[i].line,
                         findings.items[i].column, findings.items[i].message);
                assert_string_equal(found, expected[i]);
                assert_int_equal(findings.items[i].warning, i != 1);
        }
        findings_done(&findings);
        assert_int_equal(policy_check_names(policy, nodes, 2, &findings), 0);
        findings_done(&findings);
        policy_free(policy);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(agrees_with_the_oracle),
                cmocka_unit_test(rules_without_members_stand),
                cmocka_unit_test(set_ids_are_stable),
                cmocka_unit_test(names_against_an_inventory),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
