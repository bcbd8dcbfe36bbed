/* Rules that let a service in, and the sets they look into. */
#include "firewall/nft/plan_allow.h"

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <stdio.h>
#include <string.h>

#include <linux/netfilter.h>

#include "common/error.h"

enum {
        SET_SIZE_MIN = 64,
        SET_NAME_MAX = SERVICE_NAME_MAX + 16,
};

/* What differs between the families. */
static const struct {
        const char *suffix;
        enum set_type type;
        size_t len;
        uint32_t family;
        enum match_kind source;
} families[2] = {
        { "v4", SET_V4, 4, NFPROTO_IPV4, MATCH_SOURCE_V4 },
        { "v6", SET_V6, 16, NFPROTO_IPV6, MATCH_SOURCE_V6 },
};

static void match_ports(struct ruleset *rs, struct ruleset_rule *rule,
                        const struct service *service)
{
        enum match_kind kind = service->protocol == IPPROTO_TCP ? MATCH_TCP_PORT : MATCH_UDP_PORT;
        if (service->port_count == 0)
                return;
        const struct port_range *first = &service->ports[0];
        if (service->port_count == 1) {
                if (first->low == first->high)
                        rule_match(rs, rule, kind, TEST_IS, first->low, 0);
                else if (first->low != 0 || first->high != UINT16_MAX)
                        rule_match(rs, rule, kind, TEST_RANGE, first->low, first->high);
                return;
        }
        char name[SET_NAME_MAX];
        snprintf(name, sizeof(name), "%s_ports", service->name);
        rule_match_set(rs, rule, kind, name);
        if (ruleset_find_set(rs, name))
                return;
        struct ruleset_set *set = ruleset_add_set(rs, name, SET_PORT, true);
        for (size_t i = 0; i < service->port_count; i++) {
                const struct port_range *range = &service->ports[i];
                uint8_t low[2] = { (uint8_t)(range->low >> 8), (uint8_t)range->low };
                uint8_t high[2] = { (uint8_t)(range->high >> 8), (uint8_t)range->high };
                set_add(rs, set, low, high, sizeof(low));
        }
        set_seal(set);
}

void plan_match_service(struct ruleset *rs, struct ruleset_rule *rule,
                        const struct service *service, bool v6)
{
        uint32_t protocol = service->protocol;
        if (protocol == ACCESS_PROTOCOL_ANY)
                return;
        if (protocol == ACCESS_PROTOCOL_ICMP && v6)
                protocol = IPPROTO_ICMPV6;
        rule_match(rs, rule, MATCH_PROTOCOL, TEST_IS, protocol, 0);
        if (service->protocol == ACCESS_PROTOCOL_ICMP)
                rule_match(rs, rule, v6 ? MATCH_ICMPV6_TYPE : MATCH_ICMP_TYPE, TEST_IS,
                           v6 ? ICMP6_ECHO_REQUEST : ICMP_ECHO, 0);
        else if (protocol_has_ports(service->protocol))
                match_ports(rs, rule, service);
}

static struct ruleset_rule *begin_rule(struct ruleset *rs, struct ruleset_chain *chain,
                                       const char *interface, const struct service *service,
                                       bool v6, const char *comment)
{
        struct ruleset_rule *rule = ruleset_add_rule(rs, chain, VERDICT_ACCEPT, comment);
        if (interface && interface[0])
                rule_match_name(rs, rule, MATCH_IIFNAME, interface);
        plan_match_service(rs, rule, service, v6);
        return rule;
}

/* Room for members to come, in steps, so that one more member is one more element and not another
 * set. A declared size also makes the kernel choose its fastest set. */
static uint32_t declared_size(size_t count)
{
        uint32_t size = SET_SIZE_MIN;
        while (size < count + count / 4)
                size *= 2;
        return size;
}

static void add_prefix(struct ruleset *rs, struct ruleset_set *set, const struct ip_prefix *prefix)
{
        struct ip_prefix masked = ip_prefix_mask(*prefix);
        uint8_t high[16];
        for (size_t i = 0; i < masked.addr.len; i++) {
                size_t bits_before = i * 8;
                unsigned int kept =
                        prefix->bits <= bits_before ? 0 : prefix->bits - (unsigned int)bits_before;
                high[i] = (uint8_t)(masked.addr.bytes[i] | (kept >= 8 ? 0 : 0xffu >> kept));
        }
        set_add(rs, set, masked.addr.bytes, high, masked.addr.len);
}

/* The set of those of SOURCES that are of one family and are, or are not, single hosts. Returns
 * false if there are none. */
static bool make_set(struct ruleset *rs, const char *name, size_t family, bool hosts,
                     const struct sources *sources)
{
        struct ruleset_set *set = NULL;
        for (size_t i = 0; i < sources->prefix_count; i++) {
                const struct ip_prefix *prefix = &sources->prefixes[i];
                bool is_host = prefix->bits == prefix->addr.len * 8;
                if (prefix->addr.len != families[family].len || is_host != hosts)
                        continue;
                if (!set)
                        set = ruleset_add_set(rs, name, families[family].type, !hosts);
                add_prefix(rs, set, prefix);
        }
        if (!set)
                return false;
        set_seal(set);
        if (hosts)
                set->size = declared_size(set->element_count);
        return true;
}

void plan_allow(struct ruleset *rs, struct ruleset_chain *chain, const char *interface,
                const struct service *service, const struct sources *sources, const char *comment)
{
        if (sources->anywhere) {
                begin_rule(rs, chain, interface, service, false, comment);
                if (service->protocol == ACCESS_PROTOCOL_ICMP)
                        begin_rule(rs, chain, interface, service, true, comment);
                return;
        }
        for (size_t i = 0; i < 4; i++) {
                size_t family = i / 2;
                bool hosts = i % 2 == 0;
                char name[SET_NAME_MAX];
                snprintf(name, sizeof(name), "%s%s_%s", service->name, hosts ? "" : "_nets",
                         families[family].suffix);
                if (!make_set(rs, name, family, hosts, sources))
                        continue;
                struct ruleset_rule *rule =
                        begin_rule(rs, chain, interface, service, family == 1, comment);
                rule_match(rs, rule, MATCH_FAMILY, TEST_IS, families[family].family, 0);
                rule_match_set(rs, rule, families[family].source, name);
        }
}
