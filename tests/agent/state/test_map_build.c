/* Maps from snapshots and deltas: what is taken, what is refused, what stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/state/map_file.h"
#include "common/buffer.h"
#include "common/error.h"
#include "proto/pb.h"
#include "tests/agent/state/map_maker.h"
#include "tests/support/seeded_env.h"

static struct arena *arena;

static int setup(void **state)
{
        (void)state;
        arena = arena_new(64 * 1024 * 1024);
        return arena == NULL;
}

static int teardown(void **state)
{
        (void)state;
        arena_free(arena);
        return 0;
}

static void takes_a_snapshot(void **state)
{
        struct map_owner owner = maker_owner();
        struct map *map = maker_map(&owner, maker_snapshot(arena, 0x0e, 7), NULL);
        (void)state;
        assert_non_null(map);
        assert_int_equal(map->peer_count, 3);
        assert_int_equal(map->position.generation, 7);
        assert_true(map->has_position);
        assert_int_equal(map->access.set_count, 1);
        assert_int_equal(map->access.sets[0].prefix_count, 3);
        assert_int_equal(map->access.rules[0].ports[0].low, 22);
        assert_string_equal(map->access.rules[0].origin, "policy.yaml:7");
        uint8_t id[NODE_ID_BYTES];
        memset(id, 2, sizeof(id));
        assert_string_equal(map_find_peer(map, id)->name, "host-2");
        memset(id, 9, sizeof(id));
        assert_null(map_find_peer(map, id));
        map_free(map);
}

/* Chunks in any cut, a set that goes on in the next one included. */
static void takes_chunks(void **state)
{
        struct map_owner owner = maker_owner();
        struct map_build *build = map_build_new(&owner);
        Mesh__V1__Snapshot *first = maker_snapshot(arena, 0x06, 0);
        Mesh__V1__Snapshot *last = maker_snapshot(arena, 0x18, 7);
        struct map *map, *whole = maker_map(&owner, maker_snapshot(arena, 0x1e, 7), NULL);
        (void)state;
        first->last = 0;
        first->position = NULL;
        first->n_rules = 0;
        assert_int_equal(map_build_add(build, first), 0);
        assert_int_equal(map_build_add(build, last), 0);
        assert_int_equal(map_build_finish(build, NULL, &map), 0);
        assert_true(map_equal(map, whole));
        map_build_free(build);
        map_free(map);
        map_free(whole);
}

static void leaves_itself_out(void **state)
{
        struct map_owner owner = maker_owner();
        Mesh__V1__Snapshot *snapshot = maker_snapshot(arena, 0x0e, 7);
        (void)state;
        snapshot->peers[0]->node_id = maker_bytes(arena, 0xee, NODE_ID_BYTES);
        memcpy(snapshot->peers[0]->node_id.data, maker_node_id, NODE_ID_BYTES);
        snapshot->peers[1]->wireguard_key = binary_of(maker_key, KEY_BYTES);
        struct map *map = maker_map(&owner, snapshot, NULL);
        assert_non_null(map);
        assert_int_equal(map->peer_count, 1);
        map_free(map);
}

/* ---- what is refused ---- */

