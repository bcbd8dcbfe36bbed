/* The agent's state over restarts: enrolment, Welcome, epochs, damage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/state/grant.h"
#include "agent/state/state.h"
#include "common/buffer.h"
#include "common/error.h"
#include "common/file.h"
#include "tests/agent/state/map_maker.h"
#include "tests/support/seeded_env.h"
#include "tests/support/temp_dir.h"

struct world {
        char path[TEMP_DIR_MAX];
        struct seeded_env e;
        struct agent_state agent;
        struct arena *arena;
        char text[MAP_TEXT_MAX];
};

static const uint8_t coordinator[KEY_BYTES] = { 0xc0 };

static int setup(void **state)
{
        static struct world world;
        world = (struct world){ .arena = arena_new(8 << 20) };
        seeded_env_init(&world.e, 3);
        temp_dir_make(world.path);
        *state = &world;
        return agent_state_open(world.path, true, &world.agent);
}

static int teardown(void **state)
{
        struct world *w = *state;
        agent_state_done(&w->agent);
        arena_free(w->arena);
        temp_dir_remove(w->path);
        return 0;
}

static void restart(struct world *w)
{
        agent_state_done(&w->agent);
        assert_int_equal(agent_state_open(w->path, true, &w->agent), 0);
}

static Mesh__V1__EnrollGrantBody *grant(struct world *w)
{
        Mesh__V1__EnrollGrantBody *g = arena_alloc(w->arena, sizeof(*g));
        const char *const addresses[] = { "100.64.0.1", "fd00:1::1" };
        const char *const prefixes[] = { "100.64.0.0/16", "fd00:1::/48" };
        mesh__v1__enroll_grant_body__init(g);
        g->node_id = maker_bytes(w->arena, 0x11, NODE_ID_BYTES);
        g->name = arena_text(w->arena, "ubongo", 6);
        g->addresses = arena_alloc(w->arena, 2 * sizeof(*g->addresses));
        g->mesh_prefixes = arena_alloc(w->arena, 2 * sizeof(*g->mesh_prefixes));
        for (size_t i = 0; i < 2; i++) {
                g->addresses[i] = maker_prefix(w->arena, addresses[i]);
                g->mesh_prefixes[i] = maker_prefix(w->arena, prefixes[i]);
        }
        g->n_addresses = g->n_mesh_prefixes = 2;
        g->coordinator_name = arena_text(w->arena, "mesh.example.org", 16);
        g->coordinator_port = 443;
        return g;
}

/* A host whose LAN is 10.77.0.0/16. */
static bool is_lan(void *user, const struct ip_prefix *prefix)
{
        static const struct ip_addr own = { 4, { 10, 77, 0, 5 } };
        (void)user;
        return ip_prefix_contains(prefix, &own);
}

static const struct grant_guard lan_guard = { is_lan, NULL };

static int join_as(struct world *w, const Mesh__V1__EnrollGrantBody *g)
{
        struct ip_endpoint worked = { .addr = { .len = 4, .bytes = { 192, 0, 2, 1 } },
                                      .port = 443 };
        struct agent_joining joining = { .coordinator = coordinator,
                                         .coordinator_name = "192.0.2.1",
                                         .coordinator_port = 443,
                                         .worked = &worked,
                                         .guard = &lan_guard,
                                         .wireguard_port = 51821,
                                         .now_ms = 1000 };
        return agent_state_join(&w->agent, g, &joining);
}

static void join(struct world *w)
{
        assert_int_equal(agent_state_make_keys(&w->agent, &w->e.env), 0);
        assert_int_equal(join_as(w, grant(w)), 0);
}

static int welcome(struct world *w, uint8_t token, uint64_t epoch_ms)
{
        Mesh__V1__WelcomeBody body = MESH__V1__WELCOME_BODY__INIT;
        Mesh__V1__Epoch epoch = MESH__V1__EPOCH__INIT;
        struct ip_endpoint worked = { .addr = { .len = 4, .bytes = { 192, 0, 2, 9 } },
                                      .port = 443 };
        epoch.start_ms = epoch_ms;
        body.epoch = &epoch;
        body.time_ms = 1767225600000;
        body.next_instance_token = maker_bytes(w->arena, token, INSTANCE_TOKEN_BYTES);
        return agent_state_welcome(&w->agent, &body, &worked, &lan_guard, 2000);
}

