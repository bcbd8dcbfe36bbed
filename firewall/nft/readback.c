/* Dumps of nf_tables. */
#include "firewall/nft/readback.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include <libnftnl/chain.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "common/error.h"
#include "common/netlink.h"
#include "common/netlink_attr.h"
#include "firewall/nft/encode.h"
#include "firewall/nft/set_codec.h"

enum {
        REQUEST_BYTES = 1024,
        READ_ATTEMPTS = 8,
        KEYS_MAX = 2 * RULESET_ELEMENTS_MAX,
};

/* What the handlers of dumps work on. */
struct reading {
        struct netlink *nl;
        const char *table;
        struct readback *into;
};

/* Builds a request about the table (attribute TABLE_ATTR) in MEMORY. */
static struct netlink_message request(void *memory, uint16_t type, uint16_t table_attr,
                                      const char *table)
{
        const struct nfgenmsg family = { .nfgen_family = NFPROTO_INET, .version = NFNETLINK_V0 };
        struct netlink_message m = netlink_message_start(
                memory, REQUEST_BYTES, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), 0);
        netlink_put_header(&m, &family, sizeof(family));
        if (table)
                netlink_put_text(&m, table_attr, table);
        return m;
}

/* Reads one 32-bit attribute (network order) of a message; absent is 0. */
static int read_u32(const struct nlmsghdr *message, uint16_t type, uint32_t *ret_value)
{
        struct netlink_attr_policy policy[8] = { 0 };
        struct netlink_attr payload, attrs[8];
        struct nfgenmsg family;
        policy[type].kind = NETLINK_ATTR_U32;
        int err = netlink_payload(message, &family, sizeof(family), &payload);
        if (!err)
                err = netlink_attrs_parse(payload.data, payload.len, policy, 8, attrs);
        if (!err)
                *ret_value = ntohl(netlink_attr_u32(&attrs[type]));
        return err;
}

static int on_generation(const struct nlmsghdr *message, void *user)
{
        return read_u32(message, NFTA_GEN_ID, user);
}

static int read_generation(struct netlink *nl, uint32_t *ret_generation)
{
        uint64_t memory[REQUEST_BYTES / 8];
        struct netlink_message m = request(memory, NFT_MSG_GETGEN, 0, NULL);
        return netlink_request(nl, &m, on_generation, ret_generation);
}

static int on_table(const struct nlmsghdr *message, void *user)
{
        return read_u32(message, NFTA_TABLE_FLAGS, user);
}

static int on_chain(const struct nlmsghdr *message, void *user)
{
        struct reading *reading = user;
        struct nftnl_chain *chain = nftnl_chain_alloc();
        if (!chain)
                return MESH_ENOMEM;
        int err = 0;
        if (nftnl_chain_nlmsg_parse(message, chain) < 0)
                err = MESH_EPROTO;
        else if (strcmp(nftnl_chain_get_str(chain, NFTNL_CHAIN_TABLE), reading->table) == 0)
                image_add_chain(&reading->into->image, chain);
        nftnl_chain_free(chain);
        return err ? err : reading->into->image.error;
}

static int on_rule(const struct nlmsghdr *message, void *user)
{
        struct reading *reading = user;
        struct nftnl_rule *rule = nftnl_rule_alloc();
        if (!rule)
                return MESH_ENOMEM;
        bool readable = nftnl_rule_nlmsg_parse(message, rule) >= 0;
        const char *table = nftnl_rule_get_str(rule, NFTNL_RULE_TABLE);
        const char *chain = nftnl_rule_get_str(rule, NFTNL_RULE_CHAIN);
        if (!readable || (table && chain && strcmp(table, reading->table) == 0))
                image_add_rule(&reading->into->image, chain ? chain : "", readable ? rule : NULL);
        nftnl_rule_free(rule);
        return reading->into->image.error;
}

static int on_set(const struct nlmsghdr *message, void *user)
{
        struct reading *reading = user;
        struct nftnl_set *set = nftnl_set_alloc();
        if (!set)
                return MESH_ENOMEM;
        int err = 0;
        enum set_type type;
        if (nftnl_set_nlmsg_parse(message, set) < 0) {
                err = MESH_EPROTO;
        } else if (strcmp(nftnl_set_get_str(set, NFTNL_SET_TABLE), reading->table) == 0) {
                uint32_t flags = nftnl_set_get_u32(set, NFTNL_SET_FLAGS);
                image_add_set(&reading->into->image, set);
                /* Of a set that we never make, its being there is enough to know. */
                if (!(flags & NFT_SET_MAP) &&
                    encode_known_set_type(nftnl_set_get_u32(set, NFTNL_SET_KEY_TYPE),
                                          nftnl_set_get_u32(set, NFTNL_SET_KEY_LEN), &type))
                        ruleset_add_set(&reading->into->sets,
                                        nftnl_set_get_str(set, NFTNL_SET_NAME), type,
                                        flags & NFT_SET_INTERVAL);
        }
        nftnl_set_free(set);
        if (!err)
                err = reading->into->image.error;
        return err ? err : ruleset_error(&reading->into->sets);
}

