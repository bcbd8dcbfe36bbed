/* The policy's hash: equal exactly where the meaning is. */
#include <stdlib.h>

#include "tests/support/unit.h"

#include "common/error.h"
#include "firewall/policy/policy.h"
#include "tests/firewall/policy/random_policy.h"

#define V     "version: 1\n"
#define ALLOW V "allow:\n"

static void hash_of(const char *text, uint8_t ret_hash[static POLICY_HASH_BYTES])
{
        struct policy_file file = { "p.yaml", text, strlen(text) };
        struct findings findings = { 0 };
        struct policy *policy;
        assert_int_equal(policy_parse(&file, 1, &findings, &policy), 0);
        memcpy(ret_hash, policy_hash(policy), POLICY_HASH_BYTES);
        policy_free(policy);
}

static const struct {
        const char *name, *left, *right;
        bool equal;
} pairs[] = {
        { "layout and comments", ALLOW " - {from: a, to: b, ports: [tcp/22]}\n",
          "# c\n" ALLOW " - to: [b]\n   ports:\n   - tcp/22\n   from: [a]\n   note: x\n", true },
        { "order of rules",
          ALLOW " - {from: a, to: b, ports: icmp}\n - {from: c, to: d, ports: any}\n",
          ALLOW " - {from: c, to: d, ports: any}\n - {from: a, to: b, ports: icmp}\n", true },
        { "order in lists", ALLOW " - {from: [a, b], to: [c, d], ports: [tcp/1, udp/2]}\n",
          ALLOW " - {from: [b, a], to: [d, c], ports: [udp/2, tcp/1]}\n", true },
        { "groups written out",
          V "groups: {g: [a, 'tag:t']}\nallow:\n - {from: g, to: c, ports: any}\n",
          ALLOW " - {from: ['tag:t', a], to: c, ports: any}\n", true },
        { "name of a group", V "groups: {g: [a]}\nallow:\n - {from: g, to: c, ports: any}\n",
          V "groups: {h: [a]}\nallow:\n - {from: 'group:h', to: c, ports: any}\n", true },
        { "group that nobody uses", V "groups: {g: [a]}\n", V, true },
        { "split by source", ALLOW " - {from: [a, b], to: c, ports: any}\n",
          ALLOW " - {from: a, to: c, ports: any}\n - {from: b, to: c, ports: any}\n", true },
        { "split by port", ALLOW " - {from: a, to: b, ports: [tcp/1-9]}\n",
          ALLOW " - {from: a, to: b, ports: [tcp/4-9]}\n - {from: a, to: b, ports: [tcp/1-3]}\n",
          true },
        { "rule twice", ALLOW " - {from: a, to: b, ports: any}\n",
          ALLOW " - {from: a, to: b, ports: any}\n - {from: a, to: b, ports: [tcp/22]}\n", true },
        { "covered by all", ALLOW " - {from: all, to: b, ports: tcp/*}\n",
          ALLOW " - {from: all, to: b, ports: tcp/*}\n - {from: a, to: b, ports: [tcp/22]}\n",
          true },
        { "all swallows names", ALLOW " - {from: [all, a], to: b, ports: icmp}\n",
          ALLOW " - {from: all, to: b, ports: icmp}\n", true },
        { "another port", ALLOW " - {from: a, to: b, ports: [tcp/22]}\n",
          ALLOW " - {from: a, to: b, ports: [tcp/23]}\n", false },
        { "another protocol", ALLOW " - {from: a, to: b, ports: [tcp/22]}\n",
          ALLOW " - {from: a, to: b, ports: [udp/22]}\n", false },
        { "the other direction", ALLOW " - {from: a, to: b, ports: any}\n",
          ALLOW " - {from: b, to: a, ports: any}\n", false },
        { "name and tag", ALLOW " - {from: a, to: b, ports: any}\n",
          ALLOW " - {from: 'tag:a', to: b, ports: any}\n", false },
        { "everybody and one", ALLOW " - {from: all, to: b, ports: any}\n",
          ALLOW " - {from: a, to: b, ports: any}\n", false },
        { "more than all gives", ALLOW " - {from: all, to: b, ports: icmp}\n",
          ALLOW " - {from: all, to: b, ports: icmp}\n - {from: a, to: b, ports: [tcp/22]}\n",
          false },
        { "nothing and something", V, ALLOW " - {from: a, to: b, ports: any}\n", false },
        { "something and everything", ALLOW " - {from: all, to: all, ports: tcp/*}\n",
          ALLOW " - {from: all, to: all, ports: any}\n", false },
};

static void by_hand(void **state)
{
        (void)state;
        for (size_t i = 0; i < LENGTH(pairs); i++) {
                uint8_t left[POLICY_HASH_BYTES], right[POLICY_HASH_BYTES];
                print_message("%s\n", pairs[i].name);
                hash_of(pairs[i].left, left);
                hash_of(pairs[i].right, right);
                assert_int_equal(memcmp(left, right, sizeof(left)) == 0, pairs[i].equal);
        }
}

/* ---- at random ---- */

static void draw_hash(struct random_policy *p, uint8_t ret_hash[static POLICY_HASH_BYTES])
{
        struct buffer text = buffer_with_max(100000);
        random_policy_put(p, &text);
        hash_of((char *)text.bytes, ret_hash);
        buffer_done(&text);
}

/* Hosts that have one name or one tag, and one that has neither. */
static struct random_host probe(unsigned i)
{
        struct random_host host = { .name = i < RANDOM_NAMES ? (int)i : -1 };
        if (i >= RANDOM_NAMES && i < RANDOM_NAMES + RANDOM_TAGS)
                host.tags[i - RANDOM_NAMES] = true;
        return host;
}

