/* Collecting the messages of a transaction. */
#include "firewall/nft/batch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "common/error.h"
#include "common/netlink.h"
#include "firewall/nft/encode.h"
#include "firewall/nft/set_codec.h"

enum {
        /* libnftnl does not check for room. A rule has at most RULE_MATCHES_MAX matches and a few
         * statements of some hundred bytes each. */
        SCRATCH_BYTES = 64 << 10,
        ITEMS_MAX = 1 << 20,
};

enum item_kind { ITEM_FRAME, ITEM_TABLE, ITEM_CHAIN, ITEM_SET, ITEM_ELEMENTS, ITEM_RULE };

struct batch_item {
        size_t offset; /* of the message in the buffer */
        enum item_kind kind;
        const char *name; /* table, chain or set; borrowed from the ruleset */
        size_t number;    /* of a rule in its chain, from 1 */
        const char *comment;
};

static const struct batch_item frame_item = { .kind = ITEM_FRAME };

void batch_done(struct batch *b)
{
        buffer_done(&b->bytes);
        free(b->items);
        free(b->scratch);
        memset(b, 0, sizeof(*b));
}

static void fail(struct batch *b, int err)
{
        if (!b->error)
                b->error = err;
}

/* Remembers what the message at the buffer's end is for. */
static void note_item(struct batch *b, const struct batch_item *item)
{
        if (b->count == b->capacity) {
                size_t wanted = b->capacity ? b->capacity * 2 : 64;
                struct batch_item *items =
                        wanted > ITEMS_MAX ? NULL : reallocarray(b->items, wanted, sizeof(*items));
                if (!items) {
                        fail(b, MESH_ENOMEM);
                        return;
                }
                b->items = items;
                b->capacity = wanted;
        }
        b->items[b->count] = *item;
        b->items[b->count++].offset = b->bytes.len;
}

/* Appends the message that stands in scratch. */
static void put_scratch(struct batch *b, const struct batch_item *item)
{
        const struct nlmsghdr *header = (const struct nlmsghdr *)b->scratch;
        if (b->error)
                return;
        note_item(b, item);
        buffer_put(&b->bytes, header, header->nlmsg_len);
        fail(b, buffer_error(&b->bytes));
}

int batch_init(struct batch *b)
{
        struct batch fresh = { .bytes = buffer_with_max(BATCH_BYTES_MAX) };
        fresh.scratch = calloc(1, SCRATCH_BYTES);
        if (!fresh.scratch)
                return MESH_ENOMEM;
        *b = fresh;
        nftnl_batch_begin((char *)b->scratch, 0);
        put_scratch(b, &frame_item);
        if (b->error) {
                batch_done(b);
                return MESH_ENOMEM;
        }
        return 0;
}

static struct nlmsghdr *start(struct batch *b, uint16_t type, uint16_t flags)
{
        return nftnl_nlmsg_build_hdr((char *)b->scratch, type, NFPROTO_INET, flags, 0);
}

static void put_table(struct batch *b, const char *name, uint16_t type)
{
        const struct batch_item item = { .kind = ITEM_TABLE, .name = name };
        struct nftnl_table *table = nftnl_table_alloc();
        if (!table || nftnl_table_set_str(table, NFTNL_TABLE_NAME, name) < 0) {
                nftnl_table_free(table);
                fail(b, MESH_ENOMEM);
                return;
        }
        nftnl_table_set_u32(table, NFTNL_TABLE_FAMILY, NFPROTO_INET);
        nftnl_table_nlmsg_build_payload(start(b, type, type == NFT_MSG_NEWTABLE ? NLM_F_CREATE : 0),
                                        table);
        nftnl_table_free(table);
        put_scratch(b, &item);
}

static void put_chain(struct batch *b, const struct ruleset *rs, const struct ruleset_chain *chain)
{
        const struct batch_item item = { .kind = ITEM_CHAIN, .name = chain->name };
        struct nftnl_chain *object = encode_chain(rs, chain);
        if (!object) {
                fail(b, MESH_ENOMEM);
                return;
        }
        nftnl_chain_nlmsg_build_payload(start(b, NFT_MSG_NEWCHAIN, NLM_F_CREATE), object);
        nftnl_chain_free(object);
        put_scratch(b, &item);
}

static void put_set(struct batch *b, const struct ruleset *rs, const struct ruleset_set *set,
                    uint32_t set_id)
{
        const struct batch_item item = { .kind = ITEM_SET, .name = set->name };
        struct nftnl_set *object = encode_set(rs, set, set_id);
        if (!object) {
                fail(b, MESH_ENOMEM);
                return;
        }
        nftnl_set_nlmsg_build_payload(start(b, NFT_MSG_NEWSET, NLM_F_CREATE), object);
        nftnl_set_free(object);
        put_scratch(b, &item);
}

static void put_rule(struct batch *b, const struct ruleset *rs, const struct ruleset_chain *chain,
                     size_t index)
{
        const struct ruleset_rule *rule = &chain->rules[index];
        const struct batch_item item = { .kind = ITEM_RULE,
                                         .name = chain->name,
                                         .number = index + 1,
                                         .comment = rule->comment };
        struct nftnl_rule *object = encode_rule(rs, chain, rule);
        if (!object) {
                fail(b, MESH_ENOMEM);
                return;
        }
        nftnl_rule_nlmsg_build_payload(start(b, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND),
                                       object);
        nftnl_rule_free(object);
        put_scratch(b, &item);
}

