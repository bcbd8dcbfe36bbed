/* Building a ruleset: growing arrays with a sticky error, and the canonical order of elements. */
#include "firewall/nft/ruleset.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/error.h"

enum { TEXTS_MAX_BYTES = 16 << 20 };

static const size_t key_lens[SET_TYPE_COUNT] = {
        [SET_V4] = 4, [SET_V6] = 16, [SET_PORT] = 2, [SET_ICMP_TYPE] = 1, [SET_ICMPV6_TYPE] = 1,
};

size_t set_key_len(enum set_type type)
{
        return key_lens[type];
}

int ruleset_init(struct ruleset *rs, const char *table)
{
        struct ruleset fresh = { 0 };
        size_t len = strlen(table);
        if (len == 0 || len >= sizeof(fresh.table))
                return MESH_ELIMIT;
        memcpy(fresh.table, table, len);
        fresh.arena = arena_new(TEXTS_MAX_BYTES);
        if (!fresh.arena)
                return MESH_ENOMEM;
        *rs = fresh;
        return 0;
}

void ruleset_done(struct ruleset *rs)
{
        for (size_t i = 0; i < rs->chain_count; i++)
                free(rs->chains[i].rules);
        for (size_t i = 0; i < rs->set_count; i++)
                free(rs->sets[i].elements);
        free(rs->sets);
        arena_free(rs->arena);
        memset(rs, 0, sizeof(*rs));
}

int ruleset_error(const struct ruleset *rs)
{
        return rs->error;
}

static void fail(struct ruleset *rs, int err)
{
        if (!rs->error)
                rs->error = err;
}

static const char *keep_text(struct ruleset *rs, const char *text, size_t max)
{
        size_t len = strlen(text);
        if (len > max)
                len = max;
        const char *kept = rs->error ? NULL : arena_text(rs->arena, text, len);
        if (!kept) {
                fail(rs, MESH_ENOMEM);
                return "";
        }
        return kept;
}

/* nft's strings know no escapes: what would end one, or break its line, is replaced. */
static const char *keep_comment(struct ruleset *rs, const char *comment)
{
        char text[RULE_COMMENT_MAX];
        size_t len = 0;
        for (; comment[len] && len < sizeof(text) - 1; len++) {
                unsigned char c = (unsigned char)comment[len];
                text[len] = c < ' ' || c == 0x7f || c == '"' || c == '\\' ? '?' : comment[len];
        }
        text[len] = '\0';
        return keep_text(rs, text, len);
}

/* Makes room for one more of SIZE bytes in an array; returns the array, or NULL with the sticky
 * error set. */
static void *grow(struct ruleset *rs, void *array, size_t count, size_t *capacity, size_t size,
                  size_t max)
{
        if (rs->error)
                return NULL;
        if (count < *capacity)
                return array;
        if (count >= max) {
                fail(rs, MESH_ELIMIT);
                return NULL;
        }
        size_t wanted = *capacity ? *capacity * 2 : 8;
        void *larger = reallocarray(array, wanted, size);
        if (!larger) {
                fail(rs, MESH_ENOMEM);
                return NULL;
        }
        *capacity = wanted;
        return larger;
}

struct ruleset_chain *ruleset_add_chain(struct ruleset *rs, const char *name)
{
        if (rs->chain_count == RULESET_CHAINS_MAX) {
                fail(rs, MESH_ELIMIT);
                return &rs->chains[0];
        }
        struct ruleset_chain *chain = &rs->chains[rs->chain_count++];
        chain->name = keep_text(rs, name, RULESET_NAME_MAX - 1);
        return chain;
}

struct ruleset_rule *ruleset_add_rule(struct ruleset *rs, struct ruleset_chain *chain,
                                      enum rule_verdict verdict, const char *comment)
{
        struct ruleset_rule *rules = grow(rs, chain->rules, chain->rule_count,
                                          &chain->rule_capacity, sizeof(*rules), RULESET_RULES_MAX);
        struct ruleset_rule *rule = &rs->scratch_rule;
        if (rules) {
                chain->rules = rules;
                rule = &rules[chain->rule_count++];
        }
        *rule = (struct ruleset_rule){ .verdict = verdict };
        if (comment)
                rule->comment = keep_comment(rs, comment);
        return rule;
}

