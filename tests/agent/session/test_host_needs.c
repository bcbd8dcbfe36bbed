/* What no mesh prefix may hold, in a namespace with a LAN and a router. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/session/host_needs.h"
#include "agent/state/state.h"
#include "tests/support/capture.h"
#include "tests/support/netns.h"

#define RUN(...) free(capture((const char *const[]){ __VA_ARGS__, NULL }, NULL))

static const struct {
        const char *name, *prefix;
        bool needed;
} cases[] = {
        { "a free one", "100.64.0.0/16", false },
        { "a free one of IPv6", "fd00:1::/48", false },
        { "the LAN", "192.168.1.0/24", true },
        { "all that begins so", "192.0.0.0/8", true },
        { "the host alone", "192.168.1.5/32", true },
        { "the router alone", "192.168.1.254/32", true },
        { "a part of the LAN with neither", "192.168.1.64/26", false },
        { "the LAN of IPv6", "2001:db8:1::/48", true },
        { "the router of IPv6", "2001:db8:1::fe/128", true },
        { "where the coordinator answered", "203.0.113.0/24", true },
        { "a pin", "198.51.100.0/24", true },
        { "the mesh's own interface", "100.99.0.0/16", false },
};

static void nothing_of_the_host_is_given_away(void **state)
{
        static const struct agent_state nobody;
        static struct agent_config config;
        struct ip_endpoint worked;
        (void)state;
        int far = netns_new();
        netns_veth(far, "lan", "192.168.1.5/24", "router", "192.168.1.254/24");
        netns_veth(far, "meshx", "100.99.0.1/16", "meshy", "100.99.0.2/16");
        RUN("ip", "address", "add", "2001:db8:1::5/64", "dev", "lan", "nodad");
        RUN("ip", "route", "add", "default", "via", "192.168.1.254");
        RUN("ip", "-6", "route", "add", "default", "via", "2001:db8:1::fe");
        (void)snprintf(config.interface, sizeof(config.interface), "meshx");
        assert_int_equal(ip_endpoint_parse("198.51.100.1:443", &config.pins[0]), 0);
        config.pin_count = 1;
        assert_int_equal(ip_endpoint_parse("203.0.113.1:443", &worked), 0);
        struct host_needs needs = host_needs_of(&nobody, &config, &worked);
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct ip_prefix prefix;
                assert_int_equal(ip_prefix_parse(cases[i].prefix, &prefix), 0);
                if (host_needs_prefix(&needs, &prefix) != cases[i].needed)
                        fail_msg("%s: %s", cases[i].name, cases[i].prefix);
        }
        close(far);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(nothing_of_the_host_is_given_away) };
        if (!netns_private()) {
                print_message("SKIP: needs root for namespaces of its own\n");
                return 77;
        }
        return cmocka_run_group_tests_name("agent/session/host_needs", tests, NULL, NULL);
}