static void put_elements(struct batch *b, const struct ruleset *rs, const struct ruleset_set *set,
                         const struct set_element *elements, size_t count, uint16_t type,
                         uint16_t flags)
{
        const struct batch_item item = { .kind = ITEM_ELEMENTS, .name = set->name };
        for (size_t done = 0; done < count && !b->error;) {
                size_t put = 0;
                int err = set_codec_build(b->scratch, SCRATCH_BYTES, type, flags, rs->table, set,
                                          elements + done, count - done, &put);
                if (err) {
                        fail(b, err);
                        return;
                }
                done += put;
                put_scratch(b, &item);
        }
}

void batch_put_elements(struct batch *b, const struct ruleset *rs, const struct ruleset_set *set,
                        const struct set_element *elements, size_t count)
{
        put_elements(b, rs, set, elements, count, NFT_MSG_NEWSETELEM, NLM_F_CREATE);
}

void batch_put_gone_elements(struct batch *b, const struct ruleset *rs,
                             const struct ruleset_set *set, const struct set_element *elements,
                             size_t count)
{
        put_elements(b, rs, set, elements, count, NFT_MSG_DELSETELEM, 0);
}

void batch_put_delete(struct batch *b, const char *table)
{
        put_table(b, table, NFT_MSG_NEWTABLE); /* so that there is one to delete */
        put_table(b, table, NFT_MSG_DELTABLE);
}

void batch_put_table(struct batch *b, const struct ruleset *rs)
{
        put_table(b, rs->table, NFT_MSG_NEWTABLE);
        /* Sets and chains first: rules refer to them. */
        for (size_t i = 0; i < rs->set_count; i++)
                put_set(b, rs, &rs->sets[i], (uint32_t)i + 1);
        for (size_t i = 0; i < rs->set_count; i++)
                batch_put_elements(b, rs, &rs->sets[i], rs->sets[i].elements,
                                   rs->sets[i].element_count);
        for (size_t i = 0; i < rs->chain_count; i++)
                put_chain(b, rs, &rs->chains[i]);
        for (size_t i = 0; i < rs->chain_count; i++)
                for (size_t j = 0; j < rs->chains[i].rule_count; j++)
                        put_rule(b, rs, &rs->chains[i], j);
}

/* What a refusal was about. */
struct refusal {
        const struct batch *batch;
        uint32_t first_seq;
        size_t count;
        char *text;
};

static void describe(const struct batch_item *item, char *out, size_t size)
{
        static const char *const nouns[] = {
                [ITEM_FRAME] = "transaction",
                [ITEM_TABLE] = "table",
                [ITEM_CHAIN] = "chain",
                [ITEM_SET] = "set",
                [ITEM_ELEMENTS] = "elements of set",
                [ITEM_RULE] = "rule of chain",
        };
        if (item->kind == ITEM_RULE)
                snprintf(out, size, "rule %zu of chain %s (%s)", item->number, item->name,
                         item->comment ? item->comment : "");
        else
                snprintf(out, size, "%s%s%s", nouns[item->kind], item->name ? " " : "",
                         item->name ? item->name : "");
}

static void on_refusal(uint32_t seq, int err_no, uint32_t attr_offset, const char *text, void *user)
{
        struct refusal *refusal = user;
        size_t index = seq - refusal->first_seq;
        (void)attr_offset;
        if (index >= refusal->batch->count || refusal->count++ > 0)
                return;
        char what[RULE_COMMENT_MAX + RULESET_NAME_MAX];
        describe(&refusal->batch->items[index], what, sizeof(what));
        const char *why = text[0] ? text : strerrordesc_np(err_no);
        snprintf(refusal->text, BATCH_ERROR_TEXT_MAX, "%s: %s", what, why ? why : "refused");
}

/* Numbers the messages; the last before the end asks for an acknowledgement. */
static void number_messages(struct batch *b, uint32_t first_seq)
{
        for (size_t i = 0; i < b->count; i++) {
                struct nlmsghdr *header = (struct nlmsghdr *)(b->bytes.bytes + b->items[i].offset);
                header->nlmsg_seq = first_seq + (uint32_t)i;
                if (i + 2 == b->count)
                        header->nlmsg_flags |= NLM_F_ACK;
        }
}

int batch_send(struct batch *b, struct netlink *nl, char error[static BATCH_ERROR_TEXT_MAX])
{
        error[0] = '\0';
        if (b->count == 1 && !b->error)
                return 0; /* nothing was put */
        nftnl_batch_end((char *)b->scratch, 0);
        put_scratch(b, &frame_item);
        if (b->error) {
                snprintf(error, BATCH_ERROR_TEXT_MAX, "%s", mesh_strerror(b->error));
                return b->error;
        }
        uint32_t first_seq = netlink_take_seqs(nl, (uint32_t)b->count);
        struct refusal refusal = { .batch = b, .first_seq = first_seq, .text = error };
        number_messages(b, first_seq);
        int err = netlink_batch(nl, b->bytes.bytes, b->bytes.len, NULL, on_refusal, &refusal);
        if (err && error[0] == '\0')
                snprintf(error, BATCH_ERROR_TEXT_MAX, "%s", netlink_error_text(nl));
        return err;
}
