/* A mesh for the tests of this folder: members and policies made up on the spot, fed to a netmap
 * as the registry would, generation by generation. */
#pragma once
#include <stdio.h>
#include <string.h>

#include "common/error.h"
#include "coordinator/netmap/netmap.h"
#include "firewall/policy/effective.h"
#include "tests/support/unit.h"

enum { MESH_MAX = 10240 };

struct mesh {
        struct netmap *nm;
        struct member *members[MESH_MAX];
        size_t count;
        struct netmap_policy *policy;
        uint64_t generation, next_version;
        uint8_t log_hash[KEY_BYTES];
        struct position_key key;
        uint32_t enrolled; /* ever */
        size_t dirty_calls, gone_calls;
        void *last_gone;
};

static inline void mesh_dirty(void *user, void *stream_user)
{
        (void)stream_user;
        ((struct mesh *)user)->dirty_calls++;
}

static inline void mesh_gone(void *user, void *stream_user)
{
        struct mesh *m = user;
        m->gone_calls++;
        m->last_gone = stream_user;
}

static inline struct netmap_policy *mesh_compile(const char *text, uint64_t version)
{
        struct policy_file file = { .path = "test.yaml", .bytes = text, .len = strlen(text) };
        struct findings findings = { 0 };
        struct policy *policy = NULL;
        int err = policy_parse(&file, 1, &findings, &policy);
        if (err)
                fail_msg("%s\n%s", findings.count ? findings.items[0].message : "?", text);
        findings_done(&findings);
        struct netmap_policy *compiled = netmap_policy_new(policy, version);
        assert_non_null(compiled);
        return compiled;
}

static inline void mesh_load(struct mesh *m)
{
        struct netmap_state state = { .epoch_start_ms = 1000,
                                      .epoch_random = 7,
                                      .generation = m->generation,
                                      .position_key = m->key,
                                      .policy = m->policy,
                                      .members = (const struct member *const *)m->members,
                                      .member_count = m->count };
        memcpy(state.log_hash, m->log_hash, KEY_BYTES);
        assert_int_equal(netmap_load(m->nm, &state), 0);
}

static inline void mesh_init(struct mesh *m, const char *policy)
{
        struct netmap_callbacks callbacks = { mesh_dirty, mesh_gone, m };
        memset(m, 0, sizeof(*m));
        memset(m->key.bytes, 42, sizeof(m->key.bytes));
        m->next_version = 2;
        m->policy = mesh_compile(policy, 1);
        assert_int_equal(netmap_new(&callbacks, &m->nm), 0);
        mesh_load(m);
}

static inline void mesh_done(struct mesh *m)
{
        netmap_free(m->nm);
        netmap_policy_unref(m->policy);
        for (size_t i = 0; i < m->count; i++)
                member_unref(m->members[i]);
}

static inline void mesh_feed(struct mesh *m, struct netmap_change *change)
{
        change->generation = ++m->generation;
        change_log_hash(m->log_hash, m->generation, &change->generation, sizeof(change->generation),
                        m->log_hash);
        memcpy(change->log_hash, m->log_hash, KEY_BYTES);
        assert_int_equal(netmap_change(m->nm, change), 0);
}

static inline void mesh_enroll(struct mesh *m, const char *name, const char *const *tags,
                               size_t tag_count)
{
        struct member image = { .tags = tags, .tag_count = tag_count };
        uint32_t n = ++m->enrolled;
        assert_true(m->count < MESH_MAX);
        for (size_t i = 0; i < NODE_ID_BYTES; i++) /* ids are not in the order of enrolment */
                image.id[i] = (uint8_t)((n * 2654435761u) >> (8 * (i % 4)));
        memcpy(image.identity, &n, sizeof(n));
        memcpy(image.wireguard_key, &n, sizeof(n));
        image.v4 =
                (struct ip_addr){ .len = 4, .bytes = { 100, 64, (uint8_t)(n >> 8), (uint8_t)n } };
        image.v6 = (struct ip_addr){ .len = 16, .bytes = { 0xfd } };
        image.v6.bytes[14] = (uint8_t)(n >> 8);
        image.v6.bytes[15] = (uint8_t)n;
        snprintf(image.name, sizeof(image.name), "%s", name);
        struct netmap_change change = { .after = member_new(&image) };
        assert_non_null(change.after);
        m->members[m->count++] = (struct member *)change.after;
        mesh_feed(m, &change);
}

static inline void mesh_remove(struct mesh *m, size_t i)
{
        struct netmap_change change = { .before = m->members[i] };
        m->members[i] = m->members[--m->count];
        mesh_feed(m, &change);
        member_unref(change.before);
}

/* Replaces member I by a copy that EDITED describes. */
static inline void mesh_edit(struct mesh *m, size_t i, const struct member *edited)
{
        struct netmap_change change = { .before = m->members[i], .after = member_new(edited) };
        assert_non_null(change.after);
        m->members[i] = (struct member *)change.after;
        mesh_feed(m, &change);
        member_unref(change.before);
}

static inline void mesh_move(struct mesh *m, size_t i, uint16_t port)
{
        struct ip_endpoint endpoint = { .addr = { .len = 4, .bytes = { 192, 0, 2, 1 } },
                                        .port = port };
        struct member edited = *m->members[i];
        edited.endpoints = &endpoint;
        edited.endpoint_count = 1;
        mesh_edit(m, i, &edited);
}

static inline void mesh_policy(struct mesh *m, const char *text)
{
        struct netmap_change change = { .policy_before = m->policy };
        change.policy_after = m->policy = mesh_compile(text, m->next_version++);
        mesh_feed(m, &change);
        netmap_policy_unref(change.policy_before);
}

/* The naive view of the whole: every pair, every rule (firewall/policy's own oracle checks it). */
static inline struct effective *mesh_effective(const struct mesh *m,
                                               struct policy_node nodes[static MESH_MAX],
                                               struct ip_prefix (*prefixes)[2])
{
        struct effective *e = NULL;
        for (size_t i = 0; i < m->count; i++) {
                const struct member *member = m->members[i];
                prefixes[i][0] = ip_prefix_of(member->v4);
                prefixes[i][1] = ip_prefix_of(member->v6);
                nodes[i] = (struct policy_node){ .name = member->name_pending ? NULL : member->name,
                                                 .tags = member->tags,
                                                 .tag_count = member->tag_count,
                                                 .prefixes = prefixes[i],
                                                 .prefix_count = 2 };
        }
        assert_int_equal(effective_new(m->policy->policy, nodes, m->count, &e), 0);
        return e;
}
