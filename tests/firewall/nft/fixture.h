/* Builds what decides a host's rules from text, for the tests of firewall/nft. */
#pragma once
#include <stdlib.h>
#include <string.h>

#include "tests/support/unit.h"

#include "common/arena.h"
#include "common/buffer.h"
#include "common/error.h"
#include "common/yaml.h"
#include "firewall/local.h"
#include "firewall/nft/input.h"

/* One access rule: ports and prefixes separated by spaces. */
struct fixture_rule {
        const char *ports, *sources, *origin;
};

struct fixture {
        struct arena *arena;
        struct local_firewall local;
        struct access access;
        struct firewall_input input;
};

static inline size_t fixture_words(const char *text)
{
        size_t count = 0;
        for (const char *at = text; *at; at += strspn(at, " ")) {
                count++;
                at += strcspn(at, " ");
        }
        return count;
}

static inline char *fixture_word(struct fixture *f, const char **at)
{
        size_t len = strcspn(*at, " ");
        char *word = arena_text(f->arena, *at, len);
        *at += len + strspn(*at + len, " ");
        return word;
}

static inline void fixture_set(struct fixture *f, struct access_set *set, const char *sources)
{
        set->prefix_count = fixture_words(sources);
        set->prefixes = arena_alloc(f->arena, (set->prefix_count + 1) * sizeof(*set->prefixes));
        for (size_t i = 0; i < set->prefix_count; i++)
                assert_int_equal(ip_prefix_parse(fixture_word(f, &sources), &set->prefixes[i]), 0);
}

static inline void fixture_rule(struct fixture *f, struct access_rule *rule,
                                const struct fixture_rule *from, uint64_t set)
{
        const char *ports = from->ports;
        size_t count = fixture_words(ports);
        *rule = (struct access_rule){ .source_set = set, .origin = from->origin };
        rule->ports = arena_alloc(f->arena, (count + 1) * sizeof(*rule->ports));
        for (size_t i = 0; i < count; i++) {
                struct port_spec spec;
                assert_int_equal(port_spec_parse(fixture_word(f, &ports), &spec), 0);
                rule->protocol = spec.protocol;
                if (protocol_has_ports(spec.protocol))
                        rule->ports[rule->port_count++] = spec.ports;
        }
}

/* The access of COUNT rules. */
static inline void fixture_access(struct fixture *f, const struct fixture_rule *rules, size_t count)
{
        f->access = (struct access){
                .sets = arena_alloc(f->arena, (count + 1) * sizeof(struct access_set)),
                .rules = arena_alloc(f->arena, (count + 1) * sizeof(struct access_rule)),
                .set_count = count,
                .rule_count = count,
        };
        for (size_t i = 0; i < count; i++) {
                f->access.sets[i].id = i + 1;
                fixture_set(f, &f->access.sets[i], rules[i].sources);
                fixture_rule(f, &f->access.rules[i], &rules[i], i + 1);
        }
        f->input.access = &f->access;
}

/* The local config of agent.yaml's TEXT, interface mesh0, WireGuard port 51820, no access. */
static inline void fixture_init(struct fixture *f, const char *text)
{
        struct findings findings = { 0 };
        struct yaml *yaml = NULL;
        *f = (struct fixture){ .arena = arena_new(64 << 20) };
        assert_non_null(f->arena);
        assert_int_equal(
                yaml_parse("agent.yaml", text, strlen(text), YAML_BYTES_MAX, &findings, &yaml), 0);
        int err = local_firewall_parse(yaml, yaml_get(yaml_root(yaml), "firewall"),
                                       yaml_get(yaml_root(yaml), "control_plane"), &f->local);
        if (err)
                fail_msg("%s: %s", text, findings.count ? findings.items[0].message : "");
        yaml_free(yaml);
        findings_done(&findings);
        f->input = (struct firewall_input){ .local = &f->local,
                                            .interface = "mesh0",
                                            .wireguard_port = 51820 };
}

static inline void fixture_done(struct fixture *f)
{
        local_firewall_done(&f->local);
        arena_free(f->arena);
}
