/* Names are claims; addresses are stable; members come and go. */
#include "tests/coordinator/registry/fixture.h"

static const char mentions_ubongo[] = "version: 1\ngroups:\n  servers: [ubongo, askari]\n"
                                      "allow:\n  - {from: all, to: servers, ports: [tcp/22]}\n";

static const int64_t day_ms = 24ll * 3600 * 1000;

static enum registry_outcome remove_node(struct fixture *f, const char *name)
{
        struct result result;
        result_init(&result);
        registry_remove_node(f->r, name, &result.call);
        return result_wait(f, &result);
}

static enum registry_outcome approve(struct fixture *f, const char *name)
{
        struct result result;
        result_init(&result);
        registry_approve_node(f->r, name, &result.call);
        return result_wait(f, &result);
}

static enum registry_outcome release(struct fixture *f, const char *name)
{
        struct result result;
        result_init(&result);
        registry_release_name(f->r, name, &result.call);
        return result_wait(f, &result);
}

static enum registry_outcome leave(struct fixture *f, const struct node *node)
{
        struct result result;
        uint8_t id[NODE_ID_BYTES];
        memcpy(id, node->record.member->id, sizeof(id));
        result_init(&result);
        registry_leave(f->r, id, &result.call);
        return result_wait(f, &result);
}

static void assert_named(const struct node *node, const char *name, const char *claimed)
{
        assert_string_equal(node->record.member->name, name);
        assert_string_equal(node->record.claimed_name, claimed);
        assert_int_equal(node->record.member->name_pending, claimed[0] != 0);
}

static const struct {
        const char *wanted, *given;
} spellings[] = {
        { "ubongo", "ubongo" },
        { "Ubongo", "ubongo-2" },
        { "askari.example.org", "askari" },
        { "my host_1", "my-host-1" },
        { "--x--", "x" },
        { "...", "fallback" },
        { "all", "fallback-2" },
        { "\xc3\xbc", "fallback-3" },
        { "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
          "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" },
        { "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
          "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-2" },
};

static void wishes_become_labels(void **state)
{
        struct fixture *f = *state;
        uint8_t key[SETUP_KEY_ID_BYTES];
        make_reusable_key(f, key);
        for (size_t i = 0; i < LENGTH(spellings); i++)
                assert_named(join(f, (uint8_t)(i + 1), key, spellings[i].wanted),
                             spellings[i].given, "");
}

static void a_name_of_the_policy_waits_for_approval(void **state)
{
        struct fixture *f = *state;
        uint8_t key[SETUP_KEY_ID_BYTES];
        make_reusable_key(f, key);
        assert_int_equal(apply_policy(f, mentions_ubongo), REGISTRY_OK);
        assert_named(join(f, 1, key, "ubongo"), "ubongo-2", "ubongo");
        assert_named(join(f, 2, key, "ubongo"), "ubongo-3", "ubongo");
        assert_named(join(f, 3, key, "plain"), "plain", "");
        fixture_reopen(f);
        assert_named(registry_select_node(f->r, "ubongo-2"), "ubongo-2", "ubongo");

        assert_int_equal(approve(f, "plain"), REGISTRY_NOTHING_CLAIMED);
        assert_int_equal(approve(f, "nobody"), REGISTRY_NODE_UNKNOWN);
        assert_int_equal(approve(f, "ubongo-2"), REGISTRY_OK);
        assert_named(registry_select_node(f->r, "ubongo"), "ubongo", "");
        assert_int_equal(approve(f, "ubongo-3"), REGISTRY_NAME_TAKEN);
        assert_int_equal(leave(f, registry_select_node(f->r, "ubongo")), REGISTRY_OK);
        assert_int_equal(approve(f, "ubongo-3"), REGISTRY_OK);
        fixture_reopen(f);
        assert_named(registry_select_node(f->r, "ubongo"), "ubongo", "");
}

static void a_key_made_for_a_name_gives_it(void **state)
{
        struct fixture *f = *state;
        struct setup_key_request request = { .name = "ubongo", .reusable = true };
        uint8_t named[SETUP_KEY_ID_BYTES];
        make_key(f, &request, named);
        assert_int_equal(apply_policy(f, mentions_ubongo), REGISTRY_OK);
        assert_named(join(f, 1, named, "some-hostname"), "ubongo", "");
        assert_named(join(f, 2, named, "ubongo"), "ubongo-2", ""); /* held is never given */
        /* removed: reserved; a key made for it still gives it, and ends the reservation */
        assert_int_equal(remove_node(f, "ubongo"), REGISTRY_OK);
        assert_named(join(f, 3, named, "ubongo"), "ubongo", "");
        assert_int_equal(release(f, "ubongo"), REGISTRY_NAME_NOT_RESERVED);
}

