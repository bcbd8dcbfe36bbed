/* Life cycle of the registry: what a start keeps, what a failing disk does, tokens, policy, time.
 */
#include "tests/coordinator/faulty_vfs.h"
#include "tests/coordinator/registry/fixture.h"

static int setup(void **state)
{
        faulty_heal();
        return fixture_setup(state);
}

static int teardown(void **state)
{
        faulty_heal();
        return fixture_teardown(state);
}

/* ---- starting ---- */

static void a_start_finds_everything_again(void **state)
{
        struct fixture *f = *state;
        uint8_t key[SETUP_KEY_ID_BYTES], identity[KEY_BYTES], id[NODE_ID_BYTES];
        memcpy(identity, registry_identity(f->r)->public_key, sizeof(identity));
        make_reusable_key(f, key);
        memcpy(id, join(f, 1, key, "ubongo")->record.member->id, sizeof(id));
        assert_int_equal(apply_policy(f, "version: 1\nallow:\n"
                                         "  - {from: all, to: all, ports: [any]}\n"),
                         REGISTRY_OK);
        struct meta_record meta = *registry_meta(f->r);
        struct member *before = member_ref(registry_find_node(f->r, id)->record.member);

        fixture_reopen(f);
        const struct meta_record *after = registry_meta(f->r);
        assert_memory_equal(registry_identity(f->r)->public_key, identity, sizeof(identity));
        assert_int_equal(after->generation, meta.generation);
        assert_memory_equal(after->log_hash, meta.log_hash, KEY_BYTES);
        assert_int_equal(after->epoch.random, meta.epoch.random);
        assert_int_equal(ip_prefix_compare(&after->ipv4, &meta.ipv4), 0);
        assert_int_equal(ip_prefix_compare(&after->ipv6, &meta.ipv6), 0);
        assert_true(member_equal(registry_find_node(f->r, id)->record.member, before));
        assert_int_equal(registry_policy_version(f->r), 1);
        assert_int_equal(policy_rule_count(registry_policy(f->r)), 1);
        assert_int_equal(netmap_generation(f->nm), meta.generation);
        member_unref(before);
}

static void overlays_keep_clear_of_local_routes(void **state)
{
        struct fixture *f = *state;
        struct ip_prefix local[65];
        size_t count = 0;
        assert_int_equal(ip_prefix_parse("0.0.0.0/0", &local[count++]), 0); /* no user of it */
        for (unsigned i = 0; i < 64; i++) {
                char text[32];
                snprintf(text, sizeof(text), "100.%u.8.0/24", 64 + i);
                if (i != 37)
                        assert_int_equal(ip_prefix_parse(text, &local[count++]), 0);
        }
        struct registry_options options = { .path = f->path,
                                            .env = &f->env.env,
                                            .netmap = f->nm,
                                            .local_prefixes = local,
                                            .local_prefix_count = count };
        registry_close(f->r);
        unlink(f->path);
        assert_int_equal(registry_open(&options, NULL, &f->r), 0);
        struct ip_prefix expected;
        assert_int_equal(ip_prefix_parse("100.101.0.0/16", &expected), 0);
        assert_int_equal(ip_prefix_compare(&registry_meta(f->r)->ipv4, &expected), 0);
        assert_int_equal(registry_meta(f->r)->ipv6.bits, 48);
        assert_int_equal(registry_meta(f->r)->ipv6.addr.bytes[0], 0xfd);

        char detail[REGISTRY_DETAIL_MAX];
        struct registry *r = NULL;
        registry_close(f->r);
        f->r = NULL;
        unlink(f->path);
        assert_int_equal(ip_prefix_parse("100.64.0.0/10", &local[0]), 0);
        assert_int_equal(registry_open(&options, detail, &r), MESH_EADDRINUSE);
        assert_non_null(strstr(detail, "100.64.0.0/10"));
        netmap_free(f->nm);
        assert_int_equal(fixture_open(f), 0);
}

/* ---- failing disks ---- */

static const struct {
        const char *name;
        int write_error, sync_error, writes_before, expected;
} disks[] = {
        { "full at once", SQLITE_FULL, 0, 0, MESH_ENOSPC },
        { "full in the middle", SQLITE_FULL, 0, 2, MESH_ENOSPC },
        { "broken at once", SQLITE_IOERR_WRITE, 0, 0, MESH_EIO },
        { "broken sync", 0, SQLITE_IOERR_FSYNC, 0, MESH_EIO },
};

