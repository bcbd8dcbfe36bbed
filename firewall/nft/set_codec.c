/* Elements to and from netlink messages. */
#include "firewall/nft/set_codec.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "common/error.h"
#include "common/netlink_message.h"

static struct netlink_message begin_message(void *memory, size_t capacity, uint16_t type,
                                            uint16_t flags, const char *table, const char *set)
{
        const struct nfgenmsg family = { .nfgen_family = NFPROTO_INET, .version = NFNETLINK_V0 };
        struct netlink_message m = netlink_message_start(
                memory, capacity, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type),
                (uint16_t)(NLM_F_REQUEST | flags));
        netlink_put_header(&m, &family, sizeof(family));
        netlink_put_text(&m, NFTA_SET_ELEM_LIST_TABLE, table);
        netlink_put_text(&m, NFTA_SET_ELEM_LIST_SET, set);
        return m;
}

struct netlink_message set_codec_dump_request(void *memory, size_t capacity, const char *table,
                                              const char *set)
{
        return begin_message(memory, capacity, NFT_MSG_GETSETELEM, 0, table, set);
}

static void put_key(struct netlink_message *m, const uint8_t *key, size_t len, bool ends)
{
        size_t element = netlink_nest_begin(m, NFTA_LIST_ELEM);
        size_t nest = netlink_nest_begin(m, NFTA_SET_ELEM_KEY);
        netlink_put(m, NFTA_DATA_VALUE, key, len);
        netlink_nest_end(m, nest);
        if (ends)
                netlink_put_u32(m, NFTA_SET_ELEM_FLAGS, htonl(NFT_SET_ELEM_INTERVAL_END));
        netlink_nest_end(m, element);
}

/* Writes to OUT the key behind KEY; false if KEY is the last of all. */
static bool next_key(const uint8_t *key, size_t len, uint8_t *out)
{
        memcpy(out, key, len);
        for (size_t i = len; i > 0; i--)
                if (++out[i - 1] != 0)
                        return true;
        return false;
}

/* Writes to OUT the key before KEY. */
static void previous_key(const uint8_t *key, size_t len, uint8_t *out)
{
        memcpy(out, key, len);
        for (size_t i = len; i > 0; i--)
                if (out[i - 1]-- != 0)
                        return;
}

static void put_element(struct netlink_message *m, const struct ruleset_set *set,
                        const struct set_element *element)
{
        size_t len = set_key_len(set->type);
        uint8_t end[SET_KEY_MAX];
        put_key(m, element->low, len, false);
        if (set->interval && next_key(element->high, len, end))
                put_key(m, end, len, true);
}

int set_codec_build(void *memory, size_t capacity, uint16_t type, uint16_t flags, const char *table,
                    const struct ruleset_set *set, const struct set_element *elements, size_t count,
                    size_t *ret_put)
{
        struct netlink_message m = begin_message(memory, capacity, type, flags, table, set->name);
        size_t list = netlink_nest_begin(&m, NFTA_SET_ELEM_LIST_ELEMENTS);
        size_t put = 0;
        while (put < count) {
                size_t mark = netlink_mark(&m);
                put_element(&m, set, &elements[put]);
                if (m.full) {
                        netlink_rewind(&m, mark);
                        break;
                }
                put++;
        }
        netlink_nest_end(&m, list);
        if (put == 0 || m.full)
                return MESH_ELIMIT;
        *ret_put = put;
        return 0;
}

int set_codec_list(const struct nlmsghdr *message, struct cursor *ret_list)
{
        static const struct netlink_attr_policy policy[] = {
                [NFTA_SET_ELEM_LIST_ELEMENTS] = { .kind = NETLINK_ATTR_NEST },
        };
        enum { COUNT = sizeof(policy) / sizeof(policy[0]) };
        struct nfgenmsg family;
        struct netlink_attr payload, attrs[COUNT];
        int err = netlink_payload(message, &family, sizeof(family), &payload);
        if (!err)
                err = netlink_attrs_parse(payload.data, payload.len, policy, COUNT, attrs);
        if (err)
                return err;
        *ret_list = cursor_over(attrs[NFTA_SET_ELEM_LIST_ELEMENTS].data,
                                attrs[NFTA_SET_ELEM_LIST_ELEMENTS].len);
        return 0;
}

int set_codec_next(struct cursor *list, size_t len, struct set_key *ret_key)
{
        static const struct netlink_attr_policy element_policy[] = {
                [NFTA_SET_ELEM_KEY] = { .kind = NETLINK_ATTR_NEST },
                [NFTA_SET_ELEM_FLAGS] = { .kind = NETLINK_ATTR_U32 },
        };
        static const struct netlink_attr_policy key_policy[] = {
                [NFTA_DATA_VALUE] = { .kind = NETLINK_ATTR_BYTES },
        };
        enum {
                ELEMENT_COUNT = sizeof(element_policy) / sizeof(element_policy[0]),
                KEY_COUNT = sizeof(key_policy) / sizeof(key_policy[0]),
        };
        struct netlink_attr item, attrs[ELEMENT_COUNT], key[KEY_COUNT];
        uint16_t type;
        int more = netlink_attr_next(list, &type, &item);
        if (more <= 0)
                return more;
        int err = netlink_attrs_parse(item.data, item.len, element_policy, ELEMENT_COUNT, attrs);
        if (!err)
                err = netlink_attrs_parse(attrs[NFTA_SET_ELEM_KEY].data,
                                          attrs[NFTA_SET_ELEM_KEY].len, key_policy, KEY_COUNT, key);
        if (!err && key[NFTA_DATA_VALUE].len != len)
                err = MESH_EFORMAT;
        if (err)
                return err;
        *ret_key = (struct set_key){ .ends = ntohl(netlink_attr_u32(&attrs[NFTA_SET_ELEM_FLAGS])) &
                                             NFT_SET_ELEM_INTERVAL_END };
        memcpy(ret_key->key, key[NFTA_DATA_VALUE].data, len);
        return 1;
}

/* An end stands before the interval that begins with the same key. */
static int compare_keys(const void *a, const void *b)
{
        const struct set_key *x = a, *y = b;
        int order = memcmp(x->key, y->key, sizeof(x->key));
        return order ? order : (int)y->ends - (int)x->ends;
}

static void collect_intervals(struct ruleset *rs, struct ruleset_set *set, struct set_key *keys,
                              size_t count)
{
        size_t len = set_key_len(set->type);
        const struct set_key *open = NULL;
        uint8_t high[SET_KEY_MAX];
        qsort(keys, count, sizeof(*keys), compare_keys);
        for (size_t i = 0; i < count; i++) {
                if (open) {
                        previous_key(keys[i].key, len, high);
                        set_add(rs, set, open->key, high, len);
                }
                open = keys[i].ends ? NULL : &keys[i];
        }
        if (open) { /* it reaches the last of all keys */
                memset(high, 0xff, sizeof(high));
                set_add(rs, set, open->key, high, len);
        }
}

void set_codec_collect(struct ruleset *rs, struct ruleset_set *set, struct set_key *keys,
                       size_t count)
{
        if (set->interval)
                collect_intervals(rs, set, keys, count);
        else
                for (size_t i = 0; i < count; i++)
                        set_add(rs, set, keys[i].key, keys[i].key, set_key_len(set->type));
        set_seal(set);
}
