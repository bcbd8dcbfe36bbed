/* The coordinator's learnt addresses: order, demotion, never empty. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "agent/state/pins.h"

enum { HOUR_MS = 3600 * 1000 };

static struct ip_endpoint at(uint8_t last)
{
        return (struct ip_endpoint){ .addr = { .len = 4, .bytes = { 192, 0, 2, last } },
                                     .port = 443 };
}

static void assert_order(const struct pins *pins, const uint8_t *last, size_t count)
{
        assert_int_equal(pins->count, count);
        for (size_t i = 0; i < count; i++)
                assert_int_equal(pins->entries[i].endpoint.addr.bytes[3], last[i]);
}

static void the_latest_success_goes_first(void **state)
{
        struct pins pins = { 0 };
        const struct ip_endpoint named[] = { at(1), at(2), at(3) };
        (void)state;
        pins_renew(&pins, named, 3);
        assert_order(&pins, (const uint8_t[]){ 1, 2, 3 }, 3);
        struct ip_endpoint two = at(2), nine = at(9);
        pins_succeeded(&pins, &two, 1000);
        assert_order(&pins, (const uint8_t[]){ 2, 1, 3 }, 3);
        pins_succeeded(&pins, &nine, 2000); /* an address that only the resolver knew */
        assert_order(&pins, (const uint8_t[]){ 9, 2, 1, 3 }, 4);
}

static void a_day_of_failure_demotes(void **state)
{
        struct pins pins = { 0 };
        const struct ip_endpoint named[] = { at(1), at(2) };
        struct ip_endpoint one = at(1);
        (void)state;
        pins_renew(&pins, named, 2);
        pins_succeeded(&pins, &one, 1000);
        for (unsigned hour = 1; hour <= 24; hour++)
                pins_failed(&pins, &one, (uint64_t)hour * HOUR_MS);
        assert_order(&pins, (const uint8_t[]){ 1, 2 }, 2); /* 23 hours so far */
        pins_failed(&pins, &one, UINT64_C(25) * HOUR_MS);
        assert_order(&pins, (const uint8_t[]){ 2, 1 }, 2);
        assert_true(pin_is_demoted(&pins.entries[1]));
        pins_succeeded(&pins, &one, UINT64_C(26) * HOUR_MS);
        assert_order(&pins, (const uint8_t[]){ 1, 2 }, 2);
        assert_false(pin_is_demoted(&pins.entries[0]));
}

static void renewal_keeps_what_works_and_drops_what_does_not(void **state)
{
        struct pins pins = { 0 };
        const struct ip_endpoint before[] = { at(1), at(2) }, after[] = { at(3) };
        struct ip_endpoint one = at(1), two = at(2);
        (void)state;
        pins_renew(&pins, before, 2);
        pins_succeeded(&pins, &one, 1000);
        pins_failed(&pins, &two, 1000);
        pins_failed(&pins, &two, 1000 + PIN_DEMOTED_AFTER_MS);
        pins_renew(&pins, after, 1);
        assert_order(&pins, (const uint8_t[]){ 1, 3 }, 2);
}

static void the_last_is_never_forgotten(void **state)
{
        struct pins pins = { 0 };
        struct ip_endpoint one = at(1);
        (void)state;
        pins_succeeded(&pins, &one, 1000);
        pins_failed(&pins, &one, 2000);
        pins_failed(&pins, &one, 2000 + PIN_DEMOTED_AFTER_MS);
        pins_renew(&pins, NULL, 0);
        assert_order(&pins, (const uint8_t[]){ 1 }, 1);
}

static void there_is_a_maximum(void **state)
{
        struct pins pins = { 0 };
        (void)state;
        for (unsigned i = 1; i <= 2 * PINS_MAX; i++) {
                struct ip_endpoint endpoint = at((uint8_t)i);
                pins_succeeded(&pins, &endpoint, i * 1000);
        }
        assert_int_equal(pins.count, PINS_MAX);
        assert_int_equal(pins.entries[0].endpoint.addr.bytes[3], 2 * PINS_MAX);
}

static void a_clock_that_went_back_demotes_nobody(void **state)
{
        struct pins pins = { 0 };
        struct ip_endpoint one = at(1);
        (void)state;
        pins_succeeded(&pins, &one, UINT64_C(100) * HOUR_MS);
        pins_failed(&pins, &one, UINT64_C(100) * HOUR_MS);
        pins_failed(&pins, &one, HOUR_MS);
        assert_false(pin_is_demoted(&pins.entries[0]));
        pins_failed(&pins, &one, 2 * HOUR_MS);
        assert_false(pin_is_demoted(&pins.entries[0]));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_latest_success_goes_first),
                cmocka_unit_test(a_day_of_failure_demotes),
                cmocka_unit_test(renewal_keeps_what_works_and_drops_what_does_not),
                cmocka_unit_test(the_last_is_never_forgotten),
                cmocka_unit_test(there_is_a_maximum),
                cmocka_unit_test(a_clock_that_went_back_demotes_nobody),
        };
        return cmocka_run_group_tests_name("agent/state/pins", tests, NULL, NULL);
}
