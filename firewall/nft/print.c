/* nft syntax. What nft itself puts before a keyword (`meta l4proto tcp` before `tcp dport`) is left
 * out, so that our text and its own listing of the same rules read alike. */
#include "firewall/nft/print.h"

#include <netinet/in.h> /* before the kernel headers, which then leave its types alone */
#include <stdbool.h>
#include <string.h>

#include <linux/netfilter.h>

#include "common/addr.h"
#include "common/buffer.h"
#include "firewall/nft/match_table.h"

static const char *const type_names[SET_TYPE_COUNT] = {
        [SET_V4] = "ipv4_addr",
        [SET_V6] = "ipv6_addr",
        [SET_PORT] = "inet_service",
        [SET_ICMP_TYPE] = "icmp_type",
        [SET_ICMPV6_TYPE] = "icmpv6_type",
};

static const char *hook_name(uint32_t hook)
{
        static const char *const names[] = { [NF_INET_PRE_ROUTING] = "prerouting",
                                             [NF_INET_LOCAL_IN] = "input",
                                             [NF_INET_FORWARD] = "forward",
                                             [NF_INET_LOCAL_OUT] = "output",
                                             [NF_INET_POST_ROUTING] = "postrouting" };
        return names[hook];
}

static void print_key(enum set_type type, const uint8_t *key, struct buffer *out)
{
        struct ip_addr addr;
        char text[IP_TEXT_MAX];
        size_t len = set_key_len(type);
        if (type == SET_PORT)
                buffer_printf(out, "%u", key[0] << 8 | key[1]);
        else if (len == 1)
                buffer_printf(out, "%u", key[0]);
        else if (ip_addr_from_bytes(key, len, &addr) == 0)
                buffer_printf(out, "%s", ip_addr_format(&addr, text));
}

static void print_set(const struct ruleset_set *set, struct buffer *out)
{
        size_t len = set_key_len(set->type);
        buffer_printf(out, "\tset %s {\n\t\ttype %s\n", set->name, type_names[set->type]);
        if (set->size)
                buffer_printf(out, "\t\tsize %u\n", set->size);
        if (set->interval)
                buffer_printf(out, "\t\tflags interval\n");
        for (size_t i = 0; i < set->element_count; i++) {
                const struct set_element *element = &set->elements[i];
                buffer_printf(out, i == 0 ? "\t\telements = { " : ",\n\t\t             ");
                print_key(set->type, element->low, out);
                if (memcmp(element->low, element->high, len) != 0) {
                        buffer_printf(out, "-");
                        print_key(set->type, element->high, out);
                }
        }
        buffer_printf(out, set->element_count ? " }\n\t}\n" : "\t}\n");
}

static const char *word_of(const struct match_row *row, uint32_t value)
{
        for (const struct match_word *word = row->words; word && word->name; word++)
                if (word->value == value)
                        return word->name;
        return NULL;
}

static void print_value(const struct match_row *row, uint32_t value, struct buffer *out)
{
        const char *word = word_of(row, value);
        if (word)
                buffer_printf(out, "%s", word);
        else
                buffer_printf(out, "%u", value);
}

/* "fin | syn | rst" */
static void print_bits(const struct match_row *row, uint32_t bits, const char *between,
                       struct buffer *out)
{
        bool first = true;
        for (uint32_t bit = 1; bit; bit <<= 1) {
                if (!(bits & bit))
                        continue;
                buffer_printf(out, "%s", first ? "" : between);
                print_value(row, bit, out);
                first = false;
        }
}

static void print_match(const struct match *match, struct buffer *out)
{
        const struct match_row *row = match_row(match->kind);
        buffer_printf(out, "%s ", row->keyword);
        switch (match->test) {
        case TEST_NAME:
                buffer_printf(out, "\"%s\"", match->text);
                break;
        case TEST_IS:
                print_value(row, match->low, out);
                break;
        case TEST_RANGE:
                buffer_printf(out, "%u-%u", match->low, match->high);
                break;
        case TEST_ANY_BIT:
                print_bits(row, match->low, ",", out);
                break;
        case TEST_MASKED_NOT:
                buffer_printf(out, "& (");
                print_bits(row, match->high, " | ", out);
                buffer_printf(out, ") != ");
                print_bits(row, match->low, " | ", out);
                break;
        case TEST_IN_SET:
                buffer_printf(out, "@%s", match->text);
                break;
        }
        buffer_put_u8(out, ' ');
}

/* Whether nft puts MATCH there by itself because of NEXT. */
static bool is_implied(const struct match *match, const struct match *next)
{
        const struct match_row *row = match_row(next->kind);
        return match->test == TEST_IS && row->implied_kind == match->kind &&
               row->implied_value == match->low;
}

static void print_rule(const struct ruleset_rule *rule, struct buffer *out)
{
        buffer_printf(out, "\t\t");
        for (size_t i = 0; i < rule->match_count; i++)
                if (i + 1 == rule->match_count ||
                    !is_implied(&rule->matches[i], &rule->matches[i + 1]))
                        print_match(&rule->matches[i], out);
        if (rule->per_second)
                buffer_printf(out, "limit rate %u/second burst %u packets ", rule->per_second,
                              rule->burst);
        if (rule->log_prefix)
                buffer_printf(out, "log prefix \"%s\" level warn ", rule->log_prefix);
        if (rule->counter)
                buffer_printf(out, "counter ");
        static const char *const verdicts[] = { [VERDICT_NONE] = "",
                                                [VERDICT_ACCEPT] = "accept ",
                                                [VERDICT_DROP] = "drop ",
                                                [VERDICT_JUMP] = "jump ",
                                                [VERDICT_RESET] = "reject with tcp reset " };
        buffer_printf(out, "%s", verdicts[rule->verdict]);
        if (rule->verdict == VERDICT_JUMP)
                buffer_printf(out, "%s ", rule->target);
        buffer_printf(out, "comment \"%s\"\n", rule->comment ? rule->comment : "");
}

static void print_chain(const struct ruleset_chain *chain, struct buffer *out)
{
        buffer_printf(out, "\tchain %s {\n", chain->name);
        if (chain->is_base)
                buffer_printf(out, "\t\ttype filter hook %s priority %d; policy %s;\n",
                              hook_name(chain->hook), chain->priority,
                              chain->drops ? "drop" : "accept");
        for (size_t i = 0; i < chain->rule_count; i++)
                print_rule(&chain->rules[i], out);
        buffer_printf(out, "\t}\n");
}

void ruleset_print(const struct ruleset *rs, struct buffer *out)
{
        if (rs->chain_count == 0)
                return;
        buffer_printf(out, "table inet %s {\n", rs->table);
        for (size_t i = 0; i < rs->set_count; i++)
                print_set(&rs->sets[i], out);
        for (size_t i = 0; i < rs->chain_count; i++)
                print_chain(&rs->chains[i], out);
        buffer_printf(out, "}\n");
}