static void short_id(Mesh__V1__Snapshot *s)
{
        s->peers[1]->node_id.len = 15;
}
static void long_key(Mesh__V1__Snapshot *s)
{
        s->peers[1]->wireguard_key = maker_bytes(arena, 2, 33);
}
static void zero_key(Mesh__V1__Snapshot *s)
{
        s->peers[1]->wireguard_key = maker_bytes(arena, 0, KEY_BYTES);
}
static void no_identity(Mesh__V1__Snapshot *s)
{
        s->peers[1]->identity.len = 0;
}
static void bad_name(Mesh__V1__Snapshot *s)
{
        s->peers[1]->name = arena_text(arena, "Not a label", 11);
}
static void empty_name(Mesh__V1__Snapshot *s)
{
        s->peers[1]->name = arena_text(arena, "", 0);
}
static void no_address(Mesh__V1__Snapshot *s)
{
        s->peers[1]->n_addresses = 0;
}
static void address_elsewhere(Mesh__V1__Snapshot *s)
{
        s->peers[1]->addresses[0] = maker_prefix(arena, "192.168.1.1");
}
static void wide_address(Mesh__V1__Snapshot *s)
{
        s->peers[1]->addresses[0] = maker_prefix(arena, "100.64.1.0/24");
}
static void everything(Mesh__V1__Snapshot *s)
{
        s->peers[1]->addresses[0] = maker_prefix(arena, "0.0.0.0/0");
}
static void our_address(Mesh__V1__Snapshot *s)
{
        s->peers[1]->addresses[0] = maker_prefix(arena, "100.64.0.1");
}
static void twice_the_id(Mesh__V1__Snapshot *s)
{
        s->peers[1]->node_id = s->peers[0]->node_id;
}
static void twice_the_key(Mesh__V1__Snapshot *s)
{
        s->peers[1]->wireguard_key = s->peers[0]->wireguard_key;
}
static void twice_the_address(Mesh__V1__Snapshot *s)
{
        s->peers[1]->addresses = s->peers[0]->addresses;
}
static void port_zero(Mesh__V1__Snapshot *s)
{
        s->peers[1]->endpoints[0]->port = 0;
}
static void set_elsewhere(Mesh__V1__Snapshot *s)
{
        s->sets[0]->prefixes[0] = maker_prefix(arena, "10.0.0.0/8");
}
static void set_wider_than_the_mesh(Mesh__V1__Snapshot *s)
{
        s->sets[0]->prefixes[0] = maker_prefix(arena, "100.64.0.0/10");
}
static void short_hash(Mesh__V1__Snapshot *s)
{
        s->policy_hash.len = 31;
}
static void broken_position(Mesh__V1__Snapshot *s)
{
        s->position->mac.len = 3;
}

static const struct {
        const char *name;
        void (*spoil)(Mesh__V1__Snapshot *s);
} refused[] = {
        { "a node id too short", short_id },
        { "a key too long", long_key },
        { "a key of zeroes", zero_key },
        { "no identity", no_identity },
        { "a name that is no label", bad_name },
        { "an empty name", empty_name },
        { "a peer without address", no_address },
        { "an address outside the mesh", address_elsewhere },
        { "an address that is a network", wide_address },
        { "the whole internet as address", everything },
        { "this host's own address", our_address },
        { "two peers with one id", twice_the_id },
        { "two peers with one key", twice_the_key },
        { "two peers with one address", twice_the_address },
        { "an endpoint with port 0", port_zero },
        { "a set outside the mesh", set_elsewhere },
        { "a set wider than the mesh", set_wider_than_the_mesh },
        { "a hash too short", short_hash },
        { "a position with a broken MAC", broken_position },
};

static void refuses_what_is_wrong(void **state)
{
        struct map_owner owner = maker_owner();
        (void)state;
        for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
                Mesh__V1__Snapshot *snapshot = maker_snapshot(arena, 0x0e, 7);
                refused[i].spoil(snapshot);
                struct map *map = maker_map(&owner, snapshot, NULL);
                if (map)
                        fail_msg("%s was taken", refused[i].name);
        }
}

/* ---- policies of another version ---- */

static void unknown_protocol(Mesh__V1__Rule *rule)
{
        rule->protocol = 257;
}
static void no_protocol(Mesh__V1__Rule *rule)
{
        rule->protocol = 0;
}
static void ports_of_icmp(Mesh__V1__Rule *rule)
{
        rule->protocol = 1;
}
static void ports_backwards(Mesh__V1__Rule *rule)
{
        rule->ports[0]->low = 81;
}
static void port_too_high(Mesh__V1__Rule *rule)
{
        rule->ports[0]->high = 65536;
}
static void missing_set(Mesh__V1__Rule *rule)
{
        rule->source_set = 99;
}
static void unknown_field(Mesh__V1__Rule *rule)
{
        static uint8_t value = 1;
        static ProtobufCMessageUnknownField field = { .tag = 9, .len = 1, .data = &value };
        rule->base.n_unknown_fields = 1;
        rule->base.unknown_fields = &field;
}

