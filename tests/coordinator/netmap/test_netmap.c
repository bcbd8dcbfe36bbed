/* Streams one by one: resuming, chunks, coalescing, who is told of what, who is not. */
#include "tests/coordinator/netmap/mesh.h"
#include "tests/coordinator/netmap/sim.h"

static const char all_to_all[] =
        "version: 1\nallow:\n  - {from: all, to: all, ports: [tcp/22, icmp]}\n";
static const char only_servers[] =
        "version: 1\nallow:\n  - {from: all, to: \"tag:server\", ports: [tcp/22]}\n";
static const char *const server[] = { "server" };

static struct netmap_stream *attach(struct mesh *m, size_t i, const struct position *position,
                                    enum netmap_resume expected)
{
        struct netmap_stream *s;
        enum netmap_resume resume;
        assert_int_equal(netmap_attach(m->nm, m->members[i]->id, position, m, &s, &resume), 0);
        assert_int_equal(resume, expected);
        return s;
}

/* ---- positions ---- */

struct position_case {
        const char *name;
        int64_t generation, epoch_start_ms; /* added to what the member has */
        bool other_epoch, other_hash, other_key;
        enum netmap_resume expected;
};

static const struct position_case position_cases[] = {
        { .name = "exactly where it is", .expected = NETMAP_RESUMED },
        { .name = "a log that went on otherwise", .other_hash = true, .expected = NETMAP_AHEAD },
        { .name = "ahead of the log", .generation = 1000, .expected = NETMAP_AHEAD },
        { .name = "older, another hash", .generation = -1, .expected = NETMAP_AHEAD },
        { .name = "before the log", .generation = -3, .expected = NETMAP_SNAPSHOT },
        { .name = "another epoch, older",
          .other_epoch = true,
          .epoch_start_ms = -1,
          .expected = NETMAP_SNAPSHOT },
        { .name = "another epoch, as old", .other_epoch = true, .expected = NETMAP_SNAPSHOT },
        { .name = "an epoch that is not there yet", .epoch_start_ms = 1, .expected = NETMAP_AHEAD },
        { .name = "made up", .other_key = true, .expected = NETMAP_SNAPSHOT },
        { .name = "made up, ahead",
          .other_key = true,
          .generation = 1000,
          .expected = NETMAP_SNAPSHOT },
};

static void positions_are_judged(void **state)
{
        static struct mesh m;
        struct sim_map map;
        (void)state;
        mesh_init(&m, all_to_all);
        mesh_enroll(&m, "a", NULL, 0);
        mesh_enroll(&m, "b", NULL, 0);
        mesh_move(&m, 0, 1);
        sim_init(&map);
        struct netmap_stream *s = attach(&m, 0, NULL, NETMAP_SNAPSHOT);
        sim_drain(&map, s);
        netmap_detach(s);
        for (size_t i = 0; i < LENGTH(position_cases); i++) {
                const struct position_case *c = &position_cases[i];
                struct position p = map.position;
                struct position_key key = m.key;
                p.generation = (uint64_t)((int64_t)p.generation + c->generation);
                p.epoch_start_ms = (uint64_t)((int64_t)p.epoch_start_ms + c->epoch_start_ms);
                p.epoch_random += c->other_epoch;
                p.log_hash[3] ^= c->other_hash;
                key.bytes[0] ^= c->other_key;
                position_seal(&p, &key);
                enum netmap_resume resume;
                assert_int_equal(netmap_attach(m.nm, m.members[0]->id, &p, NULL, &s, &resume), 0);
                netmap_detach(s);
                if (resume != c->expected)
                        fail_msg("%s: %d", c->name, (int)resume);
        }
        uint8_t nobody[NODE_ID_BYTES] = { 0 };
        enum netmap_resume resume;
        assert_int_equal(netmap_attach(m.nm, nobody, NULL, NULL, &s, &resume), MESH_ENOENT);
        sim_done(&map);
        mesh_done(&m);
}

