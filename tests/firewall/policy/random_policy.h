/* Random policies for property tests, and the naive reading of them that is the oracle.
 *
 * The oracle knows nothing of selectors, classes or intervals: for each pair of hosts and each rule
 * it walks the words. Included by the tests that need it; nothing is shared with the product. */
#pragma once
#include <stdio.h>
#include <string.h>

#include "common/buffer.h"
#include "tests/support/seeded_env.h"

enum {
        RANDOM_NAMES = 6,
        RANDOM_TAGS = 3,
        RANDOM_GROUPS = 4,
        RANDOM_RULES = 8,
        RANDOM_WORDS = 4, /* in one list */
};

enum word_kind { WORD_NODE, WORD_TAG, WORD_GROUP, WORD_ALL };

struct word {
        enum word_kind kind;
        unsigned number; /* node 2 is "n2", tag 0 "tag:t0", group 1 "g1" or "group:g1" */
};

struct words {
        struct word items[RANDOM_WORDS];
        unsigned count;
};

struct random_rule {
        struct words from, to;
        unsigned ports[RANDOM_WORDS]; /* of random_ports */
        unsigned port_count;
        unsigned line; /* in the text */
};

struct random_policy {
        struct words groups[RANDOM_GROUPS];
        struct random_rule rules[RANDOM_RULES];
        unsigned rule_count;
};

struct random_host {
        int name; /* -1: none */
        bool tags[RANDOM_TAGS];
};

static const struct {
        const char *text;
        int protocol; /* -1: every one */
        int low, high;
} random_ports[] = {
        { "tcp/22", 6, 22, 22 },    { "tcp/20-30", 6, 20, 30 },      { "tcp/31", 6, 31, 31 },
        { "udp/22", 17, 22, 22 },   { "tcp/*", 6, 0, 65535 },        { "icmp", 1, 0, 65535 },
        { "any", -1, 0, 65535 },    { "proto/47", 47, 0, 65535 },    { "proto/7", 7, 0, 65535 },
        { "proto/6", 6, 0, 65535 }, { "udp/1-65535", 17, 1, 65535 },
};

static const struct {
        uint16_t protocol, port;
} random_packets[] = { { 6, 22 }, { 6, 21 }, { 6, 31 }, { 6, 32 },  { 6, 65535 }, { 17, 22 },
                       { 17, 1 }, { 1, 0 },  { 7, 0 },  { 47, 99 }, { 50, 0 },    { 58, 0 } };

static inline unsigned random_below(struct seeded_env *e, unsigned limit)
{
        uint32_t number;
        env_random(&e->env, &number, sizeof(number));
        return number % limit;
}

/* `all` is rare: it hides everything else. */
static inline struct words random_words(struct seeded_env *e, unsigned first_group, bool all)
{
        struct words words = { .count = 1 + random_below(e, RANDOM_WORDS) };
        for (unsigned i = 0; i < words.count; i++) {
                unsigned kind = random_below(e, 16);
                struct word *word = &words.items[i];
                if (kind < 7)
                        *word = (struct word){ WORD_NODE, random_below(e, RANDOM_NAMES) };
                else if (kind < 11 || (kind < 15 && first_group >= RANDOM_GROUPS) ||
                         (kind == 15 && !all))
                        *word = (struct word){ WORD_TAG, random_below(e, RANDOM_TAGS) };
                else if (kind < 15)
                        *word = (struct word){ WORD_GROUP,
                                               first_group + random_below(e, RANDOM_GROUPS -
                                                                                     first_group) };
                else
                        *word = (struct word){ WORD_ALL, 0 };
        }
        return words;
}

static inline void random_policy_draw(struct seeded_env *e, struct random_policy *p)
{
        for (unsigned i = 0; i < RANDOM_GROUPS; i++) /* only later ones inside: no cycles */
                p->groups[i] = random_words(e, i + 1, false);
        p->rule_count = random_below(e, RANDOM_RULES + 1);
        for (unsigned i = 0; i < p->rule_count; i++) {
                struct random_rule *rule = &p->rules[i];
                rule->from = random_words(e, 0, true);
                rule->to = random_words(e, 0, true);
                rule->port_count = 1 + random_below(e, RANDOM_WORDS);
                for (unsigned j = 0; j < rule->port_count; j++)
                        rule->ports[j] =
                                random_below(e, sizeof(random_ports) / sizeof(random_ports[0]));
        }
}