static void keys_are_durable_before_use(void **state)
{
        struct world *w = *state;
        uint8_t seed[KEY_BYTES];
        assert_false(w->agent.has_keys);
        assert_int_equal(agent_state_make_keys(&w->agent, &w->e.env), 0);
        memcpy(seed, w->agent.keys.identity.seed, KEY_BYTES);
        restart(w);
        assert_true(w->agent.has_keys);
        assert_memory_equal(w->agent.keys.identity.seed, seed, KEY_BYTES);
        assert_int_equal(agent_state_make_keys(&w->agent, &w->e.env), 0);
        assert_memory_equal(w->agent.keys.identity.seed, seed, KEY_BYTES);
}

static void a_member_stays_one(void **state)
{
        struct world *w = *state;
        join(w);
        restart(w);
        assert_true(w->agent.enrolled);
        assert_string_equal(w->agent.membership.name, "ubongo");
        assert_int_equal(w->agent.membership.wireguard_port, 51821);
        assert_memory_equal(w->agent.membership.coordinator, coordinator, KEY_BYTES);
        assert_int_equal(w->agent.membership.pins.count, 1);
        assert_false(w->agent.membership.has_token);
        assert_string_equal(w->agent.warning, "");
}

static void name_of_dots(Mesh__V1__EnrollGrantBody *g, struct arena *arena)
{
        g->name = arena_text(arena, "../etc", 6);
}
static void address_elsewhere(Mesh__V1__EnrollGrantBody *g, struct arena *arena)
{
        g->addresses[0] = maker_prefix(arena, "10.0.0.1");
}
static void prefix_of_everything(Mesh__V1__EnrollGrantBody *g, struct arena *arena)
{
        g->mesh_prefixes[0] = maker_prefix(arena, "0.0.0.0/0");
}
static void prefix_too_wide(Mesh__V1__EnrollGrantBody *g, struct arena *arena)
{
        g->mesh_prefixes[0] = maker_prefix(arena, "100.0.0.0/7");
}
static void prefix_of_loopback(Mesh__V1__EnrollGrantBody *g, struct arena *arena)
{
        g->mesh_prefixes[0] = maker_prefix(arena, "127.0.0.0/8");
}
static void no_address(Mesh__V1__EnrollGrantBody *g, struct arena *arena)
{
        (void)arena;
        g->n_addresses = 0;
}
static void short_node_id(Mesh__V1__EnrollGrantBody *g, struct arena *arena)
{
        (void)arena;
        g->node_id.len = 8;
}
static void port_too_high(Mesh__V1__EnrollGrantBody *g, struct arena *arena)
{
        (void)arena;
        g->coordinator_port = 65536;
}
static void coordinator_of_two_lines(Mesh__V1__EnrollGrantBody *g, struct arena *arena)
{
        g->coordinator_name = arena_text(arena, "mesh\r\nx: y", 10);
}

static const struct {
        const char *name;
        void (*spoil)(Mesh__V1__EnrollGrantBody *g, struct arena *arena);
} bad_grants[] = {
        { "a name that is no label", name_of_dots },
        { "an address outside the mesh", address_elsewhere },
        { "a route for everything", prefix_of_everything },
        { "a route that is too wide", prefix_too_wide },
        { "a route for loopback", prefix_of_loopback },
        { "no address", no_address },
        { "a node id too short", short_node_id },
        { "a port over 65535", port_too_high },
        { "a coordinator's name that is none", coordinator_of_two_lines },
};

static void a_hostile_grant_changes_nothing(void **state)
{
        struct world *w = *state;
        assert_int_equal(agent_state_make_keys(&w->agent, &w->e.env), 0);
        for (size_t i = 0; i < sizeof(bad_grants) / sizeof(bad_grants[0]); i++) {
                Mesh__V1__EnrollGrantBody *g = grant(w);
                bad_grants[i].spoil(g, w->arena);
                if (join_as(w, g) == 0 || w->agent.enrolled)
                        fail_msg("%s was taken", bad_grants[i].name);
        }
        restart(w);
        assert_false(w->agent.enrolled);
}

static void welcome_stores_token_and_pin(void **state)
{
        struct world *w = *state;
        join(w);
        assert_int_equal(welcome(w, 0x21, 5000), 0);
        restart(w);
        assert_true(w->agent.membership.has_token);
        assert_int_equal(w->agent.membership.token[0], 0x21);
        assert_int_equal(w->agent.membership.epoch.start_ms, 5000);
        assert_int_equal(w->agent.membership.pins.count, 2);
        assert_int_equal(w->agent.membership.pins.entries[0].endpoint.addr.bytes[3], 9);
        assert_int_equal(w->agent.clock_floor_ms, 1767225600000);
}

