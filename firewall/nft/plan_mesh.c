/* Mesh rules: access rules with the same protocol and ports become one service whose sources are
 * united, so that a packet costs one look-up however many members and groups there are. */
#include "firewall/nft/plan_mesh.h"

#include <netinet/in.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"
#include "common/error.h"
#include "firewall/nft/plan_allow.h"

enum { NAME_TEXT_MAX = 1 << 20, NAME_HASH_BYTES = 16 };

/* An access rule with its ports in canonical form. */
struct entry {
        const struct access_rule *rule;
        struct port_range *ports; /* owned */
        size_t port_count;
};

static int compare_ranges(const void *a, const void *b)
{
        const struct port_range *x = a, *y = b;
        if (x->low != y->low)
                return x->low < y->low ? -1 : 1;
        return x->high < y->high ? -1 : x->high > y->high;
}

static int compare_services(const struct entry *a, const struct entry *b)
{
        if (a->rule->protocol != b->rule->protocol)
                return a->rule->protocol < b->rule->protocol ? -1 : 1;
        for (size_t i = 0; i < a->port_count && i < b->port_count; i++) {
                int order = compare_ranges(&a->ports[i], &b->ports[i]);
                if (order)
                        return order;
        }
        return a->port_count < b->port_count ? -1 : a->port_count > b->port_count;
}

/* Origins decide last, so that the comment does not depend on the order of rules. */
static int compare_entries(const void *a, const void *b)
{
        const struct entry *x = a, *y = b;
        int order = compare_services(x, y);
        if (order)
                return order;
        const char *first = x->rule->origin ? x->rule->origin : "";
        const char *second = y->rule->origin ? y->rule->origin : "";
        return strcmp(first, second);
}

/* Copies the ports sorted, joined where they overlap or touch; every port is none. */
static int canonical_ports(struct entry *entry)
{
        const struct access_rule *rule = entry->rule;
        if (!protocol_has_ports(rule->protocol) || rule->port_count == 0)
                return 0;
        for (size_t i = 0; i < rule->port_count; i++)
                if (rule->ports[i].low > rule->ports[i].high)
                        return MESH_EINVAL;
        struct port_range *ports = calloc(rule->port_count, sizeof(*ports));
        if (!ports)
                return MESH_ENOMEM;
        memcpy(ports, rule->ports, rule->port_count * sizeof(*ports));
        qsort(ports, rule->port_count, sizeof(*ports), compare_ranges);
        size_t last = 0;
        for (size_t i = 1; i < rule->port_count; i++) {
                if (ports[i].low > (uint32_t)ports[last].high + 1)
                        ports[++last] = ports[i];
                else if (ports[i].high > ports[last].high)
                        ports[last].high = ports[i].high;
        }
        entry->ports = ports;
        entry->port_count = last + 1;
        if (last == 0 && ports[0].low <= 1 && ports[0].high == UINT16_MAX)
                entry->port_count = 0; /* port 0 cannot be addressed */
        return 0;
}

/* "tcp_22_8000-8099", which sets are named after; what would be too long ends in a hash. */
static int name_service(struct service *service)
{
        struct buffer text = buffer_with_max(NAME_TEXT_MAX);
        if (service->protocol == ACCESS_PROTOCOL_ANY)
                buffer_printf(&text, "any");
        else if (service->protocol == ACCESS_PROTOCOL_ICMP)
                buffer_printf(&text, "icmp");
        else if (!protocol_has_ports(service->protocol))
                buffer_printf(&text, "proto%u", service->protocol);
        else
                buffer_printf(&text, service->protocol == IPPROTO_TCP ? "tcp" : "udp");
        size_t stem = text.len;
        for (size_t i = 0; i < service->port_count; i++) {
                buffer_printf(&text, "_%u", service->ports[i].low);
                if (service->ports[i].high != service->ports[i].low)
                        buffer_printf(&text, "-%u", service->ports[i].high);
        }
        if (text.len >= sizeof(service->name)) {
                uint8_t hash[NAME_HASH_BYTES];
                char hex[2 * NAME_HASH_BYTES + 1];
                crypto_generichash(hash, sizeof(hash), text.bytes, text.len, NULL, 0);
                sodium_bin2hex(hex, sizeof(hex), hash, sizeof(hash));
                text.len = stem;
                buffer_printf(&text, "_%s", hex);
        }
        int err = buffer_error(&text);
        if (!err) {
                memcpy(service->name, text.bytes, text.len);
                service->name[text.len] = '\0';
        }
        buffer_done(&text);
        return err;
}

