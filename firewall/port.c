/* Text of ports. */
#include "firewall/port.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "common/error.h"

enum { PROTOCOL_MAX = 255 };

bool protocol_has_ports(uint16_t protocol)
{
        return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP;
}

/* Reads digits at *AT up to MAX and moves past them. */
static int take_number(const char **at, uint32_t max, uint16_t *ret_value)
{
        const char *text = *at;
        uint32_t value = 0;
        if (*text < '0' || *text > '9')
                return MESH_EFORMAT;
        for (; *text >= '0' && *text <= '9'; text++) {
                value = value * 10 + (uint32_t)(*text - '0');
                if (value > max)
                        return MESH_EBADPORT;
        }
        *ret_value = (uint16_t)value;
        *at = text;
        return 0;
}

static int parse_ports(const char *text, struct port_range *ret_ports)
{
        struct port_range ports = { 0, UINT16_MAX };
        if (strcmp(text, "*") == 0) {
                *ret_ports = ports;
                return 0;
        }
        int err = take_number(&text, UINT16_MAX, &ports.low);
        if (err)
                return err;
        ports.high = ports.low;
        if (*text == '-') {
                text++;
                err = take_number(&text, UINT16_MAX, &ports.high);
                if (err)
                        return err;
        }
        if (*text != '\0')
                return MESH_EFORMAT;
        if (ports.low == 0 || ports.low > ports.high)
                return MESH_EBADPORT;
        *ret_ports = ports;
        return 0;
}

int port_spec_parse(const char *text, struct port_spec *ret_spec)
{
        static const struct {
                const char *word;
                uint16_t protocol;
        } words[] = { { "icmp", ACCESS_PROTOCOL_ICMP }, { "any", ACCESS_PROTOCOL_ANY } };
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
                if (strcmp(text, words[i].word) == 0) {
                        *ret_spec = (struct port_spec){ .protocol = words[i].protocol };
                        return 0;
                }
        }
        struct port_spec spec = { 0 };
        int err = 0;
        if (strncmp(text, "tcp/", 4) == 0 || strncmp(text, "udp/", 4) == 0) {
                spec.protocol = text[0] == 't' ? IPPROTO_TCP : IPPROTO_UDP;
                err = parse_ports(text + 4, &spec.ports);
        } else if (strncmp(text, "proto/", 6) == 0) {
                text += 6;
                err = take_number(&text, PROTOCOL_MAX, &spec.protocol);
                if (!err && *text != '\0')
                        err = MESH_EFORMAT;
                if (protocol_has_ports(spec.protocol))
                        spec.ports.high = UINT16_MAX;
        } else {
                err = MESH_EFORMAT;
        }
        if (!err)
                *ret_spec = spec;
        return err;
}

const char *port_spec_format(const struct port_spec *spec, char out[static PORT_SPEC_TEXT_MAX])
{
        const char *name = spec->protocol == IPPROTO_TCP ? "tcp" : "udp";
        const struct port_range *ports = &spec->ports;
        if (spec->protocol == ACCESS_PROTOCOL_ICMP)
                snprintf(out, PORT_SPEC_TEXT_MAX, "icmp");
        else if (spec->protocol == ACCESS_PROTOCOL_ANY)
                snprintf(out, PORT_SPEC_TEXT_MAX, "any");
        else if (!protocol_has_ports(spec->protocol))
                snprintf(out, PORT_SPEC_TEXT_MAX, "proto/%u", spec->protocol);
        else if (ports->low == 0 && ports->high == UINT16_MAX)
                snprintf(out, PORT_SPEC_TEXT_MAX, "%s/*", name);
        else if (ports->low == ports->high)
                snprintf(out, PORT_SPEC_TEXT_MAX, "%s/%u", name, ports->low);
        else
                snprintf(out, PORT_SPEC_TEXT_MAX, "%s/%u-%u", name, ports->low, ports->high);
        return out;
}