static void nothing_is_kept_that_was_not_acknowledged(void **state)
{
        struct fixture *f = *state;
        uint8_t key[SETUP_KEY_ID_BYTES];
        struct setup_key_request request = { 0 };
        make_key(f, &request, key);
        for (size_t i = 0; i < LENGTH(disks); i++) {
                struct result first, second, late;
                struct registry_claim a = claim_of(1, key, "a"), b = claim_of(2, key, "b");
                uint64_t generation = netmap_generation(f->nm);
                faulty_disk = (struct faulty_disk){ .write_error = disks[i].write_error,
                                                    .sync_error = disks[i].sync_error,
                                                    .writes_before = disks[i].writes_before };
                result_init(&first);
                result_init(&second);
                registry_enroll(f->r, &a, &first.call);
                registry_enroll(f->r, &b, &second.call); /* refused, but that rests on the first */
                registry_run(f->r);
                assert_int_equal(first.done + second.done, 2);
                assert_int_equal(first.call.outcome, REGISTRY_UNAVAILABLE);
                assert_int_equal(second.call.outcome, REGISTRY_UNAVAILABLE);
                if (first.call.error != disks[i].expected)
                        fail_msg("%s: %s", disks[i].name, mesh_strerror(first.call.error));
                assert_int_equal(netmap_generation(f->nm), generation);
                result_init(&late); /* until it has loaded itself again, it refuses */
                registry_enroll(f->r, &a, &late.call);
                faulty_heal();
                registry_run(f->r);
                registry_run(f->r);
                assert_int_equal(late.call.outcome, REGISTRY_UNAVAILABLE);
                assert_int_equal(registry_node_count(f->r), 0);
                assert_int_equal(registry_find_setup_key(f->r, key)->uses, 0);
        }
        join(f, 1, key, "a");
        fixture_reopen(f);
        assert_int_equal(registry_node_count(f->r), 1);
}

static void a_reload_that_fails_is_tried_again(void **state)
{
        struct fixture *f = *state;
        uint8_t key[SETUP_KEY_ID_BYTES];
        struct result result;
        make_reusable_key(f, key);
        struct registry_claim claim = claim_of(1, key, "a");
        faulty_disk.sync_error = SQLITE_IOERR_FSYNC;
        for (int i = 0; i < 3; i++) {
                result_init(&result);
                registry_enroll(f->r, &claim, &result.call);
                registry_run(f->r);
                registry_tick(f->r);
                registry_run(f->r);
                assert_int_equal(result.done, 1);
                assert_int_equal(result.call.outcome, REGISTRY_UNAVAILABLE);
        }
        faulty_heal();
        registry_tick(f->r);
        registry_run(f->r);
        assert_int_equal(enroll(f, &claim, &result), REGISTRY_OK);
}

/* A full disk can be read, so the reload succeeds: the store is ill until a write succeeds. */
static void health_is_what_the_newest_write_says(void **state)
{
        struct fixture *f = *state;
        uint8_t key[SETUP_KEY_ID_BYTES];
        struct result result;
        const char *detail;
        make_reusable_key(f, key);
        struct registry_claim claim = claim_of(1, key, "a");
        assert_true(registry_healthy(f->r, &detail));
        faulty_disk.write_error = SQLITE_FULL;
        assert_int_equal(enroll(f, &claim, &result), REGISTRY_UNAVAILABLE);
        for (int i = 0; i < 12; i++) {
                registry_tick(f->r);
                registry_run(f->r);
                registry_run(f->r);
                f->env.now_ms += 1000;
                assert_false(registry_healthy(f->r, &detail));
                assert_string_equal(detail, mesh_strerror(MESH_ENOSPC));
        }
        faulty_heal();
        for (int i = 0; i < 6; i++) { /* nobody asks for a change */
                registry_tick(f->r);
                registry_run(f->r);
                f->env.now_ms += 1000;
        }
        assert_true(registry_healthy(f->r, &detail));
        assert_string_equal(detail, "");
        assert_int_equal(enroll(f, &claim, &result), REGISTRY_OK);
}

static void a_forgotten_call_is_not_answered(void **state)
{
        struct fixture *f = *state;
        uint8_t key[SETUP_KEY_ID_BYTES];
        struct result result;
        make_reusable_key(f, key);
        struct registry_claim claim = claim_of(1, key, "a");
        result_init(&result);
        registry_enroll(f->r, &claim, &result.call);
        registry_forget(&result.call);
        registry_run(f->r);
        assert_int_equal(result.done, 0);
        assert_int_equal(registry_node_count(f->r), 1);
}