static void a_position_beyond_the_log_costs_a_snapshot(void **state)
{
        static struct mesh m;
        struct sim_map map;
        (void)state;
        mesh_init(&m, all_to_all);
        mesh_enroll(&m, "a", NULL, 0);
        mesh_enroll(&m, "b", NULL, 0);
        sim_init(&map);
        struct netmap_stream *live = attach(&m, 0, NULL, NETMAP_SNAPSHOT);
        sim_drain(&map, live);
        struct position old = map.position;
        for (int i = 0; i < NETMAP_LOG_MAX; i++)
                mesh_move(&m, 1, (uint16_t)(i % 5 + 1));
        struct netmap_stream *s = attach(&m, 0, &old, NETMAP_SNAPSHOT); /* its own row is gone */
        netmap_detach(s);
        sim_drain(&map, live); /* it slept through them: one delta */
        assert_int_equal(map.deltas, 1);
        for (int i = 0; i < NETMAP_LOG_MAX + 1; i++)
                mesh_move(&m, 1, (uint16_t)(i % 5 + 1));
        size_t chunks = map.chunks;
        sim_drain(&map, live); /* and now through too many */
        assert_int_equal(map.deltas, 1);
        assert_int_equal(map.chunks, chunks + 1);
        netmap_detach(live);
        sim_done(&map);
        mesh_done(&m);
}

/* ---- who is told ---- */

static void only_those_concerned_are_woken(void **state)
{
        static struct mesh m;
        struct sim_map maps[3];
        struct netmap_stream *streams[3];
        (void)state;
        mesh_init(&m, only_servers);
        mesh_enroll(&m, "client", NULL, 0);
        mesh_enroll(&m, "other", NULL, 0);
        mesh_enroll(&m, "server", server, 1);
        for (size_t i = 0; i < 3; i++) {
                sim_init(&maps[i]);
                streams[i] = attach(&m, i, NULL, NETMAP_SNAPSHOT);
                sim_drain(&maps[i], streams[i]);
        }
        assert_int_equal(maps[0].peer_count, 1);
        assert_int_equal(maps[2].peer_count, 2);
        m.dirty_calls = 0;
        mesh_move(&m, 0, 7); /* concerns the server, and itself */
        assert_int_equal(m.dirty_calls, 2);
        assert_false(sim_take(&maps[1], streams[1]));
        assert_int_equal(netmap_wanted_generation(m.nm, m.members[2]->id), m.generation);
        assert_true(netmap_wanted_generation(m.nm, m.members[1]->id) < m.generation);
        for (int i = 0; i < 50; i++)
                mesh_move(&m, 0, (uint16_t)(i + 10)); /* coalesce: nobody is woken again */
        assert_int_equal(m.dirty_calls, 2);
        size_t deltas = maps[2].deltas;
        sim_drain(&maps[2], streams[2]);
        assert_int_equal(maps[2].deltas, deltas + 1);
        m.dirty_calls = 0;
        mesh_policy(&m, all_to_all); /* concerns everybody; two were awake already */
        assert_int_equal(m.dirty_calls, 2);
        for (size_t i = 0; i < 3; i++) {
                sim_drain(&maps[i], streams[i]);
                assert_int_equal(maps[i].peer_count, 2);
                netmap_detach(streams[i]);
                sim_done(&maps[i]);
        }
        mesh_done(&m);
}

static void a_join_is_one_small_delta(void **state)
{
        static struct mesh m;
        struct sim_map map;
        char name[16];
        (void)state;
        mesh_init(&m, all_to_all);
        for (int i = 0; i < 1000; i++) {
                snprintf(name, sizeof(name), "h%d", i);
                mesh_enroll(&m, name, NULL, 0);
        }
        sim_init(&map);
        struct netmap_stream *s = attach(&m, 0, NULL, NETMAP_SNAPSHOT);
        sim_drain(&map, s);
        map.longest = 0;
        mesh_enroll(&m, "new", NULL, 0);
        sim_drain(&map, s);
        assert_int_equal(map.deltas, 1);
        assert_int_equal(map.peer_count, 1000);
        assert_true(map.longest < 600); /* never O(peers) */
        netmap_detach(s);
        sim_done(&map);
        mesh_done(&m);
}

