/* The chains, in the order of 04-firewall.md. */
#include "firewall/nft/plan.h"

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <stdio.h>
#include <string.h>

#include <linux/netfilter.h>

#include "common/error.h"
#include "common/ifname.h"
#include "firewall/nft/plan_allow.h"
#include "firewall/nft/plan_mesh.h"

enum {
        CT_INVALID = 1,
        CT_ESTABLISHED = 2,
        CT_RELATED = 4,
        CT_NEW = 8,
        CT_REPLY = 1,
        TCP_FIN = 1,
        TCP_SYN = 2,
        TCP_RST = 4,
        TCP_ACK = 16,
        HOP_LIMIT_ON_LINK = 255, /* RFC 4861: no router has forwarded it */
        ECHO_PER_SECOND = 100,
        ECHO_BURST = 200,
        LOG_PER_SECOND = 2,
        LOG_BURST = 10,
        DHCP_SERVER_PORT = 67,
        DHCP_CLIENT_PORT = 68,
        DHCPV6_SERVER_PORT = 547,
        DHCPV6_CLIENT_PORT = 546,
        ICMPV6_MLD2_REPORT = 143, /* RFC 3810 */
};

/* ICMP types that a host needs whatever its rules; each list is one set. */
static const struct {
        const char *name;
        enum set_type type;
        uint8_t types[8];
        size_t count;
} icmp_sets[] = {
        { "icmp_errors",
          SET_ICMP_TYPE,
          { ICMP_DEST_UNREACH, ICMP_TIME_EXCEEDED, ICMP_PARAMETERPROB },
          3 },
        { "icmpv6_errors",
          SET_ICMPV6_TYPE,
          { ICMP6_DST_UNREACH, ICMP6_PACKET_TOO_BIG, ICMP6_TIME_EXCEEDED, ICMP6_PARAM_PROB },
          4 },
        { "nd_types",
          SET_ICMPV6_TYPE,
          { ND_ROUTER_SOLICIT, ND_ROUTER_ADVERT, ND_NEIGHBOR_SOLICIT, ND_NEIGHBOR_ADVERT },
          4 },
        { "mld_types",
          SET_ICMPV6_TYPE,
          { MLD_LISTENER_QUERY, MLD_LISTENER_REPORT, MLD_LISTENER_REDUCTION, ICMPV6_MLD2_REPORT },
          4 },
};

static void add_icmp_sets(struct ruleset *rs)
{
        for (size_t i = 0; i < sizeof(icmp_sets) / sizeof(icmp_sets[0]); i++) {
                struct ruleset_set *set =
                        ruleset_add_set(rs, icmp_sets[i].name, icmp_sets[i].type, false);
                for (size_t j = 0; j < icmp_sets[i].count; j++)
                        set_add(rs, set, &icmp_sets[i].types[j], &icmp_sets[i].types[j], 1);
                set_seal(set);
        }
        static const uint8_t low[16] = { 0xfe, 0x80 };
        uint8_t high[16] = { 0xfe, 0xbf };
        memset(high + 2, 0xff, sizeof(high) - 2);
        set_add(rs, ruleset_add_set(rs, "link_local_v6", SET_V6, true), low, high, sizeof(low));
}

/* Replies, and errors about flows that were let in. Nothing else passes for being established:
 * so taking a rule away ends its live flows at their next packet. */
static void add_replies(struct ruleset *rs, struct ruleset_chain *chain)
{
        struct ruleset_rule *rule = ruleset_add_rule(rs, chain, VERDICT_ACCEPT, "replies");
        rule_match(rs, rule, MATCH_CT_STATE, TEST_ANY_BIT, CT_ESTABLISHED, 0);
        rule_match(rs, rule, MATCH_CT_DIRECTION, TEST_IS, CT_REPLY, 0);
        rule = ruleset_add_rule(rs, chain, VERDICT_ACCEPT, "errors about known flows");
        rule_match(rs, rule, MATCH_CT_STATE, TEST_ANY_BIT, CT_RELATED, 0);
}

static void add_end(struct ruleset *rs, struct ruleset_chain *chain, const char *log_prefix)
{
        struct ruleset_rule *rule = ruleset_add_rule(rs, chain, VERDICT_NONE, "denied: log");
        rule->per_second = LOG_PER_SECOND;
        rule->burst = LOG_BURST;
        rule->log_prefix = log_prefix;
        rule = ruleset_add_rule(rs, chain, VERDICT_DROP, "denied");
        rule->counter = true;
}

static struct service service_of(const struct port_spec *spec, const char *name)
{
        struct service service = { .protocol = spec->protocol,
                                   .ports = &spec->ports,
                                   .port_count = protocol_has_ports(spec->protocol) ? 1 : 0 };
        snprintf(service.name, sizeof(service.name), "%s", name);
        return service;
}

static void add_control_plane(struct ruleset *rs, struct ruleset_chain *chain,
                              const struct local_firewall *local)
{
        static const struct sources anywhere = { .anywhere = true };
        for (size_t i = 0; i < local->control_plane_count; i++) {
                struct service service = service_of(&local->control_plane[i], "control_plane");
                plan_allow(rs, chain, NULL, &service, &anywhere, "agent.yaml: control_plane");
        }
}