static const struct {
        const char *name;
        void (*spoil)(Mesh__V1__Rule *rule);
} kinds[] = {
        { "a protocol over 256", unknown_protocol },
        { "protocol 0", no_protocol },
        { "ports of ICMP", ports_of_icmp },
        { "a range that runs backwards", ports_backwards },
        { "a port over 65535", port_too_high },
        { "a set that was not sent", missing_set },
        { "a field of a newer version", unknown_field },
};

/* The whole policy is refused, the one before goes on, the peers are taken. */
static void keeps_the_last_policy(void **state)
{
        struct map_owner owner = maker_owner();
        struct map *before = maker_map(&owner, maker_snapshot(arena, 0x06, 7), NULL);
        (void)state;
        for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
                Mesh__V1__Snapshot *snapshot = maker_snapshot(arena, 0x1e, 8);
                snapshot->rules[snapshot->n_rules++] = maker_rule(arena, 1, 6, 80);
                kinds[i].spoil(snapshot->rules[1]);
                snapshot->policy_hash = maker_bytes(arena, 0xcc, KEY_BYTES);
                struct map *map = maker_map(&owner, snapshot, before);
                if (!map || !map->policy_error[0])
                        fail_msg("%s was understood", kinds[i].name);
                assert_int_equal(map->peer_count, 4);
                assert_int_equal(map->access.rule_count, 1);
                assert_int_equal(map->access.sets[0].prefix_count, 2);
                assert_int_equal(map->policy_hash[0], 0xaa);
                Mesh__V1__Snapshot *stored = map_to_message(map, arena);
                assert_null(stored->position); /* after a restart it asks again */
                assert_int_equal(stored->n_rules, 1);
                map_free(map);
        }
        map_free(before);
}

static void a_policy_understood_again_takes_over(void **state)
{
        struct map_owner owner = maker_owner();
        Mesh__V1__Snapshot *snapshot = maker_snapshot(arena, 0x06, 7);
        char text[MAP_TEXT_MAX];
        struct map *next, *after;
        (void)state;
        unknown_protocol(snapshot->rules[0]);
        struct map *map = maker_map(&owner, snapshot, NULL);
        assert_int_equal(map->access.rule_count, 0);
        Mesh__V1__Delta *delta = maker_delta(arena, 7, 8);
        delta->peers[delta->n_peers++] = maker_peer(arena, 5);
        assert_int_equal(map_apply_delta(&owner, map, delta, &next, text), 0);
        assert_true(next->policy_error[0] != '\0'); /* nothing was said about rules */
        delta = maker_delta(arena, 8, 9);
        delta->rules_changed = 1;
        delta->rules[delta->n_rules++] = maker_rule(arena, 1, 6, 80);
        assert_int_equal(map_apply_delta(&owner, next, delta, &after, text), 0);
        assert_string_equal(after->policy_error, "");
        assert_int_equal(after->access.rules[0].ports[0].low, 80);
        map_free(map);
        map_free(next);
        map_free(after);
}

/* ---- deltas ---- */

static void gap_before(Mesh__V1__Delta *delta)
{
        delta->from = 6;
}
static void gap_after(Mesh__V1__Delta *delta)
{
        delta->from = 8;
}
static void goes_nowhere(Mesh__V1__Delta *delta)
{
        delta->to->generation = 7;
}
static void other_epoch(Mesh__V1__Delta *delta)
{
        delta->to->epoch->random = 6;
}
static void unknown_set(Mesh__V1__Delta *delta)
{
        Mesh__V1__SetChange *change = arena_alloc(arena, sizeof(*change));
        mesh__v1__set_change__init(change);
        change->id = 99;
        delta->set_changes[delta->n_set_changes++] = change;
}