static void removing_reserves_and_leaving_frees(void **state)
{
        struct fixture *f = *state;
        uint8_t key[SETUP_KEY_ID_BYTES];
        make_reusable_key(f, key);
        join(f, 1, key, "a");
        join(f, 2, key, "b");
        assert_int_equal(leave(f, registry_select_node(f->r, "a")), REGISTRY_OK);
        assert_named(join(f, 3, key, "a"), "a", "");
        assert_int_equal(remove_node(f, "b"), REGISTRY_OK);
        fixture_reopen(f);
        assert_named(join(f, 4, key, "b"), "b-2", "b");
        assert_int_equal(release(f, "b"), REGISTRY_OK);
        assert_int_equal(release(f, "b"), REGISTRY_NAME_NOT_RESERVED);
        assert_named(join(f, 5, key, "b"), "b", "");
        assert_int_equal(approve(f, "b-2"), REGISTRY_NAME_TAKEN);
}

static void addresses_rest_for_30_days(void **state)
{
        struct fixture *f = *state;
        uint8_t key[SETUP_KEY_ID_BYTES];
        struct setup_key_request request = { .reusable = true,
                                             .lifetime_ms = 900ull * 24 * 3600000 };
        make_key(f, &request, key);
        const struct node *a = join(f, 1, key, "a");
        struct ip_addr v4 = a->record.member->v4, v6 = a->record.member->v6;
        join(f, 2, key, "b");
        assert_int_equal(leave(f, registry_select_node(f->r, "a")), REGISTRY_OK);

        f->env.wall_ms += 30 * day_ms - 1;
        registry_tick(f->r);
        registry_run(f->r);
        fixture_reopen(f);
        const struct node *c = join(f, 3, key, "c");
        assert_int_not_equal(ip_addr_compare(&c->record.member->v4, &v4), 0);

        f->env.wall_ms += 3600 * 1000; /* the next look */
        registry_tick(f->r);
        registry_run(f->r);
        fixture_reopen(f);
        const struct node *d = join(f, 4, key, "d");
        assert_int_equal(ip_addr_compare(&d->record.member->v4, &v4), 0);
        assert_int_equal(ip_addr_compare(&d->record.member->v6, &v6), 0);
}

static void who_comes_back_has_its_address(void **state)
{
        struct fixture *f = *state;
        uint8_t key[SETUP_KEY_ID_BYTES];
        make_reusable_key(f, key);
        join(f, 1, key, "x");
        struct ip_addr v4 = join(f, 2, key, "a")->record.member->v4;
        join(f, 3, key, "y");
        assert_int_equal(leave(f, registry_select_node(f->r, "a")), REGISTRY_OK);
        const struct node *again = join(f, 2, key, "a");
        assert_int_equal(ip_addr_compare(&again->record.member->v4, &v4), 0);
}

static void a_small_prefix_runs_out(void **state)
{
        struct fixture *f = *state;
        struct result result;
        uint8_t key[SETUP_KEY_ID_BYTES];
        fixture_close(f);
        unlink(f->path);
        assert_int_equal(ip_prefix_parse("10.99.0.0/29", &f->ipv4), 0);
        assert_int_equal(fixture_open(f), 0);
        make_reusable_key(f, key);
        for (uint8_t i = 1; i <= 6; i++) { /* neither the network's address nor the broadcast */
                struct ip_addr expected = { .len = 4, .bytes = { 10, 99, 0, i } };
                const struct node *node = join(f, i, key, "h");
                assert_int_equal(ip_addr_compare(&node->record.member->v4, &expected), 0);
        }
        struct registry_claim claim = claim_of(7, key, "h");
        assert_int_equal(enroll(f, &claim, &result), REGISTRY_FULL);
}

static void ephemeral_nodes_are_released(void **state)
{
        struct fixture *f = *state;
        struct setup_key_request request = { .reusable = true, .ephemeral_ms = 60000 };
        uint8_t key[SETUP_KEY_ID_BYTES];
        make_key(f, &request, key);
        join(f, 1, key, "brief");
        f->env.now_ms += 59999;
        fixture_reopen(f); /* its uptime counts, so a restart begins anew */
        f->env.now_ms += 59999;
        registry_tick(f->r);
        registry_run(f->r);
        const struct node *node = registry_select_node(f->r, "brief");
        assert_non_null(node);
        registry_contact(f->r, node->record.member->id);
        f->env.now_ms += 59999;
        registry_tick(f->r);
        registry_run(f->r);
        assert_non_null(registry_select_node(f->r, "brief"));
        f->env.now_ms += 1;
        registry_tick(f->r);
        registry_run(f->r);
        assert_null(registry_select_node(f->r, "brief"));
        assert_named(join(f, 2, key, "brief"), "brief", ""); /* as by leave: the name is free */
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(wishes_become_labels, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(a_name_of_the_policy_waits_for_approval,
                                                fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(a_key_made_for_a_name_gives_it, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(removing_reserves_and_leaving_frees, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(addresses_rest_for_30_days, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(who_comes_back_has_its_address, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(a_small_prefix_runs_out, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(ephemeral_nodes_are_released, fixture_setup,
                                                fixture_teardown),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