static void the_removed_are_told_nothing_more(void **state)
{
        static struct mesh m;
        struct sim_map map;
        (void)state;
        mesh_init(&m, all_to_all);
        mesh_enroll(&m, "a", NULL, 0);
        mesh_enroll(&m, "b", NULL, 0);
        sim_init(&map);
        struct netmap_stream *gone = attach(&m, 1, NULL, NETMAP_SNAPSHOT);
        struct netmap_stream *s = attach(&m, 0, NULL, NETMAP_SNAPSHOT);
        sim_drain(&map, s);
        struct member *b = member_ref(m.members[1]);
        mesh_remove(&m, 1);
        assert_int_equal(m.gone_calls, 1);
        struct buffer bytes = buffer_with_max(NETMAP_CHUNK_BYTES);
        assert_int_equal(netmap_take(gone, &bytes), 0);
        netmap_detach(gone);
        sim_drain(&map, s);
        assert_int_equal(map.peer_count, 0);
        assert_false(netmap_sees(m.nm, m.members[0]->id, b->id));
        member_unref(b);
        netmap_detach(s);
        sim_done(&map);
        mesh_done(&m);
}

/* ---- snapshots ---- */

static void large_maps_come_in_chunks(void **state)
{
        static struct mesh m;
        struct sim_map map;
        char name[16];
        (void)state;
        mesh_init(&m, all_to_all);
        for (int i = 0; i < 4000; i++) {
                snprintf(name, sizeof(name), "h%d", i);
                mesh_enroll(&m, name, NULL, 0);
        }
        sim_init(&map);
        struct netmap_stream *s = attach(&m, 0, NULL, NETMAP_SNAPSHOT);
        assert_true(sim_take(&map, s));
        assert_true(map.filling);
        mesh_remove(&m, 4000 - 1); /* the mesh moves on; the snapshot is of before */
        sim_drain(&map, s);
        assert_true(map.chunks > 3);
        assert_true(map.longest <= NETMAP_CHUNK_BYTES);
        assert_int_equal(map.deltas, 1);
        assert_int_equal(map.peer_count, 3998);
        assert_int_equal(map.sets[0].count, 2 * 3998);
        mesh_policy(&m, "version: 1\n");
        sim_drain(&map, s);
        assert_int_equal(map.peer_count, 0);
        size_t chunks = map.chunks;
        mesh_policy(&m, all_to_all); /* a delta would be too long for one frame */
        sim_drain(&map, s);
        assert_true(map.chunks > chunks + 3);
        assert_true(map.longest <= NETMAP_CHUNK_BYTES);
        assert_int_equal(map.peer_count, 3998);
        netmap_detach(s);
        sim_done(&map);
        mesh_done(&m);
}

static void a_new_epoch_begins_with_snapshots(void **state)
{
        static struct mesh m;
        struct sim_map map;
        (void)state;
        mesh_init(&m, all_to_all);
        mesh_enroll(&m, "a", NULL, 0);
        sim_init(&map);
        struct netmap_stream *s = attach(&m, 0, NULL, NETMAP_SNAPSHOT);
        sim_drain(&map, s);
        struct position old = map.position;
        netmap_set_epoch(m.nm, 2000, 8);
        sim_drain(&map, s);
        assert_int_equal(map.chunks, 2);
        assert_int_equal(map.position.epoch_start_ms, 2000);
        assert_int_equal(map.position.epoch_random, 8);
        netmap_detach(s);
        netmap_detach(attach(&m, 0, &old, NETMAP_SNAPSHOT));
        netmap_detach(attach(&m, 0, &map.position, NETMAP_RESUMED));
        sim_done(&map);
        mesh_done(&m);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(positions_are_judged),
                cmocka_unit_test(a_position_beyond_the_log_costs_a_snapshot),
                cmocka_unit_test(only_those_concerned_are_woken),
                cmocka_unit_test(a_join_is_one_small_delta),
                cmocka_unit_test(the_removed_are_told_nothing_more),
                cmocka_unit_test(large_maps_come_in_chunks),
                cmocka_unit_test(a_new_epoch_begins_with_snapshots),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
