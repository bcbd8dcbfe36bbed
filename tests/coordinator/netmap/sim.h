/* A member as the agent's side would see it: applies snapshots and deltas, knows nothing else.
 *
 * Included by the tests of this folder. Keeps peers by their serialised form, sets by prefixes,
 * rules by their serialised form; fails the test on anything that the protocol forbids: a gap, a
 * removal of what was never told, a set change without its set. */
#pragma once
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buffer.h"
#include "coordinator/netmap/netmap.h"
#include "firewall/access.h"
#include "mesh/v1/agent.pb-c.h"
#include "proto/convert.h"
#include "proto/pb.h"
#include "tests/support/unit.h"

enum { SIM_MAX_PEERS = 4096, SIM_MAX_SETS = 256, SIM_MAX_RULES = 512, SIM_BLOB_MAX = 1024 };

struct sim_blob {
        uint8_t id[NODE_ID_BYTES]; /* of a peer */
        size_t len;
        uint8_t bytes[SIM_BLOB_MAX];
};

struct sim_set {
        uint64_t id;
        struct ip_prefix *prefixes; /* sorted */
        size_t count;
};

struct sim_map {
        struct sim_blob *peers; /* sorted by id */
        size_t peer_count;
        struct sim_set sets[SIM_MAX_SETS]; /* sorted by id */
        size_t set_count;
        struct sim_blob *rules;
        size_t rule_count;
        struct position position;
        bool has_position;
        uint8_t policy_hash[KEY_BYTES], access_hash[KEY_BYTES];
        bool has_policy;
        bool filling; /* a snapshot has begun */
        size_t deltas, chunks, longest;
};

static inline void sim_init(struct sim_map *m)
{
        memset(m, 0, sizeof(*m));
        m->peers = calloc(SIM_MAX_PEERS, sizeof(*m->peers));
        m->rules = calloc(SIM_MAX_RULES, sizeof(*m->rules));
        assert_non_null(m->peers);
        assert_non_null(m->rules);
}

static inline void sim_empty(struct sim_map *m)
{
        for (size_t i = 0; i < m->set_count; i++)
                free(m->sets[i].prefixes);
        m->peer_count = m->set_count = m->rule_count = 0;
}

static inline void sim_done(struct sim_map *m)
{
        sim_empty(m);
        free(m->peers);
        free(m->rules);
        memset(m, 0, sizeof(*m));
}

static inline void sim_blob_of(struct sim_blob *blob, const ProtobufCMessage *message)
{
        blob->len = protobuf_c_message_get_packed_size(message);
        assert_true(blob->len <= SIM_BLOB_MAX);
        protobuf_c_message_pack(message, blob->bytes);
}

static inline int sim_peer_order(const void *a, const void *b)
{
        return memcmp(((const struct sim_blob *)a)->id, ((const struct sim_blob *)b)->id,
                      NODE_ID_BYTES);
}

static inline struct sim_blob *sim_peer(struct sim_map *m, const uint8_t *id)
{
        struct sim_blob key;
        memcpy(key.id, id, NODE_ID_BYTES);
        return bsearch(&key, m->peers, m->peer_count, sizeof(key), sim_peer_order);
}

static inline void sim_put_peer(struct sim_map *m, const Mesh__V1__Peer *peer)
{
        assert_int_equal(peer->node_id.len, NODE_ID_BYTES);
        struct sim_blob *slot = sim_peer(m, peer->node_id.data);
        bool fresh = !slot;
        if (fresh) {
                assert_true(m->peer_count < SIM_MAX_PEERS);
                slot = &m->peers[m->peer_count++];
                memcpy(slot->id, peer->node_id.data, NODE_ID_BYTES);
        }
        sim_blob_of(slot, &peer->base);
        if (fresh)
                qsort(m->peers, m->peer_count, sizeof(*m->peers), sim_peer_order);
}

static inline void sim_remove_peer(struct sim_map *m, const ProtobufCBinaryData *id)
{
        assert_int_equal(id->len, NODE_ID_BYTES);
        struct sim_blob *slot = sim_peer(m, id->data);
        assert_non_null(slot); /* it was told of it, or must not learn that it was there */
        size_t place = (size_t)(slot - m->peers);
        m->peer_count--;
        memmove(slot, slot + 1, (m->peer_count - place) * sizeof(*slot));
}