/* Refused before it got to the store; the ones beside it are answered all the same. */
static void a_forgotten_refusal_is_not_answered(void **state)
{
        struct fixture *f = *state;
        uint8_t key[SETUP_KEY_ID_BYTES];
        struct result broken, refused[4];
        make_reusable_key(f, key);
        struct registry_claim claim = claim_of(1, key, "a");
        faulty_disk.sync_error = SQLITE_IOERR_FSYNC;
        result_init(&broken);
        registry_enroll(f->r, &claim, &broken.call);
        registry_run(f->r);
        for (size_t i = 0; i < LENGTH(refused); i++) {
                result_init(&refused[i]);
                registry_enroll(f->r, &claim, &refused[i].call);
        }
        registry_forget(&refused[3].call);
        registry_forget(&refused[1].call);
        result_init(&broken);
        registry_enroll(f->r, &claim, &broken.call);
        faulty_heal();
        registry_run(f->r);
        for (size_t i = 0; i < LENGTH(refused); i++)
                assert_int_equal(refused[i].done, i % 2 == 0);
        assert_int_equal(broken.done, 1);
}

/* ---- instance tokens ---- */

struct machine {
        uint8_t token[INSTANCE_TOKEN_BYTES];
        size_t len;
};

/* Connects; MACHINE keeps what it is handed unless it crashes before it can. */
static enum registry_outcome machine_connect(struct fixture *f, const uint8_t *id,
                                             struct machine *machine, bool crash)
{
        struct result result;
        struct peer_versions versions = { .lowest = 1, .highest = 1, .software = "test" };
        result_init(&result);
        registry_connect(f->r, id, machine->token, machine->len, &versions, &result.call);
        enum registry_outcome outcome = result_wait(f, &result);
        if (outcome != REGISTRY_OK)
                return outcome;
        if (!crash) {
                memcpy(machine->token, result.call.next_token, sizeof(machine->token));
                machine->len = sizeof(machine->token);
                registry_contact(f->r, id);
        }
        registry_disconnect(f->r, id);
        return outcome;
}

static void clones_are_found(void **state)
{
        struct fixture *f = *state;
        uint8_t key[SETUP_KEY_ID_BYTES], id[NODE_ID_BYTES], nobody[NODE_ID_BYTES] = { 1 };
        struct machine original = { .len = 0 };
        make_reusable_key(f, key);
        memcpy(id, join(f, 1, key, "a")->record.member->id, sizeof(id));
        assert_int_equal(machine_connect(f, nobody, &original, false), REGISTRY_NODE_UNKNOWN);
        assert_int_equal(machine_connect(f, id, &original, true),
                         REGISTRY_OK); /* loses the first */
        assert_int_equal(machine_connect(f, id, &original, false), REGISTRY_OK);
        for (int i = 0; i < 3; i++) /* crashes before it stores, again and again */
                assert_int_equal(machine_connect(f, id, &original, true), REGISTRY_OK);
        struct machine clone = original;
        assert_int_equal(machine_connect(f, id, &original, false), REGISTRY_OK);
        assert_int_equal(machine_connect(f, id, &clone, false), REGISTRY_CLONED);
        fixture_reopen(f);
        assert_int_equal(machine_connect(f, id, &clone, false), REGISTRY_CLONED);
        assert_int_equal(machine_connect(f, id, &original, false), REGISTRY_OK);
        clone = original; /* a copy that connects first: then the other one is found */
        assert_int_equal(machine_connect(f, id, &clone, false), REGISTRY_OK);
        assert_int_equal(machine_connect(f, id, &original, false), REGISTRY_CLONED);
        assert_int_equal(machine_connect(f, id, &clone, false), REGISTRY_OK);
        struct machine blank = { .len = 0 };
        assert_int_equal(machine_connect(f, id, &blank, false), REGISTRY_CLONED);
}

/* ---- reports, policy, epochs, time ---- */