/* The token is kept even then: the coordinator has given it out. */
static void an_older_epoch_is_not_followed(void **state)
{
        struct world *w = *state;
        join(w);
        assert_int_equal(welcome(w, 0x21, 5000), 0);
        assert_int_equal(welcome(w, 0x22, 4999), MESH_ESTATE);
        restart(w);
        assert_int_equal(w->agent.membership.epoch.start_ms, 5000);
        assert_int_equal(w->agent.membership.token[0], 0x22);
        assert_int_equal(welcome(w, 0x23, 5001), 0);
        assert_int_equal(w->agent.membership.epoch.start_ms, 5001);
}

static int welcome_to(struct world *w, const char *address, const char *prefix,
                      const struct grant_guard *guard)
{
        Mesh__V1__WelcomeBody body = MESH__V1__WELCOME_BODY__INIT;
        Mesh__V1__Epoch epoch = MESH__V1__EPOCH__INIT;
        Mesh__V1__Prefix *addresses[] = { maker_prefix(w->arena, address) };
        Mesh__V1__Prefix *prefixes[] = { maker_prefix(w->arena, prefix) };
        epoch.start_ms = 5000;
        body.epoch = &epoch;
        body.next_instance_token = maker_bytes(w->arena, 1, INSTANCE_TOKEN_BYTES);
        body.addresses = addresses;
        body.mesh_prefixes = prefixes;
        body.n_addresses = body.n_mesh_prefixes = 1;
        return agent_state_welcome(&w->agent, &body, NULL, guard, 2000);
}

/* A coordinator in wrong hands may lead the mesh astray, not the host's own network. */
static void the_hosts_own_network_is_not_taken(void **state)
{
        struct world *w = *state;
        Mesh__V1__EnrollGrantBody *greedy = grant(w);
        assert_int_equal(agent_state_make_keys(&w->agent, &w->e.env), 0);
        greedy->addresses[0] = maker_prefix(w->arena, "10.77.0.1");
        greedy->mesh_prefixes[0] = maker_prefix(w->arena, "10.0.0.0/8");
        assert_int_equal(join_as(w, greedy), MESH_EADDRINUSE);
        assert_false(w->agent.enrolled);
        join(w);
        assert_int_equal(welcome_to(w, "10.77.0.1", "10.77.0.0/16", &lan_guard), MESH_EADDRINUSE);
        assert_int_equal(w->agent.membership.prefixes[0].addr.bytes[0], 100);
        /* The host came into such a LAN later: its mesh stays. */
        assert_int_equal(welcome_to(w, "10.77.0.1", "10.77.0.0/16", NULL), 0);
        assert_int_equal(welcome_to(w, "10.77.0.2", "10.77.0.0/16", &lan_guard), 0);
}

static void take_map(struct world *w, uint32_t members, uint64_t generation)
{
        bool is_new = false;
        assert_int_equal(agent_state_snapshot(&w->agent,
                                              maker_snapshot(w->arena, members, generation),
                                              &is_new, w->text),
                         0);
        assert_true(is_new);
        assert_int_equal(agent_state_save_map(&w->agent), 0);
}

static void a_map_survives_a_restart(void **state)
{
        struct world *w = *state;
        join(w);
        take_map(w, 0x0e, 7);
        restart(w);
        assert_non_null(w->agent.map);
        assert_int_equal(w->agent.map->peer_count, 3);
        assert_int_equal(w->agent.map->position.generation, 7);
        assert_false(w->agent.map_unsaved);
}

/* Torn at every length: the map before it, never half of one, and it is said. */
static void a_torn_map_falls_back(void **state)
{
        struct world *w = *state;
        char path[128];
        struct buffer whole = buffer_with_max(1 << 20);
        join(w);
        take_map(w, 0x02, 6);
        take_map(w, 0x0e, 7);
        (void)snprintf(path, sizeof(path), "%s/map", w->path);
        assert_int_equal(file_read(path, &whole), 0);
        for (size_t len = 0; len < whole.len; len += len < 64 ? 1 : 37) {
                agent_state_done(&w->agent);
                assert_int_equal(file_write(path, whole.bytes, len, 0600), 0);
                assert_int_equal(agent_state_open(w->path, true, &w->agent), 0);
                assert_non_null(w->agent.map);
                assert_int_equal(w->agent.map->position.generation, 6);
                assert_int_equal(w->agent.map->peer_count, 1);
                assert_true(w->agent.warning[0] != '\0');
        }
        buffer_done(&whole);
}