static inline struct sim_set *sim_set(struct sim_map *m, uint64_t id)
{
        for (size_t i = 0; i < m->set_count; i++)
                if (m->sets[i].id == id)
                        return &m->sets[i];
        return NULL;
}

static inline int sim_prefix_order(const void *a, const void *b)
{
        return ip_prefix_compare(a, b);
}

static inline int sim_set_order(const void *a, const void *b)
{
        uint64_t x = ((const struct sim_set *)a)->id, y = ((const struct sim_set *)b)->id;
        return (x > y) - (x < y);
}

static inline struct ip_prefix *sim_find_prefix(struct sim_set *set, const struct ip_prefix *p)
{
        return set->count ? bsearch(p, set->prefixes, set->count, sizeof(*p), sim_prefix_order)
                          : NULL;
}

static inline void sim_add_prefixes(struct sim_set *set, Mesh__V1__Prefix **list, size_t count)
{
        set->prefixes = realloc(set->prefixes, (set->count + count + 1) * sizeof(struct ip_prefix));
        assert_non_null(set->prefixes);
        size_t had = set->count;
        for (size_t i = 0; i < count; i++) {
                struct ip_prefix prefix;
                assert_int_equal(prefix_from_message(list[i], &prefix), 0);
                set->count = had;
                assert_null(sim_find_prefix(set, &prefix));
                set->prefixes[had + i] = prefix;
        }
        set->count = had + count;
        if (set->count)
                qsort(set->prefixes, set->count, sizeof(struct ip_prefix), sim_prefix_order);
}

static inline void sim_remove_prefixes(struct sim_set *set, Mesh__V1__Prefix **list, size_t count)
{
        for (size_t i = 0; i < count; i++) {
                struct ip_prefix prefix;
                assert_int_equal(prefix_from_message(list[i], &prefix), 0);
                struct ip_prefix *found = sim_find_prefix(set, &prefix);
                assert_non_null(found);
                size_t place = (size_t)(found - set->prefixes);
                set->count--;
                memmove(found, found + 1, (set->count - place) * sizeof(*found));
        }
}

static inline struct sim_set *sim_new_set(struct sim_map *m, uint64_t id)
{
        assert_true(m->set_count < SIM_MAX_SETS);
        m->sets[m->set_count++] = (struct sim_set){ .id = id };
        qsort(m->sets, m->set_count, sizeof(m->sets[0]), sim_set_order);
        return sim_set(m, id);
}

static inline void sim_put_rules(struct sim_map *m, Mesh__V1__Rule **rules, size_t count)
{
        for (size_t i = 0; i < count; i++) {
                assert_true(m->rule_count < SIM_MAX_RULES);
                sim_blob_of(&m->rules[m->rule_count++], &rules[i]->base);
        }
}

static inline void sim_hashes(struct sim_map *m, const ProtobufCBinaryData *policy,
                              const ProtobufCBinaryData *access)
{
        m->has_policy = policy->len == KEY_BYTES;
        assert_true(m->has_policy || policy->len == 0);
        memset(m->policy_hash, 0, KEY_BYTES);
        if (m->has_policy)
                memcpy(m->policy_hash, policy->data, KEY_BYTES);
        assert_int_equal(binary_read(access, m->access_hash, KEY_BYTES), 0);
}

static inline void sim_snapshot(struct sim_map *m, const Mesh__V1__Snapshot *s)
{
        if (!m->filling)
                sim_empty(m);
        m->filling = !s->last;
        m->chunks++;
        for (size_t i = 0; i < s->n_peers; i++)
                sim_put_peer(m, s->peers[i]);
        for (size_t i = 0; i < s->n_sets; i++) {
                struct sim_set *set = sim_set(m, s->sets[i]->id); /* large sets come in parts */
                if (!set)
                        set = sim_new_set(m, s->sets[i]->id);
                sim_add_prefixes(set, s->sets[i]->prefixes, s->sets[i]->n_prefixes);
        }
        sim_put_rules(m, s->rules, s->n_rules);
        if (!s->last)
                return;
        assert_int_equal(position_from_message(s->position, &m->position), 0);
        m->has_position = true;
        sim_hashes(m, &s->policy_hash, &s->access_hash);
}