/* "policy.yaml:12, policy.yaml:14" */
static void describe_origins(const struct entry *entries, size_t count,
                             char out[static RULE_COMMENT_MAX])
{
        static const char more[] = ", ...";
        size_t used = 0;
        const char *last = "";
        for (size_t i = 0; i < count; i++) {
                const char *origin = entries[i].rule->origin;
                if (!origin || strcmp(origin, last) == 0)
                        continue;
                size_t len = strlen(origin) + (used ? 2 : 0);
                bool fits = used + len + sizeof(more) <= RULE_COMMENT_MAX;
                const char *text = fits ? origin : more + 2;
                int wrote = snprintf(out + used, RULE_COMMENT_MAX - used, "%s%s", used ? ", " : "",
                                     text);
                used += (size_t)wrote;
                if (!fits)
                        break;
                last = origin;
        }
        out[used] = '\0';
}

/* The united prefixes of COUNT entries. Returned owned, sorted only by entry. */
static int unite_sources(const struct access *access, const struct entry *entries, size_t count,
                         struct ip_prefix **ret_prefixes, size_t *ret_count)
{
        size_t total = 0, used = 0;
        for (size_t i = 0; i < count; i++) {
                const struct access_set *set = access_find_set(access, entries[i].rule->source_set);
                if (!set)
                        return MESH_EINVAL;
                total += set->prefix_count;
        }
        struct ip_prefix *prefixes = calloc(total ? total : 1, sizeof(*prefixes));
        if (!prefixes)
                return MESH_ENOMEM;
        for (size_t i = 0; i < count; i++) {
                const struct access_set *set = access_find_set(access, entries[i].rule->source_set);
                if (set->prefix_count)
                        memcpy(prefixes + used, set->prefixes,
                               set->prefix_count * sizeof(*prefixes));
                used += set->prefix_count;
        }
        *ret_prefixes = prefixes;
        *ret_count = total;
        return 0;
}

static bool prefixes_valid(const struct ip_prefix *prefixes, size_t count)
{
        for (size_t i = 0; i < count; i++) {
                uint8_t len = prefixes[i].addr.len;
                if ((len != 4 && len != 16) || prefixes[i].bits > len * 8)
                        return false;
        }
        return true;
}

/* Appends the rules of COUNT entries that share protocol and ports. */
static int add_group(struct ruleset *rs, struct ruleset_chain *chain, const struct access *access,
                     const struct entry *entries, size_t count)
{
        struct service service = { .protocol = entries[0].rule->protocol,
                                   .ports = entries[0].ports,
                                   .port_count = entries[0].port_count };
        int err = name_service(&service);
        if (err)
                return err;
        struct ip_prefix *prefixes = NULL;
        struct sources sources = { 0 };
        err = unite_sources(access, entries, count, &prefixes, &sources.prefix_count);
        if (err)
                return err;
        sources.prefixes = prefixes;
        char comment[RULE_COMMENT_MAX];
        describe_origins(entries, count, comment);
        if (prefixes_valid(prefixes, sources.prefix_count))
                plan_allow(rs, chain, NULL, &service, &sources, comment[0] ? comment : "policy");
        else
                err = MESH_EINVAL;
        free(prefixes);
        return err;
}

int plan_mesh_rules(struct ruleset *rs, struct ruleset_chain *chain, const struct access *access)
{
        int err = 0;
        size_t count = access->rule_count;
        if (count == 0)
                return 0;
        struct entry *entries = calloc(count, sizeof(*entries));
        if (!entries)
                return MESH_ENOMEM;
        for (size_t i = 0; i < count && !err; i++) {
                entries[i].rule = &access->rules[i];
                err = canonical_ports(&entries[i]);
        }
        if (err)
                goto out;
        qsort(entries, count, sizeof(*entries), compare_entries);
        for (size_t begin = 0, end; begin < count && !err; begin = end) {
                for (end = begin + 1;
                     end < count && compare_services(&entries[begin], &entries[end]) == 0;)
                        end++;
                err = add_group(rs, chain, access, entries + begin, end - begin);
        }
out:
        for (size_t i = 0; i < count; i++)
                free(entries[i].ports);
        free(entries);
        return err ? err : ruleset_error(rs);
}