static const struct {
        const char *name;
        void (*spoil)(Mesh__V1__Delta *delta);
} gaps[] = {
        { "it begins before", gap_before },
        { "it begins after", gap_after },
        { "it ends where it began", goes_nowhere },
        { "another epoch", other_epoch },
        { "a change of an unknown set", unknown_set },
};

static void sees_every_gap(void **state)
{
        struct map_owner owner = maker_owner();
        struct map *map = maker_map(&owner, maker_snapshot(arena, 0x0e, 7), NULL), *next;
        char text[MAP_TEXT_MAX];
        (void)state;
        for (size_t i = 0; i < sizeof(gaps) / sizeof(gaps[0]); i++) {
                Mesh__V1__Delta *delta = maker_delta(arena, 7, 8);
                gaps[i].spoil(delta);
                if (map_apply_delta(&owner, map, delta, &next, text) != MESH_ESTATE)
                        fail_msg("%s: no gap was seen", gaps[i].name);
        }
        map_free(map);
}

static void a_bad_delta_leaves_the_old_map(void **state)
{
        struct map_owner owner = maker_owner();
        struct map *map = maker_map(&owner, maker_snapshot(arena, 0x0e, 7), NULL), *next = NULL;
        struct map *same = maker_map(&owner, maker_snapshot(arena, 0x0e, 7), NULL);
        Mesh__V1__Delta *delta = maker_delta(arena, 7, 8);
        char text[MAP_TEXT_MAX] = "";
        (void)state;
        delta->peers[delta->n_peers++] = maker_peer(arena, 9);
        delta->peers[delta->n_peers++] = maker_peer(arena, 10);
        delta->peers[1]->addresses[0] = maker_prefix(arena, "100.64.1.1"); /* host-1 has it */
        assert_int_equal(map_apply_delta(&owner, map, delta, &next, text), MESH_EFORMAT);
        assert_string_equal(text, "two peers with one address");
        assert_null(next);
        assert_true(map_equal(map, same));
        map_free(map);
        map_free(same);
}

/* ---- property: a snapshot and deltas give what a fresh snapshot gives ---- */

enum { ROUNDS = 300, SETS = 4 };

struct truth {
        uint32_t members, recreated;
        uint32_t sets[SETS]; /* 0: not there */
        uint32_t port;
        uint64_t generation;
};

static Mesh__V1__Peer *truth_peer(const struct truth *t, unsigned n)
{
        Mesh__V1__Peer *peer = maker_peer(arena, (uint8_t)n);
        peer->recreate = t->recreated & (1u << n) ? 1 : 0;
        return peer;
}

static Mesh__V1__Snapshot *truth_snapshot(const struct truth *t)
{
        Mesh__V1__Snapshot *s = maker_snapshot(arena, 0, t->generation);
        s->n_sets = s->n_rules = 0;
        for (unsigned n = 1; n < 32; n++)
                if (t->members & (1u << n))
                        s->peers[s->n_peers++] = truth_peer(t, n);
        for (unsigned i = 0; i < SETS; i++)
                if (t->sets[i]) {
                        s->sets[s->n_sets++] = maker_set(arena, i, t->sets[i]);
                        s->rules[s->n_rules++] = maker_rule(arena, i, 6, t->port);
                }
        return s;
}

static Mesh__V1__SetChange *truth_change(unsigned id, uint32_t from, uint32_t to)
{
        Mesh__V1__SetChange *change = arena_alloc(arena, sizeof(*change));
        Mesh__V1__Set *added = maker_set(arena, id, to & ~from);
        Mesh__V1__Set *removed = maker_set(arena, id, from & ~to);
        mesh__v1__set_change__init(change);
        change->id = id;
        change->added = added->prefixes;
        change->n_added = added->n_prefixes;
        change->removed = removed->prefixes;
        change->n_removed = removed->n_prefixes;
        return change;
}

