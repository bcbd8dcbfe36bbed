/* sshd's ports out of its configuration. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/local/ssh_ports.h"

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

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(reads_each) };
        return cmocka_run_group_tests_name("agent/local/ssh_ports", tests, NULL, NULL);
}