static inline void sim_delta(struct sim_map *m, const Mesh__V1__Delta *d)
{
        assert_false(m->filling);
        assert_true(m->has_position);
        assert_int_equal(d->from, m->position.generation);
        m->deltas++;
        for (size_t i = 0; i < d->n_removed_peers; i++)
                sim_remove_peer(m, &d->removed_peers[i]);
        for (size_t i = 0; i < d->n_peers; i++)
                sim_put_peer(m, d->peers[i]);
        for (size_t i = 0; i < d->n_removed_sets; i++) {
                struct sim_set *set = sim_set(m, d->removed_sets[i]);
                assert_non_null(set);
                free(set->prefixes);
                *set = m->sets[--m->set_count];
                qsort(m->sets, m->set_count, sizeof(m->sets[0]), sim_set_order);
        }
        for (size_t i = 0; i < d->n_set_changes; i++) {
                struct sim_set *set = sim_set(m, d->set_changes[i]->id);
                assert_non_null(set);
                sim_remove_prefixes(set, d->set_changes[i]->removed, d->set_changes[i]->n_removed);
                sim_add_prefixes(set, d->set_changes[i]->added, d->set_changes[i]->n_added);
        }
        for (size_t i = 0; i < d->n_new_sets; i++) {
                assert_null(sim_set(m, d->new_sets[i]->id));
                sim_add_prefixes(sim_new_set(m, d->new_sets[i]->id), d->new_sets[i]->prefixes,
                                 d->new_sets[i]->n_prefixes);
        }
        if (d->rules_changed)
                m->rule_count = 0;
        else
                assert_int_equal(d->n_rules, 0);
        sim_put_rules(m, d->rules, d->n_rules);
        struct position to;
        assert_int_equal(position_from_message(d->to, &to), 0);
        assert_true(to.generation > m->position.generation);
        m->position = to;
        sim_hashes(m, &d->policy_hash, &d->access_hash);
}

/* Takes one message of the stream; false at the end. */
static inline bool sim_take(struct sim_map *m, struct netmap_stream *stream)
{
        struct buffer bytes = buffer_with_max(NETMAP_CHUNK_BYTES);
        struct arena *arena = arena_new(256 << 20);
        ProtobufCMessage *base = NULL;
        int result = netmap_take(stream, &bytes);
        assert_true(result >= 0);
        if (result > 0) {
                m->longest = bytes.len > m->longest ? bytes.len : m->longest;
                assert_int_equal(pb_unpack(&mesh__v1__coordinator_message__descriptor, bytes.bytes,
                                           bytes.len, arena, &base),
                                 0);
                const Mesh__V1__CoordinatorMessage *message = (void *)base;
                if (message->body_case == MESH__V1__COORDINATOR_MESSAGE__BODY_SNAPSHOT)
                        sim_snapshot(m, message->snapshot);
                else
                        sim_delta(m, message->delta);
        }
        arena_free(arena);
        buffer_done(&bytes);
        return result > 0;
}

static inline void sim_drain(struct sim_map *m, struct netmap_stream *stream)
{
        while (sim_take(m, stream))
                ;
}

static inline void sim_assert_equal(const struct sim_map *a, const struct sim_map *b)
{
        assert_int_equal(a->peer_count, b->peer_count);
        for (size_t i = 0; i < a->peer_count; i++) {
                assert_int_equal(a->peers[i].len, b->peers[i].len);
                assert_memory_equal(a->peers[i].bytes, b->peers[i].bytes, a->peers[i].len);
        }
        assert_int_equal(a->set_count, b->set_count);
        for (size_t i = 0; i < a->set_count; i++) {
                assert_int_equal(a->sets[i].id, b->sets[i].id);
                assert_int_equal(a->sets[i].count, b->sets[i].count);
                for (size_t j = 0; j < a->sets[i].count; j++)
                        assert_int_equal(
                                ip_prefix_compare(&a->sets[i].prefixes[j], &b->sets[i].prefixes[j]),
                                0);
        }
        assert_int_equal(a->rule_count, b->rule_count);
        for (size_t i = 0; i < a->rule_count; i++) {
                assert_int_equal(a->rules[i].len, b->rules[i].len);
                assert_memory_equal(a->rules[i].bytes, b->rules[i].bytes, a->rules[i].len);
        }
        assert_int_equal(a->has_policy, b->has_policy);
        assert_memory_equal(a->policy_hash, b->policy_hash, KEY_BYTES);
        assert_memory_equal(a->access_hash, b->access_hash, KEY_BYTES);
}