static inline void random_words_put(const struct words *words, bool in_group, struct buffer *out)
{
        buffer_printf(out, "[");
        for (unsigned i = 0; i < words->count; i++) {
                const struct word *word = &words->items[i];
                if (i > 0)
                        buffer_printf(out, ", ");
                if (word->kind == WORD_NODE)
                        buffer_printf(out, "n%u", word->number);
                else if (word->kind == WORD_TAG)
                        buffer_printf(out, "'tag:t%u'", word->number);
                else if (word->kind == WORD_ALL)
                        buffer_printf(out, "all");
                else
                        buffer_printf(out, "%sg%u%s", in_group || i % 2 ? "'group:" : "",
                                      word->number, in_group || i % 2 ? "'" : "");
        }
        buffer_printf(out, "]");
}

/* The policy's text, with a NUL; notes the rules' lines. */
static inline void random_policy_put(struct random_policy *p, struct buffer *out)
{
        buffer_printf(out, "version: 1\ngroups:\n");
        for (unsigned i = 0; i < RANDOM_GROUPS; i++) {
                buffer_printf(out, "  g%u: ", i);
                random_words_put(&p->groups[i], true, out);
                buffer_printf(out, "\n");
        }
        buffer_printf(out, "allow:%s\n", p->rule_count ? "" : " []");
        for (unsigned i = 0; i < p->rule_count; i++) {
                struct random_rule *rule = &p->rules[i];
                rule->line = 4 + RANDOM_GROUPS + i;
                buffer_printf(out, "  - {from: ");
                random_words_put(&rule->from, false, out);
                buffer_printf(out, ", to: ");
                random_words_put(&rule->to, false, out);
                buffer_printf(out, ", ports: [");
                for (unsigned j = 0; j < rule->port_count; j++)
                        buffer_printf(out, "%s%s", j ? ", " : "",
                                      random_ports[rule->ports[j]].text);
                buffer_printf(out, "]}\n");
        }
        buffer_put_u8(out, 0);
}

/* ---- the oracle ---- */

static inline bool naive_is(const struct random_policy *p, const struct words *words,
                            const struct random_host *host)
{
        for (unsigned i = 0; i < words->count; i++) {
                const struct word *word = &words->items[i];
                if (word->kind == WORD_ALL ||
                    (word->kind == WORD_NODE && host->name == (int)word->number) ||
                    (word->kind == WORD_TAG && host->tags[word->number]) ||
                    (word->kind == WORD_GROUP && naive_is(p, &p->groups[word->number], host)))
                        return true;
        }
        return false;
}

static inline bool naive_port(const struct random_rule *rule, int protocol, int port)
{
        protocol = protocol == 58 ? 1 : protocol;
        for (unsigned i = 0; i < rule->port_count; i++) {
                int wanted = random_ports[rule->ports[i]].protocol;
                bool ported = protocol == 6 || protocol == 17;
                if ((wanted == -1 || wanted == protocol) &&
                    (!ported || (port >= random_ports[rule->ports[i]].low &&
                                 port <= random_ports[rule->ports[i]].high)))
                        return true;
        }
        return false;
}

/* The first rule that lets the packet through, or NULL; protocol -1: any packet. */
static inline const struct random_rule *naive_can(const struct random_policy *p,
                                                  const struct random_host *from,
                                                  const struct random_host *to, int protocol,
                                                  int port)
{
        for (unsigned i = 0; i < p->rule_count; i++)
                if (naive_is(p, &p->rules[i].from, from) && naive_is(p, &p->rules[i].to, to) &&
                    (protocol == -1 || naive_port(&p->rules[i], protocol, port)))
                        return &p->rules[i];
        return NULL;
}
