/* The reconciler behind two doors of the test's own: order, retries, what it reports. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/reconcile.h"
#include "common/error.h"
#include "tests/agent/state/map_maker.h"
#include "tests/support/capture.h"
#include "tests/support/netns.h"
#include "tests/support/seeded_env.h"

/* What the doors saw, and what they are to answer. */
static struct {
        char order[32]; /* 'f' and 'i' */
        int firewall_error, interface_error;
        bool loaded; /* what the kernel is said to hold */
        size_t peers, endpoints, set_endpoints, recreated, with_keepalive;
        uint16_t port;
        size_t rules;
} seen;

static void note(char what)
{
        size_t len = strlen(seen.order);
        assert_true(len + 1 < sizeof(seen.order));
        seen.order[len] = what;
}

static int door_firewall(const struct firewall_input *in, struct firewall_result *ret_result)
{
        note('f');
        seen.rules = in->access ? in->access->rule_count : 0;
        seen.port = in->wireguard_port;
        *ret_result = (struct firewall_result){ .loaded = seen.loaded };
        ret_result->hash[0] = seen.loaded ? 9 : 0;
        if (seen.firewall_error)
                (void)snprintf(ret_result->error, sizeof(ret_result->error), "rule 3 failed");
        return seen.firewall_error;
}

static int door_interface(const struct apply_desired *desired, struct apply_result *ret_result)
{
        note('i');
        seen.peers = desired->device.peer_count;
        seen.endpoints = seen.set_endpoints = seen.recreated = seen.with_keepalive = 0;
        for (size_t i = 0; i < seen.peers; i++) {
                seen.endpoints += desired->device.peers[i].endpoint.addr.len > 0;
                seen.set_endpoints += desired->device.peers[i].set_endpoint;
                seen.recreated += desired->device.peers[i].recreate;
                seen.with_keepalive += desired->device.peers[i].keepalive_s > 0;
        }
        *ret_result = (struct apply_result){ .backend = "kernel", .listen_port = 51820 };
        if (seen.interface_error)
                (void)snprintf(ret_result->text, sizeof(ret_result->text), "no such device");
        return seen.interface_error;
}

static const struct reconcile_doors doors = { door_firewall, door_interface };

struct world {
        struct seeded_env e;
        uv_loop_t loop;
        struct agent_state state;
        struct agent_config config;
        struct reconcile *reconcile;
        struct arena *arena;
        unsigned done;
};

static void on_done(void *user)
{
        ((struct world *)user)->done++;
}

static int setup(void **state)
{
        static struct world w;
        w = (struct world){ .arena = arena_new(8 << 20) };
        seeded_env_init(&w.e, 5);
        seen = (__typeof__(seen)){ .loaded = true };
        w.state.enrolled = true;
        w.state.membership.wireguard_port = 51822;
        (void)snprintf(w.config.interface, sizeof(w.config.interface), "mesh0");
        struct reconcile_options options = { .loop = &w.loop,
                                             .env = &w.e.env,
                                             .state = &w.state,
                                             .config = &w.config,
                                             .doors = &doors,
                                             .done = on_done,
                                             .user = &w };
        *state = &w;
        return uv_loop_init(&w.loop) || reconcile_new(&options, &w.reconcile);
}

static int teardown(void **state)
{
        struct world *w = *state;
        reconcile_close(w->reconcile);
        (void)uv_run(&w->loop, UV_RUN_DEFAULT);
        map_free(w->state.map);
        arena_free(w->arena);
        return uv_loop_close(&w->loop);
}

static void set_map(struct world *w, Mesh__V1__Snapshot *snapshot)
{
        struct map_owner owner = maker_owner();
        map_free(w->state.map);
        w->state.map = maker_map(&owner, snapshot, NULL);
        assert_non_null(w->state.map);
}