/* Keys of one set, as they come in. */
struct keys {
        struct set_key *items; /* owned */
        size_t count, capacity, key_len;
};

static int add_key(struct keys *keys, const struct set_key *key)
{
        if (keys->count == keys->capacity) {
                size_t wanted = keys->capacity ? keys->capacity * 2 : 64;
                struct set_key *items = wanted > KEYS_MAX
                                                ? NULL
                                                : reallocarray(keys->items, wanted, sizeof(*items));
                if (!items)
                        return MESH_ENOMEM;
                keys->items = items;
                keys->capacity = wanted;
        }
        keys->items[keys->count++] = *key;
        return 0;
}

static void on_elements_start(void *user)
{
        ((struct keys *)user)->count = 0;
}

static int on_elements(const struct nlmsghdr *message, void *user)
{
        struct keys *keys = user;
        struct cursor list;
        struct set_key key;
        int err = set_codec_list(message, &list);
        if (err)
                return err;
        int more;
        while ((more = set_codec_next(&list, keys->key_len, &key)) > 0) {
                err = add_key(keys, &key);
                if (err)
                        return err;
        }
        return more;
}

static int read_elements(struct reading *reading, struct ruleset_set *set)
{
        uint64_t memory[REQUEST_BYTES / 8];
        struct keys keys = { .key_len = set_key_len(set->type) };
        struct netlink_message m =
                set_codec_dump_request(memory, sizeof(memory), reading->table, set->name);
        const struct netlink_dump dump = { .on_start = on_elements_start,
                                           .on_message = on_elements,
                                           .user = &keys };
        int err = netlink_dump(reading->nl, &m, &dump);
        if (!err)
                set_codec_collect(&reading->into->sets, set, keys.items, keys.count);
        free(keys.items);
        return err ? err : ruleset_error(&reading->into->sets);
}

/* The library repeats a dump that a change interrupted; then the whole reading begins again, since
 * the generation has moved, so that what comes twice does no harm. */
static int read_parts(struct reading *reading)
{
        static const struct {
                uint16_t type, table_attr;
                netlink_message_fn handler;
        } dumps[] = {
                { NFT_MSG_GETCHAIN, NFTA_CHAIN_TABLE, on_chain },
                { NFT_MSG_GETRULE, NFTA_RULE_TABLE, on_rule },
                { NFT_MSG_GETSET, NFTA_SET_TABLE, on_set },
        };
        uint64_t memory[REQUEST_BYTES / 8];
        struct readback *into = reading->into;
        struct netlink_message m =
                request(memory, NFT_MSG_GETTABLE, NFTA_TABLE_NAME, reading->table);
        int err = netlink_request(reading->nl, &m, on_table, &into->image.table_flags);
        for (size_t i = 0; i < sizeof(dumps) / sizeof(dumps[0]) && !err; i++) {
                const struct netlink_dump dump = { .on_message = dumps[i].handler,
                                                   .user = reading };
                m = request(memory, dumps[i].type, dumps[i].table_attr, reading->table);
                err = netlink_dump(reading->nl, &m, &dump);
        }
        for (size_t i = 0; i < into->sets.set_count && !err; i++)
                err = read_elements(reading, &into->sets.sets[i]);
        return err ? err : image_finish(&into->image);
}

static int read_once(struct netlink *nl, const char *table, struct readback *ret)
{
        struct readback r = { .image = image_empty() };
        struct reading reading = { .nl = nl, .table = table, .into = &r };
        uint32_t before = 0, after = 0;
        int err = ruleset_init(&r.sets, table);
        if (err)
                return err;
        err = read_generation(nl, &before);
        if (!err)
                err = read_parts(&reading);
        int late = read_generation(nl, &after);
        if (!late && before != after)
                err = MESH_EAGAIN; /* whatever went wrong may come from the change */
        else if (!err)
                err = late;
        if (err) {
                readback_done(&r);
                return err;
        }
        *ret = r;
        return 0;
}

int readback_table(struct netlink *nl, const char *table, struct readback *ret)
{
        int err = MESH_EAGAIN;
        for (int i = 0; i < READ_ATTEMPTS && err == MESH_EAGAIN; i++)
                err = read_once(nl, table, ret);
        return err;
}

void readback_done(struct readback *r)
{
        image_done(&r->image);
        ruleset_done(&r->sets);
}

int readback_hash(const struct readback *r, uint8_t ret_hash[static IMAGE_HASH_BYTES])
{
        return image_hash(&r->image, &r->sets, ret_hash);
}

int planned_hash(const struct ruleset *rs, uint8_t ret_hash[static IMAGE_HASH_BYTES])
{
        struct image image = image_empty();
        image_add_ruleset(&image, rs);
        int err = image_finish(&image);
        if (!err)
                err = image_hash(&image, rs, ret_hash);
        image_done(&image);
        return err;
}