struct ruleset_set *ruleset_add_set(struct ruleset *rs, const char *name, enum set_type type,
                                    bool interval)
{
        struct ruleset_set *sets = grow(rs, rs->sets, rs->set_count, &rs->set_capacity,
                                        sizeof(*sets), RULESET_SETS_MAX);
        struct ruleset_set *set = &rs->scratch_set;
        if (sets) {
                rs->sets = sets;
                set = &sets[rs->set_count++];
        }
        *set = (struct ruleset_set){ .type = type, .interval = interval };
        set->name = keep_text(rs, name, SIZE_MAX);
        return set;
}

const struct ruleset_set *ruleset_find_set(const struct ruleset *rs, const char *name)
{
        for (size_t i = 0; i < rs->set_count; i++)
                if (strcmp(rs->sets[i].name, name) == 0)
                        return &rs->sets[i];
        return NULL;
}

static struct match *add_match(struct ruleset *rs, struct ruleset_rule *rule, enum match_kind kind,
                               enum match_test test)
{
        if (rule->match_count == RULE_MATCHES_MAX) {
                fail(rs, MESH_ELIMIT);
                return &rule->matches[0];
        }
        struct match *match = &rule->matches[rule->match_count++];
        *match = (struct match){ .kind = kind, .test = test };
        return match;
}

void rule_match_name(struct ruleset *rs, struct ruleset_rule *rule, enum match_kind kind,
                     const char *text)
{
        add_match(rs, rule, kind, TEST_NAME)->text = keep_text(rs, text, SIZE_MAX);
}

void rule_match_set(struct ruleset *rs, struct ruleset_rule *rule, enum match_kind kind,
                    const char *set)
{
        add_match(rs, rule, kind, TEST_IN_SET)->text = keep_text(rs, set, SIZE_MAX);
}

void rule_match(struct ruleset *rs, struct ruleset_rule *rule, enum match_kind kind,
                enum match_test test, uint32_t low, uint32_t high)
{
        struct match *match = add_match(rs, rule, kind, test);
        match->low = low;
        match->high = high;
}

void set_add(struct ruleset *rs, struct ruleset_set *set, const uint8_t *low, const uint8_t *high,
             size_t len)
{
        struct set_element *elements =
                grow(rs, set->elements, set->element_count, &set->element_capacity,
                     sizeof(*elements), RULESET_ELEMENTS_MAX);
        if (!elements)
                return;
        set->elements = elements;
        struct set_element *element = &elements[set->element_count++];
        *element = (struct set_element){ 0 };
        memcpy(element->low, low, len);
        memcpy(element->high, high, len);
}

static int compare_elements(const void *a, const void *b)
{
        return memcmp(a, b, sizeof(struct set_element));
}

/* Whether B begins inside A, or right behind its end. A does not begin behind B. */
static bool touches(const struct set_element *a, const struct set_element *b, size_t len)
{
        uint8_t next[SET_KEY_MAX];
        memcpy(next, a->high, len);
        for (size_t i = len; i > 0 && ++next[i - 1] == 0; i--)
                if (i == 1)
                        return true; /* A reaches the end of all keys */
        return memcmp(b->low, next, len) <= 0;
}

void set_seal(struct ruleset_set *set)
{
        size_t len = set_key_len(set->type);
        if (set->element_count == 0)
                return;
        qsort(set->elements, set->element_count, sizeof(*set->elements), compare_elements);
        size_t kept = 0;
        for (size_t i = 1; i < set->element_count; i++) {
                struct set_element *last = &set->elements[kept];
                const struct set_element *element = &set->elements[i];
                if (set->interval && touches(last, element, len)) {
                        if (memcmp(element->high, last->high, len) > 0)
                                memcpy(last->high, element->high, len);
                } else if (set->interval || memcmp(last, element, sizeof(*last)) != 0) {
                        set->elements[++kept] = *element;
                }
        }
        set->element_count = kept + 1;
}
