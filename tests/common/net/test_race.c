/* Order and times of the race, on a clock of its own. */
#include "common/net/race.h"
#include "tests/support/unit.h"

static struct ip_endpoint endpoint(const char *text)
{
        struct ip_endpoint e;
        assert_int_equal(ip_endpoint_parse(text, &e), 0);
        return e;
}

static void add(struct race *race, const char *text, enum race_via via)
{
        struct ip_endpoint e = endpoint(text);
        race_add(race, &e, via);
}

/* The candidate that starts at NOW is TEXT; NULL: none does. */
static size_t expect(struct race *race, uint64_t now, const char *text)
{
        size_t i = 99;
        bool started = race_start_next(race, now, &i);
        char out[IP_TEXT_MAX];
        assert_int_equal(started, text != NULL);
        if (started)
                assert_string_equal(ip_endpoint_format(&race->candidates[i].address, out), text);
        return i;
}

static void test_pins_start_at_once_and_sources_take_turns(void **state)
{
        struct race race;
        (void)state;
        race_init(&race, true, 1000);
        add(&race, "192.0.2.1:443", RACE_VIA_PIN);
        add(&race, "192.0.2.2:443", RACE_VIA_PIN);
        expect(&race, 1000, "192.0.2.1:443");
        expect(&race, 1000, NULL);
        assert_int_equal(race_next_ms(&race), 1250);
        add(&race, "198.51.100.1:443", RACE_VIA_RESOLVER);
        add(&race, "198.51.100.2:443", RACE_VIA_RESOLVER);
        add(&race, "192.0.2.1:443", RACE_VIA_RESOLVER); /* known from the pins */
        race_resolved(&race);
        expect(&race, 1249, NULL);
        expect(&race, 1250, "198.51.100.1:443");
        expect(&race, 1500, "192.0.2.2:443");
        expect(&race, 1750, "198.51.100.2:443");
        expect(&race, 9999, NULL);
        assert_int_equal(race_next_ms(&race), UINT64_MAX);
        assert_false(race_is_lost(&race));
}

static void test_failure_starts_the_next_at_once(void **state)
{
        struct race race;
        (void)state;
        race_init(&race, false, 0);
        add(&race, "192.0.2.1:443", RACE_VIA_PIN);
        add(&race, "192.0.2.2:443", RACE_VIA_PIN);
        size_t first = expect(&race, 0, "192.0.2.1:443");
        race_failed(&race, first, 10);
        size_t second = expect(&race, 10, "192.0.2.2:443");
        assert_false(race_is_lost(&race));
        race_failed(&race, second, 20);
        assert_true(race_is_lost(&race));
}

/* The name lies, the first pin is dead: the good pin must be reached within a second. */
static void test_liar_slows_but_does_not_stop(void **state)
{
        struct race race;
        (void)state;
        race_init(&race, true, 0);
        add(&race, "192.0.2.1:443", RACE_VIA_PIN);
        add(&race, "192.0.2.2:443", RACE_VIA_PIN);
        expect(&race, 0, "192.0.2.1:443"); /* never answers */
        add(&race, "203.0.113.6:443", RACE_VIA_RESOLVER);
        race_resolved(&race);
        size_t liar = expect(&race, 250, "203.0.113.6:443");
        race_connected(&race, liar, 260);
        expect(&race, 500, NULL);
        expect(&race, 759, NULL);
        expect(&race, 760, "192.0.2.2:443");
}

static void test_rejected_liar_hurries(void **state)
{
        struct race race;
        (void)state;
        race_init(&race, false, 0);
        add(&race, "203.0.113.6:443", RACE_VIA_PIN);
        add(&race, "192.0.2.2:443", RACE_VIA_PIN);
        size_t liar = expect(&race, 0, "203.0.113.6:443");
        race_connected(&race, liar, 5);
        expect(&race, 6, NULL);
        race_failed(&race, liar, 6);
        expect(&race, 6, "192.0.2.2:443");
}

static void test_waits_for_the_resolver(void **state)
{
        struct race race;
        (void)state;
        race_init(&race, true, 0);
        expect(&race, 0, NULL);
        assert_false(race_is_lost(&race));
        race_resolved(&race);
        assert_true(race_is_lost(&race));
}

static void test_flood_of_addresses_is_cut(void **state)
{
        struct race race;
        (void)state;
        race_init(&race, true, 0);
        for (unsigned i = 0; i < 1000; i++) {
                struct ip_endpoint e = endpoint("192.0.2.1:1");
                e.port = (uint16_t)(i + 1);
                race_add(&race, &e, RACE_VIA_RESOLVER);
        }
        assert_int_equal(race.count, RACE_CANDIDATES_MAX);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_pins_start_at_once_and_sources_take_turns),
                cmocka_unit_test(test_failure_starts_the_next_at_once),
                cmocka_unit_test(test_liar_slows_but_does_not_stop),
                cmocka_unit_test(test_rejected_liar_hurries),
                cmocka_unit_test(test_waits_for_the_resolver),
                cmocka_unit_test(test_flood_of_addresses_is_cut),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
