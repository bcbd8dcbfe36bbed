/* sshd's ports out of its configuration. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "firewall/ssh_ports.h"

static const struct {
        const char *name, *text;
        size_t count;
        uint16_t ports[SSH_PORTS_MAX];
} cases[] = {
        { "empty", "", 0, { 0 } },
        { "a comment", "#Port 22\n", 0, { 0 } },
        { "one port", "Port 2222\n", 1, { 2222 } },
        { "any case, tabs, equals sign", "\tpOrT = 2022\n", 1, { 2022 } },
        { "twice the same", "Port 22\nPort 22\n", 1, { 22 } },
        { "two ports, no final newline", "Port 22\nPort 2222", 2, { 22, 2222 } },
        { "an address with a port", "ListenAddress 192.0.2.1:2022\n", 1, { 2022 } },
        { "an IPv6 address with a port", "ListenAddress [2001:db8::1]:2022\n", 1, { 2022 } },
        { "an address alone", "ListenAddress 2001:db8::1\nListenAddress 192.0.2.1\n", 0, { 0 } },
        { "port 0 and too high", "Port 0\nPort 65536\nPort x\n", 0, { 0 } },
        { "carriage returns", "Port 22\r\nPort 23\r\n", 2, { 22, 23 } },
        { "too many",
          "Port 1\nPort 2\nPort 3\nPort 4\nPort 5\nPort 6\nPort 7\nPort 8\nPort 9\n",
          8,
          { 1, 2, 3, 4, 5, 6, 7, 8 } },
};

static void reads_each(void **state)
{
        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                uint16_t ports[SSH_PORTS_MAX] = { 0 };
                size_t count = 0;
                ssh_ports_parse(cases[i].text, ports, &count);
                if (count != cases[i].count)
                        fail_msg("%s: %zu ports", cases[i].name, count);
                for (size_t k = 0; k < count; k++)
                        assert_int_equal(ports[k], cases[i].ports[k]);
        }
}

static const struct {
        const char *name, *text;
        size_t count;
        uint16_t last;
} connections[] = {
        { "none", NULL, 1, 22 },
        { "empty", "", 1, 22 },
        { "IPv4", "192.0.2.7 50312 192.0.2.1 2222", 2, 2222 },
        { "IPv6", "2001:db8::7 50312 2001:db8::1 2222", 2, 2222 },
        { "known already", "192.0.2.7 50312 192.0.2.1 22", 1, 22 },
        { "cut short", "192.0.2.7 50312 192.0.2.1", 1, 22 },
        { "a word too many", "192.0.2.7 50312 192.0.2.1 2222 x", 1, 22 },
        { "no number", "a b c d", 1, 22 },
        { "too high", "a 1 b 65536", 1, 22 },
};

static void adds_the_connection_in_use(void **state)
{
        (void)state;
        for (size_t i = 0; i < sizeof(connections) / sizeof(connections[0]); i++) {
                uint16_t ports[SSH_PORTS_MAX] = { 22 };
                size_t count = 1;
                ssh_ports_add_connection(connections[i].text, ports, &count);
                if (count != connections[i].count || ports[count - 1] != connections[i].last)
                        fail_msg("%s: %zu ports", connections[i].name, count);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(reads_each),
                                            cmocka_unit_test(adds_the_connection_in_use) };
        return cmocka_run_group_tests_name("firewall/ssh_ports", tests, NULL, NULL);
}