static void without_any_map_a_snapshot_is_asked_for(void **state)
{
        struct world *w = *state;
        char path[128];
        join(w);
        take_map(w, 0x02, 6);
        (void)snprintf(path, sizeof(path), "%s/map", w->path);
        assert_int_equal(file_write(path, "x", 1, 0600), 0);
        restart(w);
        assert_null(w->agent.map);
        assert_true(w->agent.enrolled);
        assert_true(w->agent.warning[0] != '\0');
}

static void a_refused_snapshot_leaves_the_map(void **state)
{
        struct world *w = *state;
        bool is_new = false;
        join(w);
        take_map(w, 0x0e, 7);
        Mesh__V1__Snapshot *bad = maker_snapshot(w->arena, 0x06, 8);
        bad->peers[0]->node_id.len = 3;
        assert_int_equal(agent_state_snapshot(&w->agent, bad, &is_new, w->text), MESH_EFORMAT);
        assert_false(is_new);
        assert_true(w->text[0] != '\0');
        assert_int_equal(w->agent.map->position.generation, 7);
        assert_int_equal(agent_state_delta(&w->agent, maker_delta(w->arena, 7, 8), w->text), 0);
        assert_int_equal(w->agent.map->position.generation, 8);
        assert_true(w->agent.map_unsaved);
}

static void leaving_leaves_nothing(void **state)
{
        struct world *w = *state;
        join(w);
        take_map(w, 0x0e, 7);
        assert_int_equal(welcome(w, 0x21, 5000), 0);
        assert_int_equal(agent_state_forget(&w->agent), 0);
        assert_false(w->agent.enrolled);
        assert_false(w->agent.has_keys);
        assert_int_equal(agent_state_forget(&w->agent), 0);
        restart(w);
        assert_false(w->agent.has_keys);
        assert_false(w->agent.enrolled);
        for (int file = 0; file < STATE_FILE_COUNT; file++)
                assert_false(state_dir_has_traces(&w->agent.dir, (enum state_file)file));
}

static void a_damaged_membership_is_told(void **state)
{
        struct world *w = *state;
        char path[128];
        join(w);
        (void)snprintf(path, sizeof(path), "%s/membership", w->path);
        assert_int_equal(file_write(path, "x", 1, 0600), 0);
        restart(w);
        assert_false(w->agent.enrolled);
        assert_true(w->agent.has_keys);
        assert_true(w->agent.warning[0] != '\0');
        assert_true(state_dir_has_traces(&w->agent.dir, STATE_MEMBERSHIP));
}

/* The coordinator takes only the newest token: the copy must not hold an older one. */
static void a_torn_membership_falls_back_to_the_same_token(void **state)
{
        struct world *w = *state;
        char path[128];
        join(w);
        assert_int_equal(welcome(w, 0x21, 5000), 0);
        assert_int_equal(welcome(w, 0x22, 5000), 0);
        (void)snprintf(path, sizeof(path), "%s/membership", w->path);
        assert_int_equal(file_write(path, "torn", 4, 0600), 0);
        restart(w);
        assert_true(w->agent.enrolled);
        assert_int_equal(w->agent.membership.token[0], 0x22);
        assert_non_null(strstr(w->agent.warning, "membership: damaged; the copy"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(keys_are_durable_before_use),
                TEST(a_member_stays_one),
                TEST(a_hostile_grant_changes_nothing),
                TEST(welcome_stores_token_and_pin),
                TEST(an_older_epoch_is_not_followed),
                TEST(the_hosts_own_network_is_not_taken),
                TEST(a_map_survives_a_restart),
                TEST(a_torn_map_falls_back),
                TEST(without_any_map_a_snapshot_is_asked_for),
                TEST(a_refused_snapshot_leaves_the_map),
                TEST(leaving_leaves_nothing),
                TEST(a_damaged_membership_is_told),
                TEST(a_torn_membership_falls_back_to_the_same_token),
        };
        return cmocka_run_group_tests_name("agent/state/state", tests, NULL, NULL);
}
