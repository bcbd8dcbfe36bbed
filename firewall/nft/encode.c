/* Expressions: every match is a load into one register and a test of it. */
#include "firewall/nft/encode.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <string.h>
#include <syslog.h>

#include <libnftnl/chain.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "firewall/nft/match_table.h"

enum { COMMENT_UDATA_MAX = RULE_COMMENT_MAX + 2 };

/* Numbers that nft gives its data types; the kernel only keeps them for a reader's sake. */
static const uint32_t data_types[SET_TYPE_COUNT] = {
        [SET_V4] = 7, [SET_V6] = 8, [SET_PORT] = 13, [SET_ICMP_TYPE] = 14, [SET_ICMPV6_TYPE] = 29,
};

/* A new expression at the end of the rule, which owns it; NULL when out of memory. */
static struct nftnl_expr *add(struct nftnl_rule *rule, const char *name)
{
        struct nftnl_expr *expr = nftnl_expr_alloc(name);
        if (expr)
                nftnl_rule_add_expr(rule, expr);
        return expr;
}

static bool load(struct nftnl_rule *rule, const struct match_row *row)
{
        static const char *const names[] = { [FROM_META] = "meta",
                                             [FROM_CONNTRACK] = "ct",
                                             [FROM_NETWORK_HEADER] = "payload",
                                             [FROM_TRANSPORT_HEADER] = "payload" };
        struct nftnl_expr *expr = add(rule, names[row->source]);
        if (!expr)
                return false;
        if (row->source == FROM_META) {
                nftnl_expr_set_u32(expr, NFTNL_EXPR_META_KEY, row->key);
                nftnl_expr_set_u32(expr, NFTNL_EXPR_META_DREG, NFT_REG_1);
        } else if (row->source == FROM_CONNTRACK) {
                nftnl_expr_set_u32(expr, NFTNL_EXPR_CT_KEY, row->key);
                nftnl_expr_set_u32(expr, NFTNL_EXPR_CT_DREG, NFT_REG_1);
        } else {
                nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_BASE,
                                   row->source == FROM_NETWORK_HEADER
                                           ? NFT_PAYLOAD_NETWORK_HEADER
                                           : NFT_PAYLOAD_TRANSPORT_HEADER);
                nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_OFFSET, row->key);
                nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_LEN, row->len);
                nftnl_expr_set_u32(expr, NFTNL_EXPR_PAYLOAD_DREG, NFT_REG_1);
        }
        return true;
}