/* The list's rules that hold on the mesh interface, or those that hold elsewhere. */
static void add_local_rules(struct ruleset *rs, struct ruleset_chain *chain,
                            const struct firewall_input *in, const char *list,
                            const struct local_rule *rules, size_t count, bool on_mesh)
{
        for (size_t i = 0; i < count; i++) {
                const struct local_rule *local = &rules[i];
                bool names_mesh = local->on_mesh || strcmp(local->interface, in->interface) == 0;
                if (names_mesh != on_mesh)
                        continue;
                char name[SERVICE_NAME_MAX], comment[RULE_COMMENT_MAX];
                snprintf(name, sizeof(name), "%s_%zu", list, i + 1);
                snprintf(comment, sizeof(comment), "agent.yaml: %s rule %zu", list, i + 1);
                struct service service = service_of(&local->port, name);
                struct sources sources = { .anywhere = local->from_count == 0,
                                           .prefixes = local->from,
                                           .prefix_count = local->from_count };
                plan_allow(rs, chain, on_mesh ? NULL : local->interface, &service, &sources,
                           comment);
        }
}

/* What came in on the mesh interface: the chain decides it to the end. */
static int add_mesh_chain(struct ruleset *rs, const struct firewall_input *in)
{
        const struct local_firewall *local = in->local;
        struct ruleset_chain *chain = ruleset_add_chain(rs, "mesh");
        add_replies(rs, chain);
        add_control_plane(rs, chain, local);
        add_local_rules(rs, chain, in, "break_glass", local->break_glass, local->break_glass_count,
                        true);
        add_local_rules(rs, chain, in, "allow", local->allow, local->allow_count, true);
        int err = in->access ? plan_mesh_rules(rs, chain, in->access) : 0;
        add_end(rs, chain, "mesh drop: ");
        return err;
}

/* Neighbours, routers, multicast listeners. Before `invalid` is dropped: connection tracking does
 * not follow them and may call them so. MLD has a hop limit of 1 and a hop-by-hop header. */
static void add_neighbour_discovery(struct ruleset *rs, struct ruleset_chain *chain)
{
        struct ruleset_rule *rule =
                ruleset_add_rule(rs, chain, VERDICT_ACCEPT, "neighbour discovery");
        rule_match(rs, rule, MATCH_FAMILY, TEST_IS, NFPROTO_IPV6, 0);
        rule_match(rs, rule, MATCH_HOP_LIMIT, TEST_IS, HOP_LIMIT_ON_LINK, 0);
        rule_match(rs, rule, MATCH_PROTOCOL, TEST_IS, IPPROTO_ICMPV6, 0);
        rule_match_set(rs, rule, MATCH_ICMPV6_TYPE, "nd_types");
        rule = ruleset_add_rule(rs, chain, VERDICT_ACCEPT, "multicast listener discovery");
        rule_match(rs, rule, MATCH_FAMILY, TEST_IS, NFPROTO_IPV6, 0);
        rule_match_set(rs, rule, MATCH_SOURCE_V6, "link_local_v6");
        rule_match(rs, rule, MATCH_PROTOCOL, TEST_IS, IPPROTO_ICMPV6, 0);
        rule_match_set(rs, rule, MATCH_ICMPV6_TYPE, "mld_types");
}

static void add_icmp(struct ruleset *rs, struct ruleset_chain *chain)
{
        static const struct {
                uint32_t protocol;
                enum match_kind type;
                const char *errors;
                uint32_t echo;
        } rows[] = {
                { IPPROTO_ICMP, MATCH_ICMP_TYPE, "icmp_errors", ICMP_ECHO },
                { IPPROTO_ICMPV6, MATCH_ICMPV6_TYPE, "icmpv6_errors", ICMP6_ECHO_REQUEST },
        };
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct ruleset_rule *rule =
                        ruleset_add_rule(rs, chain, VERDICT_ACCEPT, "path MTU and other errors");
                rule_match(rs, rule, MATCH_PROTOCOL, TEST_IS, rows[i].protocol, 0);
                rule_match_set(rs, rule, rows[i].type, rows[i].errors);
                rule = ruleset_add_rule(rs, chain, VERDICT_ACCEPT, "ping");
                rule_match(rs, rule, MATCH_PROTOCOL, TEST_IS, rows[i].protocol, 0);
                rule_match(rs, rule, rows[i].type, TEST_IS, rows[i].echo, 0);
                rule->per_second = ECHO_PER_SECOND;
                rule->burst = ECHO_BURST;
        }
}

/* A DHCP answer may come to an address that is not yet ours, and a DHCPv6 one answers a multicast:
 * neither counts as a reply. */
