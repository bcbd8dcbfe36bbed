/* The table of matches. Offsets are those of RFC 791, 8200, 792, 4443, 9293 and 768. */
#include "firewall/nft/match_table.h"

#include <netinet/in.h> /* before the kernel headers, which then leave its types alone */

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <net/if.h>

/* Bits of NFT_CT_STATE; the kernel's header for user space has no names for them. */
static const struct match_word ct_states[] = {
        { 1, "invalid" }, { 2, "established" }, { 4, "related" }, { 8, "new" }, { 0, NULL },
};

static const struct match_word ct_directions[] = { { 0, "original" }, { 1, "reply" }, { 0, NULL } };

static const struct match_word families[] = {
        { NFPROTO_IPV4, "ipv4" },
        { NFPROTO_IPV6, "ipv6" },
        { 0, NULL },
};

static const struct match_word tcp_flags[] = {
        { 1, "fin" }, { 2, "syn" }, { 4, "rst" }, { 16, "ack" }, { 0, NULL },
};

#define META(name, meta_key, bytes, table)                                                         \
        .keyword = name, .source = FROM_META, .key = meta_key, .len = bytes, .words = table,       \
        .implied_kind = MATCH_KIND_COUNT
#define CT(name, ct_key, bytes, table)                                                             \
        .keyword = name, .source = FROM_CONNTRACK, .key = ct_key, .len = bytes, .words = table,    \
        .implied_kind = MATCH_KIND_COUNT
#define IP(name, offset, bytes, family)                                                            \
        .keyword = name, .source = FROM_NETWORK_HEADER, .key = offset, .len = bytes,               \
        .network_order = true, .implied_kind = MATCH_FAMILY, .implied_value = family
#define TRANSPORT(name, offset, bytes, protocol)                                                   \
        .keyword = name, .source = FROM_TRANSPORT_HEADER, .key = offset, .len = bytes,             \
        .network_order = true, .implied_kind = MATCH_PROTOCOL, .implied_value = protocol

static const struct match_row rows[MATCH_KIND_COUNT] = {
        [MATCH_IIFNAME] = { META("iifname", NFT_META_IIFNAME, IFNAMSIZ, NULL) },
        [MATCH_OIFNAME] = { META("oifname", NFT_META_OIFNAME, IFNAMSIZ, NULL) },
        [MATCH_FAMILY] = { META("meta nfproto", NFT_META_NFPROTO, 1, families) },
        [MATCH_PROTOCOL] = { META("meta l4proto", NFT_META_L4PROTO, 1, NULL) },
        [MATCH_CT_STATE] = { CT("ct state", NFT_CT_STATE, 4, ct_states) },
        [MATCH_CT_DIRECTION] = { CT("ct direction", NFT_CT_DIRECTION, 1, ct_directions) },
        [MATCH_SOURCE_V4] = { IP("ip saddr", 12, 4, NFPROTO_IPV4) },
        [MATCH_SOURCE_V6] = { IP("ip6 saddr", 8, 16, NFPROTO_IPV6) },
        [MATCH_HOP_LIMIT] = { IP("ip6 hoplimit", 7, 1, NFPROTO_IPV6) },
        [MATCH_ICMP_TYPE] = { TRANSPORT("icmp type", 0, 1, IPPROTO_ICMP) },
        [MATCH_ICMPV6_TYPE] = { TRANSPORT("icmpv6 type", 0, 1, IPPROTO_ICMPV6) },
        [MATCH_TCP_SOURCE_PORT] = { TRANSPORT("tcp sport", 0, 2, IPPROTO_TCP) },
        [MATCH_TCP_PORT] = { TRANSPORT("tcp dport", 2, 2, IPPROTO_TCP) },
        [MATCH_TCP_FLAGS] = { TRANSPORT("tcp flags", 13, 1, IPPROTO_TCP), .words = tcp_flags },
        [MATCH_UDP_SOURCE_PORT] = { TRANSPORT("udp sport", 0, 2, IPPROTO_UDP) },
        [MATCH_UDP_PORT] = { TRANSPORT("udp dport", 2, 2, IPPROTO_UDP) },
};

const struct match_row *match_row(enum match_kind kind)
{
        return &rows[kind];
}
