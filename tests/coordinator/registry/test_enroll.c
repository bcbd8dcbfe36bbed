/* Every way in which an enrolment can end. */
#include "tests/coordinator/registry/fixture.h"

/* One key per case, prepared as the case says, then one claim. */
struct enroll_case {
        const char *name;
        struct setup_key_request key;
        const char *wanted_tag;
        uint32_t used; /* members that enrol with the key before */
        bool revoke, unknown_key;
        int64_t later_ms;
        enum registry_outcome expected;
};

static const char *const server[] = { "server" };

static const struct enroll_case cases[] = {
        { .name = "one-off, first use", .expected = REGISTRY_OK },
        { .name = "one-off, second use", .used = 1, .expected = REGISTRY_KEY_USED_UP },
        { .name = "reusable without limit",
          .key = { .reusable = true },
          .used = 3,
          .expected = REGISTRY_OK },
        { .name = "last use of three",
          .key = { .reusable = true, .max_uses = 3 },
          .used = 2,
          .expected = REGISTRY_OK },
        { .name = "one over the limit",
          .key = { .reusable = true, .max_uses = 3 },
          .used = 3,
          .expected = REGISTRY_KEY_USED_UP },
        { .name = "last millisecond of the default day",
          .later_ms = SETUP_KEY_DEFAULT_LIFETIME_MS - 1,
          .expected = REGISTRY_OK },
        { .name = "after the default day",
          .later_ms = SETUP_KEY_DEFAULT_LIFETIME_MS,
          .expected = REGISTRY_KEY_EXPIRED },
        { .name = "after its own lifetime",
          .key = { .lifetime_ms = 1000 },
          .later_ms = 1000,
          .expected = REGISTRY_KEY_EXPIRED },
        { .name = "revoked", .revoke = true, .expected = REGISTRY_KEY_REVOKED },
        { .name = "revoked and expired",
          .revoke = true,
          .later_ms = SETUP_KEY_DEFAULT_LIFETIME_MS,
          .expected = REGISTRY_KEY_REVOKED },
        { .name = "no such key", .unknown_key = true, .expected = REGISTRY_KEY_UNKNOWN },
        { .name = "a tag of the key",
          .key = { .tags = server, .tag_count = 1 },
          .wanted_tag = "server",
          .expected = REGISTRY_OK },
        { .name = "a tag of no key", .wanted_tag = "server", .expected = REGISTRY_TAGS_REFUSED },
        { .name = "a tag of another key",
          .key = { .tags = server, .tag_count = 1 },
          .wanted_tag = "work",
          .expected = REGISTRY_TAGS_REFUSED },
};

static void revoke_key(struct fixture *f, const uint8_t *id)
{
        struct result result;
        char hex[2 * SETUP_KEY_ID_BYTES + 1];
        for (size_t i = 0; i < SETUP_KEY_ID_BYTES; i++)
                snprintf(hex + 2 * i, 3, "%02x", id[i]);
        result_init(&result);
        registry_revoke_setup_key(f->r, hex, &result.call);
        assert_int_equal(result_wait(f, &result), REGISTRY_OK);
        result_init(&result);
        registry_revoke_setup_key(f->r, hex, &result.call);
        assert_int_equal(result_wait(f, &result), REGISTRY_UNCHANGED);
}

static void outcomes_are_told_apart(void **state)
{
        struct fixture *f = *state;
        uint8_t who = 1;
        for (size_t i = 0; i < LENGTH(cases); i++) {
                const struct enroll_case *c = &cases[i];
                uint8_t key[SETUP_KEY_ID_BYTES];
                struct result result;
                make_key(f, &c->key, key);
                for (uint32_t j = 0; j < c->used; j++)
                        join(f, who++, key, "other");
                if (c->revoke)
                        revoke_key(f, key);
                if (c->unknown_key)
                        key[0] ^= 1;
                f->env.wall_ms += c->later_ms;
                struct registry_claim claim = claim_of(who++, key, "host");
                claim.wanted_tags = &c->wanted_tag;
                claim.wanted_tag_count = c->wanted_tag != NULL;
                size_t before = registry_node_count(f->r);
                enum registry_outcome outcome = enroll(f, &claim, &result);
                if (outcome != c->expected)
                        fail_msg("%s: %s", c->name, registry_outcome_word(outcome));
                assert_int_equal(registry_node_count(f->r), before + (outcome == REGISTRY_OK));
        }
}

static void the_same_identity_gets_its_node_back(void **state)
{
        struct fixture *f = *state;
        uint8_t key[SETUP_KEY_ID_BYTES];
        struct setup_key_request request = { 0 };
        struct result result;
        make_key(f, &request, key);
        const struct node *node = join(f, 1, key, "ubongo");
        uint8_t id[NODE_ID_BYTES];
        memcpy(id, node->record.member->id, sizeof(id));

        for (int i = 0; i < 2; i++) { /* used up; then expired too, and after a restart */
                struct registry_claim claim = claim_of(1, key, "another-name");
                assert_int_equal(enroll(f, &claim, &result), REGISTRY_EXISTING);
                assert_memory_equal(result.call.node_id, id, sizeof(id));
                assert_int_equal(registry_find_setup_key(f->r, key)->uses, 1);
                f->env.wall_ms += 2 * SETUP_KEY_DEFAULT_LIFETIME_MS;
                fixture_reopen(f);
        }
        struct registry_claim claim = claim_of(1, key, "ubongo");
        claim.wireguard_key[0] ^= 1;
        assert_int_equal(enroll(f, &claim, &result), REGISTRY_WIREGUARD_KEY_CHANGED);
        assert_int_equal(registry_node_count(f->r), 1);
}