static void firewall_comes_first(void **state)
{
        struct world *w = *state;
        set_map(w, maker_snapshot(w->arena, 0x0e, 7));
        assert_int_equal(reconcile_run(w->reconcile), 0);
        assert_string_equal(seen.order, "fi");
        assert_int_equal(seen.rules, 1);
        assert_int_equal(seen.port, 51822);
        assert_int_equal(seen.peers, 3);
        const struct reconcile_report *report = reconcile_report(w->reconcile);
        assert_int_equal(report->generation, 7);
        assert_string_equal(report->backend, "kernel");
        assert_int_equal(report->policy_hash[0], 0xaa);
        assert_true(report->has_ruleset);
        assert_int_equal(w->done, 1);
}

static void requests_of_one_turn_are_one_pass(void **state)
{
        struct world *w = *state;
        for (int i = 0; i < 5; i++)
                reconcile_request(w->reconcile);
        assert_string_equal(seen.order, "");
        (void)uv_run(&w->loop, UV_RUN_NOWAIT);
        (void)uv_run(&w->loop, UV_RUN_NOWAIT);
        assert_string_equal(seen.order, "fi");
}

static void a_stranger_to_every_mesh_touches_nothing(void **state)
{
        struct world *w = *state;
        w->state.enrolled = false;
        assert_int_equal(reconcile_run(w->reconcile), 0);
        assert_string_equal(seen.order, "");
        assert_int_equal(w->done, 0);
}

/* Without rules in the kernel there is no mesh; with old ones peers still come and go. */
static void without_rules_there_is_no_interface(void **state)
{
        struct world *w = *state;
        seen.firewall_error = MESH_ENETLINK;
        seen.loaded = false;
        assert_int_equal(reconcile_run(w->reconcile), MESH_ENETLINK);
        assert_string_equal(seen.order, "f");
        assert_string_equal(reconcile_report(w->reconcile)->firewall_error, "rule 3 failed");
        seen.loaded = true;
        assert_int_equal(reconcile_run(w->reconcile), MESH_ENETLINK);
        assert_string_equal(seen.order, "ffi");
        seen.loaded = false;
        w->config.firewall.mode = FIREWALL_MODE_OFF;
        assert_int_equal(reconcile_run(w->reconcile), MESH_ENETLINK);
        assert_string_equal(seen.order, "ffifi");
}

/* Runs the loop until the kernel was asked in this ORDER. What one turn of the loop does with a
 * timer that is due differs between versions of libuv. */
static void run_until_order(struct world *w, const char *order)
{
        for (int turns = 0; turns < 100 && strcmp(seen.order, order) != 0; turns++)
                if (!uv_run(&w->loop, UV_RUN_ONCE))
                        break;
        assert_string_equal(seen.order, order);
}

static void a_failure_is_repeated_and_told(void **state)
{
        struct world *w = *state;
        set_map(w, maker_snapshot(w->arena, 0x0e, 7));
        seen.interface_error = MESH_EPERM;
        assert_int_equal(reconcile_run(w->reconcile), MESH_EPERM);
        assert_string_equal(reconcile_report(w->reconcile)->apply_error, "no such device");
        assert_int_equal(reconcile_report(w->reconcile)->generation, 0);
        assert_true(uv_loop_alive(&w->loop)); /* the retry */
        seen.interface_error = 0;
        run_until_order(w, "fifi");
        assert_string_equal(reconcile_report(w->reconcile)->apply_error, "");
        assert_int_equal(reconcile_report(w->reconcile)->generation, 7);
}

