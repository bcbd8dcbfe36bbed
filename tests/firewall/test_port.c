/* Ports as text, both ways. */
#include <string.h>

#include "tests/support/unit.h"

#include "common/error.h"
#include "firewall/port.h"

static const struct {
        const char *text;
        int err;
        uint16_t protocol, low, high;
        const char *written; /* NULL: as read */
} cases[] = {
        { "tcp/22", 0, 6, 22, 22, NULL },
        { "udp/60000-61000", 0, 17, 60000, 61000, NULL },
        { "tcp/*", 0, 6, 0, 65535, NULL },
        { "tcp/1", 0, 6, 1, 1, NULL },
        { "tcp/65535", 0, 6, 65535, 65535, NULL },
        { "tcp/7-7", 0, 6, 7, 7, "tcp/7" },
        { "icmp", 0, ACCESS_PROTOCOL_ICMP, 0, 0, NULL },
        { "any", 0, ACCESS_PROTOCOL_ANY, 0, 0, NULL },
        { "proto/47", 0, 47, 0, 0, NULL },
        { "proto/255", 0, 255, 0, 0, NULL },
        { "proto/6", 0, 6, 0, 65535, "tcp/*" },
        { "tcp/0", MESH_EBADPORT, 0, 0, 0, NULL },
        { "tcp/65536", MESH_EBADPORT, 0, 0, 0, NULL },
        { "tcp/99999999999999999999", MESH_EBADPORT, 0, 0, 0, NULL },
        { "tcp/10-9", MESH_EBADPORT, 0, 0, 0, NULL },
        { "proto/256", MESH_EBADPORT, 0, 0, 0, NULL },
        { "", MESH_EFORMAT, 0, 0, 0, NULL },
        { "tcp", MESH_EFORMAT, 0, 0, 0, NULL },
        { "tcp/", MESH_EFORMAT, 0, 0, 0, NULL },
        { "tcp/22-", MESH_EFORMAT, 0, 0, 0, NULL },
        { "tcp/-22", MESH_EFORMAT, 0, 0, 0, NULL },
        { "tcp/22 ", MESH_EFORMAT, 0, 0, 0, NULL },
        { "tcp/ 22", MESH_EFORMAT, 0, 0, 0, NULL },
        { "TCP/22", MESH_EFORMAT, 0, 0, 0, NULL },
        { "sctp/22", MESH_EFORMAT, 0, 0, 0, NULL },
        { "22", MESH_EFORMAT, 0, 0, 0, NULL },
        { "proto/", MESH_EFORMAT, 0, 0, 0, NULL },
        { "proto/4x", MESH_EFORMAT, 0, 0, 0, NULL },
};

static void test_port_spec(void **state)
{
        (void)state;
        for (size_t i = 0; i < LENGTH(cases); i++) {
                struct port_spec spec = { 0 };
                char out[PORT_SPEC_TEXT_MAX];
                int err = port_spec_parse(cases[i].text, &spec);
                if (err != cases[i].err)
                        fail_msg("%s: %s", cases[i].text, mesh_strerror(err));
                if (err)
                        continue;
                if (spec.protocol != cases[i].protocol || spec.ports.low != cases[i].low ||
                    spec.ports.high != cases[i].high)
                        fail_msg("%s: %u %u-%u", cases[i].text, spec.protocol, spec.ports.low,
                                 spec.ports.high);
                assert_string_equal(port_spec_format(&spec, out),
                                    cases[i].written ? cases[i].written : cases[i].text);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_port_spec) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