static void a_wireguard_key_is_unique(void **state)
{
        struct fixture *f = *state;
        uint8_t key[SETUP_KEY_ID_BYTES];
        struct result result;
        make_reusable_key(f, key);
        join(f, 1, key, "a");
        struct registry_claim claim = claim_of(2, key, "b");
        memset(claim.wireguard_key, 1 ^ 0x80, KEY_BYTES);
        assert_int_equal(enroll(f, &claim, &result), REGISTRY_WIREGUARD_KEY_TAKEN);
        assert_int_equal(registry_find_setup_key(f->r, key)->uses, 1);
}

static void a_removed_identity_is_barred(void **state)
{
        struct fixture *f = *state;
        uint8_t key[SETUP_KEY_ID_BYTES];
        struct result result;
        make_reusable_key(f, key);
        join(f, 1, key, "a");
        result_init(&result);
        registry_remove_node(f->r, "a", &result.call);
        assert_int_equal(result_wait(f, &result), REGISTRY_OK);
        for (int i = 0; i < 2; i++) {
                struct registry_claim claim = claim_of(1, key, "a");
                assert_int_equal(enroll(f, &claim, &result), REGISTRY_BARRED);
                fixture_reopen(f);
        }
        result_init(&result);
        registry_remove_node(f->r, "a", &result.call);
        assert_int_equal(result_wait(f, &result), REGISTRY_NODE_UNKNOWN);
}

static void two_in_one_batch_share_no_key(void **state)
{
        struct fixture *f = *state;
        uint8_t key[SETUP_KEY_ID_BYTES];
        struct setup_key_request request = { 0 };
        struct result first, second;
        make_key(f, &request, key);
        struct registry_claim a = claim_of(1, key, "a"), b = claim_of(2, key, "b");
        result_init(&first);
        result_init(&second);
        registry_enroll(f->r, &a, &first.call);
        registry_enroll(f->r, &b, &second.call);
        registry_run(f->r);
        assert_int_equal(first.done + second.done, 2);
        assert_int_equal(first.call.outcome, REGISTRY_OK);
        assert_int_equal(second.call.outcome, REGISTRY_KEY_USED_UP);
        fixture_reopen(f);
        assert_int_equal(registry_node_count(f->r), 1);
}

static void tags_and_facts_are_kept(void **state)
{
        static const char *const both[] = { "work", "server" };
        struct fixture *f = *state;
        uint8_t key[SETUP_KEY_ID_BYTES];
        struct setup_key_request request = { .tags = both,
                                             .tag_count = 2,
                                             .description = "for tests" };
        make_key(f, &request, key);
        join(f, 1, key, NULL); /* no wish: all the tags, and the host's name */
        fixture_reopen(f);
        const struct node *node = registry_select_node(f->r, "fallback");
        assert_non_null(node);
        assert_int_equal(node->record.member->tag_count, 2);
        assert_string_equal(node->record.member->tags[0], "server");
        assert_string_equal(node->record.member->tags[1], "work");
        assert_memory_equal(node->record.setup_key_id, key, sizeof(key));
        assert_int_equal(node->record.enrolled_ms, f->env.wall_ms);
        const struct setup_key_record *kept = registry_find_setup_key(f->r, key);
        assert_string_equal(kept->description, "for tests");
        assert_int_equal(kept->last_used_ms, f->env.wall_ms);
        assert_int_equal(registry_setup_key_state(f->r, kept), REGISTRY_KEY_USED_UP);
}

static void bad_keys_are_not_made(void **state)
{
        static const char *const upper[] = { "Server" };
        static const struct {
                const char *name;
                struct setup_key_request request;
        } bad[] = {
                { "a name that is no label", { .name = "-x" } },
                { "a word of the policy", { .name = "all" } },
                { "a tag that is no label", { .tags = upper, .tag_count = 1 } },
                { "uses of a one-off key", { .max_uses = 2 } },
                { "a thousand years", { .lifetime_ms = UINT64_MAX } },
        };
        struct fixture *f = *state;
        for (size_t i = 0; i < LENGTH(bad); i++) {
                struct result result;
                uint8_t seed[KEY_BYTES];
                result_init(&result);
                registry_create_setup_key(f->r, &bad[i].request, seed, &result.call);
                if (result_wait(f, &result) != REGISTRY_INVALID)
                        fail_msg("%s", bad[i].name);
        }
        size_t cursor = 0;
        assert_null(registry_next_setup_key(f->r, &cursor));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(outcomes_are_told_apart, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(the_same_identity_gets_its_node_back, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(a_wireguard_key_is_unique, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(a_removed_identity_is_barred, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(two_in_one_batch_share_no_key, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(tags_and_facts_are_kept, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(bad_keys_are_not_made, fixture_setup,
                                                fixture_teardown),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