static void only_real_changes_are_generations(void **state)
{
        struct fixture *f = *state;
        uint8_t key[SETUP_KEY_ID_BYTES], id[NODE_ID_BYTES];
        struct ip_endpoint endpoints[MEMBER_MAX_ENDPOINTS + 1] = { 0 };
        for (size_t i = 0; i < LENGTH(endpoints); i++)
                endpoints[i] =
                        (struct ip_endpoint){ .addr = { .len = 4, .bytes = { 192, 0, 2, 1 } },
                                              .port = (uint16_t)(i + 1) };
        make_reusable_key(f, key);
        memcpy(id, join(f, 1, key, "a")->record.member->id, sizeof(id));
        uint64_t generation = registry_meta(f->r)->generation;
        registry_report_endpoints(f->r, id, endpoints, 2);
        registry_report_endpoints(f->r, id, endpoints, 2);
        registry_run(f->r);
        assert_int_equal(netmap_generation(f->nm), generation + 1);
        fixture_reopen(f);
        registry_report_endpoints(f->r, id, endpoints, 2);
        registry_run(f->r);
        assert_int_equal(netmap_generation(f->nm), generation + 1);
        registry_report_endpoints(f->r, id, endpoints, LENGTH(endpoints));
        registry_run(f->r);
        assert_int_equal(registry_find_node(f->r, id)->record.member->endpoint_count,
                         MEMBER_MAX_ENDPOINTS);
}

static void policies_are_applied_once(void **state)
{
        static const char allow[] = "version: 1\nallow:\n  - {from: all, to: all, ports: [icmp]}\n";
        static const char same[] =
                "# the same\nversion: 1\nallow: [{from: all, to: all, ports: icmp}]\n";
        struct fixture *f = *state;
        assert_int_equal(apply_policy(f, allow), REGISTRY_OK);
        uint64_t generation = registry_meta(f->r)->generation;
        assert_int_equal(apply_policy(f, same), REGISTRY_UNCHANGED);
        assert_int_equal(apply_policy(f, "version: 1\nallow:\n  - {from: nobody}\n"),
                         REGISTRY_INVALID);
        assert_int_equal(registry_meta(f->r)->generation, generation);
        assert_int_equal(registry_policy_version(f->r), 1);
        assert_int_equal(apply_policy(f, "version: 1\n"), REGISTRY_OK);
        assert_int_equal(registry_policy_version(f->r), 2);
        fixture_reopen(f);
        assert_int_equal(registry_policy_version(f->r), 2);
        assert_int_equal(policy_rule_count(registry_policy(f->r)), 0);
}

static void a_store_that_went_back_begins_an_epoch(void **state)
{
        struct fixture *f = *state;
        struct epoch first = registry_meta(f->r)->epoch;
        struct position seen = { .epoch_start_ms = first.start_ms, .epoch_random = first.random };
        struct result result;
        for (int i = 0; i < 2; i++) { /* two members say so: one new epoch */
                result_init(&result);
                registry_begin_epoch(f->r, &seen, &result.call);
                assert_int_equal(result_wait(f, &result), i ? REGISTRY_UNCHANGED : REGISTRY_OK);
        }
        struct epoch second = registry_meta(f->r)->epoch;
        assert_true(second.start_ms > first.start_ms);
        seen.epoch_start_ms = second.start_ms + 1000000; /* of a later epoch that was lost */
        seen.epoch_random = 1;
        result_init(&result);
        registry_begin_epoch(f->r, &seen, &result.call);
        assert_int_equal(result_wait(f, &result), REGISTRY_OK);
        fixture_reopen(f);
        assert_true(registry_meta(f->r)->epoch.start_ms > seen.epoch_start_ms);
}

static void keys_are_forgotten_in_the_end(void **state)
{
        struct fixture *f = *state;
        uint8_t key[SETUP_KEY_ID_BYTES];
        make_reusable_key(f, key);
        f->env.wall_ms += SETUP_KEY_DEFAULT_LIFETIME_MS + 30ll * 24 * 3600 * 1000 - 1;
        registry_tick(f->r);
        registry_run(f->r);
        assert_non_null(registry_find_setup_key(f->r, key));
        f->env.wall_ms += 3600 * 1000;
        registry_tick(f->r);
        registry_run(f->r);
        fixture_reopen(f);
        assert_null(registry_find_setup_key(f->r, key));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                CASE(a_start_finds_everything_again),
                CASE(overlays_keep_clear_of_local_routes),
                CASE(nothing_is_kept_that_was_not_acknowledged),
                CASE(a_reload_that_fails_is_tried_again),
                CASE(health_is_what_the_newest_write_says),
                CASE(a_forgotten_call_is_not_answered),
                CASE(a_forgotten_refusal_is_not_answered),
                CASE(clones_are_found),
                CASE(only_real_changes_are_generations),
                CASE(policies_are_applied_once),
                CASE(a_store_that_went_back_begins_an_epoch),
                CASE(keys_are_forgotten_in_the_end),
        };
        faulty_vfs_install();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