enum { PROBES = RANDOM_NAMES + RANDOM_TAGS + 1 };

/* Enough packets to tell any two of random_ports apart. */
static bool same_meaning(const struct random_policy *p, const struct random_policy *q)
{
        for (unsigned a = 0; a < PROBES; a++) {
                for (unsigned b = 0; b < PROBES; b++) {
                        struct random_host from = probe(a), to = probe(b);
                        for (size_t i = 0; i < LENGTH(random_packets); i++) {
                                int protocol = random_packets[i].protocol;
                                int port = random_packets[i].port;
                                if (!naive_can(p, &from, &to, protocol, port) !=
                                    !naive_can(q, &from, &to, protocol, port))
                                        return false;
                        }
                }
        }
        return true;
}

/* Makes another policy of P, that means the same or nearly so. */
static struct random_policy disturb(struct seeded_env *e, const struct random_policy *p)
{
        struct random_policy q = *p;
        if (q.rule_count == 0)
                return q;
        unsigned i = random_below(e, q.rule_count), j = random_below(e, q.rule_count);
        struct random_rule swapped = q.rules[i];
        q.rules[i] = q.rules[j];
        q.rules[j] = swapped;
        switch (random_below(e, 5)) {
        case 0: /* one rule again, with fewer words */
                if (q.rule_count < RANDOM_RULES) {
                        q.rules[q.rule_count] = q.rules[i];
                        q.rules[q.rule_count++].from.count = 1;
                }
                break;
        case 1: /* a word less */
                if (q.rules[i].to.count > 1)
                        q.rules[i].to.count--;
                break;
        case 2: /* a port less */
                if (q.rules[i].port_count > 1)
                        q.rules[i].port_count--;
                break;
        case 3: /* a rule less */
                q.rule_count--;
                break;
        default: /* words in another order */
                q.rules[i].from.items[0] = p->rules[j].from.items[p->rules[j].from.count - 1];
                q.rules[j].from.items[p->rules[j].from.count - 1] = p->rules[j].from.items[0];
        }
        return q;
}

static void at_random(void **state)
{
        (void)state;
        struct seeded_env e;
        seeded_env_init(&e, 4);
        unsigned equal = 0, different = 0;
        for (unsigned round = 0; round < 4000; round++) {
                struct random_policy p = { 0 }, q;
                uint8_t left[POLICY_HASH_BYTES], right[POLICY_HASH_BYTES];
                random_policy_draw(&e, &p);
                q = disturb(&e, &p);
                draw_hash(&p, left);
                draw_hash(&q, right);
                bool same = same_meaning(&p, &q);
                equal += same;
                different += !same;
                assert_int_equal(memcmp(left, right, sizeof(left)) == 0, same);
        }
        assert_true(equal > 500);
        assert_true(different > 500);
}

/* Computed from the form in hash.c by another program: a stored policy keeps its hash over versions
 * of the program. */
static void is_stable(void **state)
{
        (void)state;
        static const uint8_t nothing[] = { 0x02, 0x9e, 0xef, 0x91, 0xfc, 0xea, 0x21, 0x5c,
                                           0x28, 0x74, 0x6a, 0x07, 0xda, 0x69, 0x0c, 0x9e,
                                           0x11, 0xd2, 0xd8, 0xa5, 0xcc, 0x11, 0x5a, 0x84,
                                           0xb1, 0x6c, 0xc0, 0x90, 0x03, 0x3f, 0x27, 0xa2 };
        uint8_t hash[POLICY_HASH_BYTES];
        hash_of(V, hash);
        assert_memory_equal(hash, nothing, sizeof(hash));
        static const uint8_t something[] = { 0x6a, 0x77, 0x8a, 0xac, 0xa4, 0x9c, 0xda, 0x56,
                                             0x9c, 0x18, 0x08, 0x57, 0xbc, 0x82, 0xb4, 0xfe,
                                             0x94, 0x6e, 0x15, 0xca, 0xcc, 0x5e, 0x0f, 0xa3,
                                             0x2c, 0x25, 0xf7, 0xcf, 0x3d, 0xcd, 0x6b, 0x00 };
        hash_of(ALLOW " - {from: [a, 'tag:t'], to: all, ports: [tcp/22]}\n"
                      " - {from: a, to: b, ports: [icmp]}\n",
                hash);
        assert_memory_equal(hash, something, sizeof(hash));
}

/* A thousand rules over groups of a hundred, all different: well under a second. */
static void large(void **state)
{
        (void)state;
        struct buffer text = buffer_with_max(1 << 20);
        buffer_printf(&text, V "groups:\n");
        for (unsigned g = 0; g < 100; g++) {
                buffer_printf(&text, "  g%u: [", g);
                for (unsigned n = 0; n < 100; n++)
                        buffer_printf(&text, "%sn%u", n ? ", " : "", g * 50 + n);
                buffer_printf(&text, "]\n");
        }
        buffer_printf(&text, "allow:\n");
        for (unsigned r = 0; r < 1000; r++)
                buffer_printf(&text, "  - {from: g%u, to: g%u, ports: [tcp/%u]}\n", r % 100, r / 10,
                              r + 1);
        buffer_put_u8(&text, 0);
        uint8_t hash[POLICY_HASH_BYTES];
        hash_of((char *)text.bytes, hash);
        buffer_done(&text);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(by_hand),
                cmocka_unit_test(at_random),
                cmocka_unit_test(is_stable),
                cmocka_unit_test(large),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