/* The kernel's roamed endpoint stays unless the map says another one than before. */
static void only_new_endpoints_are_set(void **state)
{
        struct world *w = *state;
        set_map(w, maker_snapshot(w->arena, 0x0e, 7));
        assert_int_equal(reconcile_run(w->reconcile), 0);
        assert_int_equal(seen.set_endpoints, 0);
        Mesh__V1__Snapshot *moved = maker_snapshot(w->arena, 0x0e, 8);
        moved->peers[0]->endpoints[0]->port = 4000;
        moved->peers[2]->recreate = 1;
        set_map(w, moved);
        assert_int_equal(reconcile_run(w->reconcile), 0);
        assert_int_equal(seen.set_endpoints, 1);
        assert_int_equal(seen.recreated, 1);
        assert_int_equal(reconcile_run(w->reconcile), 0);
        assert_int_equal(seen.set_endpoints, 0);
        assert_int_equal(seen.recreated, 0);
}

static void a_failed_pass_sets_them_again(void **state)
{
        struct world *w = *state;
        set_map(w, maker_snapshot(w->arena, 0x0e, 7));
        assert_int_equal(reconcile_run(w->reconcile), 0);
        Mesh__V1__Snapshot *moved = maker_snapshot(w->arena, 0x0e, 8);
        moved->peers[0]->endpoints[0]->port = 4000;
        set_map(w, moved);
        seen.interface_error = MESH_EIO;
        assert_int_equal(reconcile_run(w->reconcile), MESH_EIO);
        seen.interface_error = 0;
        assert_int_equal(reconcile_run(w->reconcile), 0);
        assert_int_equal(seen.set_endpoints, 1);
}

static void greets_for_a_while(void **state)
{
        struct world *w = *state;
        set_map(w, maker_snapshot(w->arena, 0x0e, 7));
        reconcile_greet(w->reconcile);
        assert_int_equal(reconcile_run(w->reconcile), 0);
        assert_int_equal(seen.with_keepalive, 3);
        run_until_order(w, "fifi");
        assert_int_equal(seen.with_keepalive, 0);
}

/* A peer that only IPv6 leads to waits for no map, only for the host's own address. */
static void a_host_that_gains_ipv6_is_reconciled(void **state)
{
        static const char *const gain[] = { "ip",  "address", "add",   "2001:db8::1/64",
                                            "dev", "far",     "nodad", NULL };
        struct world *w = *state;
        if (!netns_private()) {
                print_message("needs root for a network namespace\n");
                skip();
        }
        int far = netns_new();
        netns_veth(far, "far", "192.0.2.1/24", "near", "192.0.2.2/24");
        Mesh__V1__Snapshot *snapshot = maker_snapshot(w->arena, 0x0e, 7);
        for (size_t i = 0; i < snapshot->n_peers; i++)
                snapshot->peers[i]->n_endpoints = 0;
        snapshot->peers[0]->n_endpoints = 1;
        snapshot->peers[0]->endpoints[0]->address = maker_bytes(w->arena, 0x20, 16);
        set_map(w, snapshot);
        assert_int_equal(reconcile_run(w->reconcile), 0);
        assert_int_equal(seen.endpoints, 0);
        reconcile_host_changed(w->reconcile); /* something else: no pass */
        (void)uv_run(&w->loop, UV_RUN_NOWAIT);
        assert_string_equal(seen.order, "fi");
        free(capture(gain, NULL));
        reconcile_host_changed(w->reconcile);
        (void)uv_run(&w->loop, UV_RUN_NOWAIT);
        (void)uv_run(&w->loop, UV_RUN_NOWAIT);
        assert_string_equal(seen.order, "fifi");
        assert_int_equal(seen.endpoints, 1);
        assert_int_equal(seen.set_endpoints, 1);
        close(far);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(firewall_comes_first),
                TEST(requests_of_one_turn_are_one_pass),
                TEST(a_stranger_to_every_mesh_touches_nothing),
                TEST(without_rules_there_is_no_interface),
                TEST(a_failure_is_repeated_and_told),
                TEST(only_new_endpoints_are_set),
                TEST(a_failed_pass_sets_them_again),
                TEST(greets_for_a_while),
                TEST(a_host_that_gains_ipv6_is_reconciled),
        };
        return cmocka_run_group_tests_name("agent/reconcile", tests, NULL, NULL);
}