static Mesh__V1__Delta *truth_delta(const struct truth *a, const struct truth *b)
{
        Mesh__V1__Delta *d = maker_delta(arena, a->generation, b->generation);
        for (unsigned n = 1; n < 32; n++) {
                uint32_t bit = 1u << n;
                bool was = a->members & bit, is = b->members & bit;
                if (is && (!was || (a->recreated & bit) != (b->recreated & bit)))
                        d->peers[d->n_peers++] = truth_peer(b, n);
                if (was && !is)
                        d->removed_peers[d->n_removed_peers++] =
                                maker_bytes(arena, (uint8_t)n, NODE_ID_BYTES);
        }
        for (unsigned i = 0; i < SETS; i++) {
                if (!a->sets[i] && b->sets[i])
                        d->new_sets[d->n_new_sets++] = maker_set(arena, i, b->sets[i]);
                else if (a->sets[i] && !b->sets[i])
                        d->removed_sets[d->n_removed_sets++] = i;
                else if (a->sets[i] != b->sets[i])
                        d->set_changes[d->n_set_changes++] =
                                truth_change(i, a->sets[i], b->sets[i]);
        }
        Mesh__V1__Snapshot *rules = truth_snapshot(b);
        d->rules_changed = 1;
        d->rules = rules->rules;
        d->n_rules = rules->n_rules;
        return d;
}

static void truth_change_at_random(struct truth *t, const struct env *env)
{
        t->generation += 1 + env_random_below(env, 5);
        t->members ^= (uint32_t)env_random_below(env, UINT32_MAX) &
                      (uint32_t)env_random_below(env, UINT32_MAX) & ~1u;
        t->recreated ^= 1u << env_random_below(env, 32);
        uint64_t set = env_random_below(env, SETS);
        t->sets[set] =
                env_random_below(env, 3) ? (uint32_t)env_random_below(env, UINT32_MAX) & ~1u : 0;
        t->port = 1 + (uint32_t)env_random_below(env, 3);
}

static void deltas_equal_a_fresh_snapshot(void **state)
{
        struct map_owner owner = maker_owner();
        struct seeded_env e;
        struct truth t = { .generation = 1, .port = 22 };
        char text[MAP_TEXT_MAX] = "";
        (void)state;
        seeded_env_init(&e, 42);
        struct map *map = maker_map(&owner, truth_snapshot(&t), NULL);
        for (unsigned round = 0; round < ROUNDS; round++) {
                struct truth before = t;
                struct map *next, *fresh;
                truth_change_at_random(&t, &e.env);
                if (map_apply_delta(&owner, map, truth_delta(&before, &t), &next, text) != 0)
                        fail_msg("round %u: %s", round, text);
                fresh = maker_map(&owner, truth_snapshot(&t), NULL);
                if (!fresh || !map_equal(next, fresh))
                        fail_msg("round %u: the maps differ", round);
                map_free(fresh);
                map_free(map);
                map = next;
                arena_clear(arena);
        }
        map_free(map);
}

static void survives_the_way_to_disk(void **state)
{
        struct map_owner owner = maker_owner();
        struct map *map = maker_map(&owner, maker_snapshot(arena, 0xfffe, 9), NULL), *back;
        struct buffer bytes = buffer_with_max(1 << 20);
        (void)state;
        assert_int_equal(pb_pack(&map_to_message(map, arena)->base, &bytes), 0);
        assert_int_equal(map_file_decode(bytes.bytes, bytes.len, &owner, &back), 0);
        assert_true(map_equal(map, back));
        buffer_done(&bytes);
        map_free(map);
        map_free(back);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(takes_a_snapshot),
                TEST(takes_chunks),
                TEST(leaves_itself_out),
                TEST(refuses_what_is_wrong),
                TEST(keeps_the_last_policy),
                TEST(a_policy_understood_again_takes_over),
                TEST(sees_every_gap),
                TEST(a_bad_delta_leaves_the_old_map),
                TEST(deltas_equal_a_fresh_snapshot),
                TEST(survives_the_way_to_disk),
        };
        return cmocka_run_group_tests_name("agent/state/map_build", tests, NULL, NULL);
}