static bool compare(struct nftnl_rule *rule, uint32_t op, const void *data, uint32_t len)
{
        struct nftnl_expr *expr = add(rule, "cmp");
        if (!expr)
                return false;
        nftnl_expr_set_u32(expr, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
        nftnl_expr_set_u32(expr, NFTNL_EXPR_CMP_OP, op);
        nftnl_expr_set(expr, NFTNL_EXPR_CMP_DATA, data, len);
        return true;
}

/* VALUE as the row's field has it in a register. */
static void put_value(const struct match_row *row, uint32_t value, uint8_t out[static 4])
{
        uint8_t byte = (uint8_t)value;
        uint16_t port = htons((uint16_t)value);
        if (row->len == sizeof(byte))
                memcpy(out, &byte, sizeof(byte));
        else if (row->len == sizeof(port) && row->network_order)
                memcpy(out, &port, sizeof(port));
        else
                memcpy(out, &value, sizeof(value));
}

static bool compare_value(struct nftnl_rule *rule, uint32_t op, const struct match_row *row,
                          uint32_t value)
{
        uint8_t bytes[4];
        put_value(row, value, bytes);
        return compare(rule, op, bytes, row->len);
}

static bool mask(struct nftnl_rule *rule, const struct match_row *row, uint32_t bits)
{
        static const uint8_t zero[4] = { 0 };
        uint8_t bytes[4];
        struct nftnl_expr *expr = add(rule, "bitwise");
        if (!expr)
                return false;
        put_value(row, bits, bytes);
        nftnl_expr_set_u32(expr, NFTNL_EXPR_BITWISE_SREG, NFT_REG_1);
        nftnl_expr_set_u32(expr, NFTNL_EXPR_BITWISE_DREG, NFT_REG_1);
        nftnl_expr_set_u32(expr, NFTNL_EXPR_BITWISE_OP, NFT_BITWISE_BOOL);
        nftnl_expr_set_u32(expr, NFTNL_EXPR_BITWISE_LEN, row->len);
        nftnl_expr_set(expr, NFTNL_EXPR_BITWISE_MASK, bytes, row->len);
        nftnl_expr_set(expr, NFTNL_EXPR_BITWISE_XOR, zero, row->len);
        return true;
}

static bool look_up(struct nftnl_rule *rule, const char *set)
{
        struct nftnl_expr *expr = add(rule, "lookup");
        if (!expr)
                return false;
        nftnl_expr_set_u32(expr, NFTNL_EXPR_LOOKUP_SREG, NFT_REG_1);
        nftnl_expr_set_u32(expr, NFTNL_EXPR_LOOKUP_FLAGS, 0);
        return nftnl_expr_set_str(expr, NFTNL_EXPR_LOOKUP_SET, set) == 0;
}

static bool test_name(struct nftnl_rule *rule, const char *name)
{
        char text[32] = { 0 };
        size_t len = strnlen(name, sizeof(text) - 1);
        memcpy(text, name, len);
        if (len > 0 && text[len - 1] == '*') /* only the part before it is compared */
                return compare(rule, NFT_CMP_EQ, text, (uint32_t)len - 1);
        return compare(rule, NFT_CMP_EQ, text, match_row(MATCH_IIFNAME)->len);
}

static bool encode_match(struct nftnl_rule *rule, const struct match *match)
{
        const struct match_row *row = match_row(match->kind);
        if (!load(rule, row))
                return false;
        switch (match->test) {
        case TEST_NAME:
                return test_name(rule, match->text);
        case TEST_IS:
                return compare_value(rule, NFT_CMP_EQ, row, match->low);
        case TEST_RANGE:
                return compare_value(rule, NFT_CMP_GTE, row, match->low) &&
                       compare_value(rule, NFT_CMP_LTE, row, match->high);
        case TEST_ANY_BIT:
                return mask(rule, row, match->low) && compare_value(rule, NFT_CMP_NEQ, row, 0);
        case TEST_MASKED_NOT:
                return mask(rule, row, match->high) &&
                       compare_value(rule, NFT_CMP_NEQ, row, match->low);
        case TEST_IN_SET:
                return look_up(rule, match->text);
        }
        return false;
}

static bool encode_limit(struct nftnl_rule *rule, uint32_t per_second, uint32_t burst)
{
        struct nftnl_expr *expr = add(rule, "limit");
        if (!expr)
                return false;
        nftnl_expr_set_u64(expr, NFTNL_EXPR_LIMIT_RATE, per_second);
        nftnl_expr_set_u64(expr, NFTNL_EXPR_LIMIT_UNIT, 1);
        nftnl_expr_set_u32(expr, NFTNL_EXPR_LIMIT_BURST, burst);
        nftnl_expr_set_u32(expr, NFTNL_EXPR_LIMIT_TYPE, NFT_LIMIT_PKTS);
        nftnl_expr_set_u32(expr, NFTNL_EXPR_LIMIT_FLAGS, 0);
        return true;
}

static bool encode_log(struct nftnl_rule *rule, const char *prefix)
{
        struct nftnl_expr *expr = add(rule, "log");
        if (!expr)
                return false;
        nftnl_expr_set_u32(expr, NFTNL_EXPR_LOG_LEVEL, LOG_WARNING);
        return nftnl_expr_set_str(expr, NFTNL_EXPR_LOG_PREFIX, prefix) == 0;
}

static bool encode_reset(struct nftnl_rule *rule)
{
        struct nftnl_expr *expr = add(rule, "reject");
        if (!expr)
                return false;
        nftnl_expr_set_u32(expr, NFTNL_EXPR_REJECT_TYPE, NFT_REJECT_TCP_RST);
        nftnl_expr_set_u8(expr, NFTNL_EXPR_REJECT_CODE, 0);
        return true;
}

static bool encode_verdict(struct nftnl_rule *rule, const struct ruleset_rule *from)
{
        static const int codes[] = {
                [VERDICT_ACCEPT] = NF_ACCEPT, [VERDICT_DROP] = NF_DROP, [VERDICT_JUMP] = NFT_JUMP
        };
        if (from->verdict == VERDICT_NONE)
                return true;
        if (from->verdict == VERDICT_RESET)
                return encode_reset(rule);
        struct nftnl_expr *expr = add(rule, "immediate");
        if (!expr)
                return false;
        nftnl_expr_set_u32(expr, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
        nftnl_expr_set_u32(expr, NFTNL_EXPR_IMM_VERDICT, (uint32_t)codes[from->verdict]);
        if (from->verdict == VERDICT_JUMP)
                return nftnl_expr_set_str(expr, NFTNL_EXPR_IMM_CHAIN, from->target) == 0;
        return true;
}

static bool encode_comment(struct nftnl_rule *rule, const char *comment)
{
        struct nftnl_udata_buf *udata = nftnl_udata_buf_alloc(COMMENT_UDATA_MAX);
        if (!udata)
                return false;
        bool ok = nftnl_udata_put_strz(udata, NFTNL_UDATA_RULE_COMMENT, comment) &&
                  nftnl_rule_set_data(rule, NFTNL_RULE_USERDATA, nftnl_udata_buf_data(udata),
                                      nftnl_udata_buf_len(udata)) == 0;
        nftnl_udata_buf_free(udata);
        return ok;
}

struct nftnl_rule *encode_rule(const struct ruleset *rs, const struct ruleset_chain *chain,
                               const struct ruleset_rule *rule)
{
        struct nftnl_rule *out = nftnl_rule_alloc();
        if (!out)
                return NULL;
        nftnl_rule_set_u32(out, NFTNL_RULE_FAMILY, NFPROTO_INET);
        bool ok = nftnl_rule_set_str(out, NFTNL_RULE_TABLE, rs->table) == 0 &&
                  nftnl_rule_set_str(out, NFTNL_RULE_CHAIN, chain->name) == 0;
        for (size_t i = 0; ok && i < rule->match_count; i++)
                ok = encode_match(out, &rule->matches[i]);
        if (ok && rule->per_second)
                ok = encode_limit(out, rule->per_second, rule->burst);
        if (ok && rule->log_prefix)
                ok = encode_log(out, rule->log_prefix);
        if (ok && rule->counter)
                ok = add(out, "counter") != NULL;
        ok = ok && encode_verdict(out, rule);
        if (ok && rule->comment)
                ok = encode_comment(out, rule->comment);
        if (ok)
                return out;
        nftnl_rule_free(out);
        return NULL;
}

struct nftnl_table *encode_table(const struct ruleset *rs)
{
        struct nftnl_table *out = nftnl_table_alloc();
        if (!out)
                return NULL;
        nftnl_table_set_u32(out, NFTNL_TABLE_FAMILY, NFPROTO_INET);
        nftnl_table_set_u32(out, NFTNL_TABLE_FLAGS, 0);
        if (nftnl_table_set_str(out, NFTNL_TABLE_NAME, rs->table) == 0)
                return out;
        nftnl_table_free(out);
        return NULL;
}

struct nftnl_chain *encode_chain(const struct ruleset *rs, const struct ruleset_chain *chain)
{
        struct nftnl_chain *out = nftnl_chain_alloc();
        if (!out)
                return NULL;
        nftnl_chain_set_u32(out, NFTNL_CHAIN_FAMILY, NFPROTO_INET);
        bool ok = nftnl_chain_set_str(out, NFTNL_CHAIN_TABLE, rs->table) == 0 &&
                  nftnl_chain_set_str(out, NFTNL_CHAIN_NAME, chain->name) == 0;
        if (ok && chain->is_base) {
                nftnl_chain_set_u32(out, NFTNL_CHAIN_HOOKNUM, chain->hook);
                nftnl_chain_set_s32(out, NFTNL_CHAIN_PRIO, chain->priority);
                nftnl_chain_set_u32(out, NFTNL_CHAIN_POLICY, chain->drops ? NF_DROP : NF_ACCEPT);
                ok = nftnl_chain_set_str(out, NFTNL_CHAIN_TYPE, "filter") == 0;
        }
        if (ok)
                return out;
        nftnl_chain_free(out);
        return NULL;
}

struct nftnl_set *encode_set(const struct ruleset *rs, const struct ruleset_set *set,
                             uint32_t set_id)
{
        struct nftnl_set *out = nftnl_set_alloc();
        if (!out)
                return NULL;
        nftnl_set_set_u32(out, NFTNL_SET_FAMILY, NFPROTO_INET);
        nftnl_set_set_u32(out, NFTNL_SET_ID, set_id);
        nftnl_set_set_u32(out, NFTNL_SET_KEY_TYPE, data_types[set->type]);
        nftnl_set_set_u32(out, NFTNL_SET_KEY_LEN, (uint32_t)set_key_len(set->type));
        nftnl_set_set_u32(out, NFTNL_SET_FLAGS, set->interval ? NFT_SET_INTERVAL : 0);
        if (set->size)
                nftnl_set_set_u32(out, NFTNL_SET_DESC_SIZE, set->size);
        if (nftnl_set_set_str(out, NFTNL_SET_TABLE, rs->table) == 0 &&
            nftnl_set_set_str(out, NFTNL_SET_NAME, set->name) == 0)
                return out;
        nftnl_set_free(out);
        return NULL;
}

bool encode_known_set_type(uint32_t data_type, uint32_t key_len, enum set_type *ret_type)
{
        for (enum set_type type = 0; type < SET_TYPE_COUNT; type++) {
                if (data_types[type] == data_type && set_key_len(type) == key_len) {
                        *ret_type = type;
                        return true;
                }
        }
        return false;
}