static void add_dhcp(struct ruleset *rs, struct ruleset_chain *chain)
{
        struct ruleset_rule *rule = ruleset_add_rule(rs, chain, VERDICT_ACCEPT, "DHCP");
        rule_match(rs, rule, MATCH_FAMILY, TEST_IS, NFPROTO_IPV4, 0);
        rule_match(rs, rule, MATCH_PROTOCOL, TEST_IS, IPPROTO_UDP, 0);
        rule_match(rs, rule, MATCH_UDP_SOURCE_PORT, TEST_IS, DHCP_SERVER_PORT, 0);
        rule_match(rs, rule, MATCH_UDP_PORT, TEST_IS, DHCP_CLIENT_PORT, 0);
        rule = ruleset_add_rule(rs, chain, VERDICT_ACCEPT, "DHCPv6");
        rule_match(rs, rule, MATCH_FAMILY, TEST_IS, NFPROTO_IPV6, 0);
        rule_match_set(rs, rule, MATCH_SOURCE_V6, "link_local_v6");
        rule_match(rs, rule, MATCH_PROTOCOL, TEST_IS, IPPROTO_UDP, 0);
        rule_match(rs, rule, MATCH_UDP_SOURCE_PORT, TEST_IS, DHCPV6_SERVER_PORT, 0);
        rule_match(rs, rule, MATCH_UDP_PORT, TEST_IS, DHCPV6_CLIENT_PORT, 0);
}

/* Everything that enters the host on other interfaces, in mode host. */
static void add_host_rules(struct ruleset *rs, struct ruleset_chain *chain,
                           const struct firewall_input *in)
{
        const struct local_firewall *local = in->local;
        add_replies(rs, chain);
        add_neighbour_discovery(rs, chain);
        struct ruleset_rule *rule = ruleset_add_rule(rs, chain, VERDICT_DROP, "invalid");
        rule_match(rs, rule, MATCH_CT_STATE, TEST_ANY_BIT, CT_INVALID, 0);
        rule->counter = true;
        add_icmp(rs, chain);
        add_dhcp(rs, chain);
        if (in->wireguard_port) {
                rule = ruleset_add_rule(rs, chain, VERDICT_ACCEPT, "WireGuard");
                rule_match(rs, rule, MATCH_PROTOCOL, TEST_IS, IPPROTO_UDP, 0);
                rule_match(rs, rule, MATCH_UDP_PORT, TEST_IS, in->wireguard_port, 0);
        }
        add_control_plane(rs, chain, local);
        add_local_rules(rs, chain, in, "break_glass", local->break_glass, local->break_glass_count,
                        false);
        add_local_rules(rs, chain, in, "allow", local->allow, local->allow_count, false);
        add_end(rs, chain, "host drop: ");
}

static void add_input_chain(struct ruleset *rs, const struct firewall_input *in)
{
        bool host = in->local->mode == FIREWALL_MODE_HOST;
        struct ruleset_chain *chain = ruleset_add_chain(rs, "input");
        chain->is_base = true;
        chain->hook = NF_INET_LOCAL_IN;
        chain->drops = host;
        if (host) {
                struct ruleset_rule *rule = ruleset_add_rule(rs, chain, VERDICT_ACCEPT, "loopback");
                rule_match_name(rs, rule, MATCH_IIFNAME, "lo");
        }
        struct ruleset_rule *jump = ruleset_add_rule(rs, chain, VERDICT_JUMP, "the mesh interface");
        rule_match_name(rs, jump, MATCH_IIFNAME, in->interface);
        jump->target = "mesh";
        if (host)
                add_host_rules(rs, chain, in);
}

/* A server that keeps sending after its entry in connection tracking has expired would make a new
 * one with itself as originator, and a revoked client's packets would count as replies. */
static void add_output_chain(struct ruleset *rs, const struct firewall_input *in)
{
        struct ruleset_chain *chain = ruleset_add_chain(rs, "output");
        chain->is_base = true;
        chain->hook = NF_INET_LOCAL_OUT;
        struct ruleset_rule *rule = ruleset_add_rule(rs, chain, VERDICT_RESET,
                                                     "a server does not revive an ended flow");
        rule_match_name(rs, rule, MATCH_OIFNAME, in->interface);
        rule_match(rs, rule, MATCH_CT_STATE, TEST_ANY_BIT, CT_NEW, 0);
        rule_match(rs, rule, MATCH_PROTOCOL, TEST_IS, IPPROTO_TCP, 0);
        rule_match(rs, rule, MATCH_TCP_FLAGS, TEST_MASKED_NOT, TCP_SYN,
                   TCP_FIN | TCP_SYN | TCP_RST | TCP_ACK);
        rule->counter = true;
}

int firewall_plan(const struct firewall_input *in, struct ruleset *ret_rs)
{
        if (!in->local || !ifname_valid(in->interface))
                return MESH_EINVAL;
        struct ruleset rs;
        int err = ruleset_init(&rs, in->table ? in->table : "mesh");
        if (err)
                return err;
        if (in->local->mode != FIREWALL_MODE_OFF) {
                if (in->local->mode == FIREWALL_MODE_HOST)
                        add_icmp_sets(&rs);
                err = add_mesh_chain(&rs, in);
                add_input_chain(&rs, in);
                add_output_chain(&rs, in);
        }
        if (!err)
                err = ruleset_error(&rs);
        if (err) {
                ruleset_done(&rs);
                return err;
        }
        *ret_rs = rs;
        return 0;
}
