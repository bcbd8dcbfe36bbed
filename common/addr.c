/* Addresses, prefixes, endpoints; see the header. */
#include "common/addr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/error.h"

int ip_addr_from_bytes(const void *bytes, size_t len, struct ip_addr *ret_addr)
{
        if (len != 4 && len != 16)
                return MESH_EFORMAT;
        *ret_addr = (struct ip_addr){ .len = (uint8_t)len };
        memcpy(ret_addr->bytes, bytes, len);
        return 0;
}

int ip_addr_parse(const char *text, struct ip_addr *ret_addr)
{
        struct ip_addr addr = { 0 };
        if (inet_pton(AF_INET, text, addr.bytes) == 1)
                addr.len = 4;
        else if (inet_pton(AF_INET6, text, addr.bytes) == 1)
                addr.len = 16;
        else
                return MESH_EFORMAT;
        *ret_addr = addr;
        return 0;
}

/* Decimal digits only, no sign, no leading zero, at most MAX. */
static int number_parse(const char *text, unsigned long max, unsigned long *ret_value)
{
        if (text[0] == '\0' || (text[0] == '0' && text[1] != '\0'))
                return MESH_EFORMAT;
        unsigned long value = 0;
        for (const char *at = text; *at; at++) {
                if (*at < '0' || *at > '9')
                        return MESH_EFORMAT;
                value = value * 10 + (unsigned long)(*at - '0');
                if (value > max)
                        return MESH_EFORMAT;
        }
        *ret_value = value;
        return 0;
}

int ip_prefix_parse(const char *text, struct ip_prefix *ret_prefix)
{
        char addr_text[IP_TEXT_MAX];
        const char *slash = strchr(text, '/');
        size_t len = slash ? (size_t)(slash - text) : strlen(text);
        if (len >= sizeof(addr_text))
                return MESH_EFORMAT;
        memcpy(addr_text, text, len);
        addr_text[len] = '\0';
        struct ip_prefix prefix;
        int err = ip_addr_parse(addr_text, &prefix.addr);
        if (err)
                return err;
        unsigned long bits = prefix.addr.len * 8UL;
        if (slash)
                err = number_parse(slash + 1, bits, &bits);
        if (err)
                return err;
        prefix.bits = (uint8_t)bits;
        *ret_prefix = prefix;
        return 0;
}

int ip_endpoint_parse(const char *text, struct ip_endpoint *ret_endpoint)
{
        char addr_text[IP_TEXT_MAX];
        bool bracket = text[0] == '[';
        const char *start = text + (bracket ? 1 : 0);
        const char *end = bracket ? strchr(start, ']') : strrchr(start, ':');
        if (!end || (bracket && end[1] != ':'))
                return MESH_EFORMAT;
        size_t len = (size_t)(end - start);
        if (len >= sizeof(addr_text))
                return MESH_EFORMAT;
        memcpy(addr_text, start, len);
        addr_text[len] = '\0';
        struct ip_endpoint endpoint = { 0 };
        int err = ip_addr_parse(addr_text, &endpoint.addr);
        if (err)
                return err;
        if (bracket != (endpoint.addr.len == 16))
                return MESH_EFORMAT;
        unsigned long port;
        if (number_parse(end + (bracket ? 2 : 1), UINT16_MAX, &port) != 0)
                return MESH_EBADPORT;
        endpoint.port = (uint16_t)port;
        *ret_endpoint = endpoint;
        return 0;
}

const char *ip_addr_format(const struct ip_addr *addr, char out[static IP_TEXT_MAX])
{
        if (addr->len == 0)
                (void)snprintf(out, IP_TEXT_MAX, "none");
        else
                (void)inet_ntop(addr->len == 4 ? AF_INET : AF_INET6, addr->bytes, out, IP_TEXT_MAX);
        return out;
}

const char *ip_prefix_format(const struct ip_prefix *prefix, char out[static IP_TEXT_MAX])
{
        char addr[IP_TEXT_MAX];
        (void)snprintf(out, IP_TEXT_MAX, "%.45s/%u", ip_addr_format(&prefix->addr, addr),
                       prefix->bits);
        return out;
}

const char *ip_endpoint_format(const struct ip_endpoint *endpoint, char out[static IP_TEXT_MAX])
{
        char addr[IP_TEXT_MAX];
        ip_addr_format(&endpoint->addr, addr);
        (void)snprintf(out, IP_TEXT_MAX, endpoint->addr.len == 16 ? "[%.45s]:%u" : "%.45s:%u", addr,
                       endpoint->port);
        return out;
}

int ip_addr_compare(const struct ip_addr *a, const struct ip_addr *b)
{
        if (a->len != b->len)
                return a->len < b->len ? -1 : 1;
        return memcmp(a->bytes, b->bytes, a->len);
}

static int number_compare(unsigned a, unsigned b)
{
        return (a > b) - (a < b);
}

int ip_prefix_compare(const struct ip_prefix *a, const struct ip_prefix *b)
{
        int order = ip_addr_compare(&a->addr, &b->addr);
        return order ? order : number_compare(a->bits, b->bits);
}

int ip_endpoint_compare(const struct ip_endpoint *a, const struct ip_endpoint *b)
{
        int order = ip_addr_compare(&a->addr, &b->addr);
        if (order == 0)
                order = number_compare(a->port, b->port);
        return order ? order : number_compare(a->scope_id, b->scope_id);
}

struct ip_prefix ip_prefix_mask(struct ip_prefix prefix)
{
        for (unsigned i = 0; i < prefix.addr.len; i++) {
                unsigned keep = prefix.bits > i * 8 ? prefix.bits - i * 8 : 0;
                if (keep < 8)
                        prefix.addr.bytes[i] &= (uint8_t)(0xff00U >> keep);
        }
        return prefix;
}

struct ip_prefix ip_prefix_of(struct ip_addr addr)
{
        return (struct ip_prefix){ .addr = addr, .bits = (uint8_t)(addr.len * 8) };
}

bool ip_prefix_contains(const struct ip_prefix *prefix, const struct ip_addr *addr)
{
        if (prefix->addr.len != addr->len)
                return false;
        struct ip_prefix want = ip_prefix_mask(*prefix);
        struct ip_prefix have = ip_prefix_mask((struct ip_prefix){ *addr, prefix->bits });
        return ip_addr_compare(&want.addr, &have.addr) == 0;
}

bool ip_prefix_overlaps(const struct ip_prefix *a, const struct ip_prefix *b)
{
        return a->bits <= b->bits ? ip_prefix_contains(a, &b->addr)
                                  : ip_prefix_contains(b, &a->addr);
}

bool ip_addr_is_loopback(const struct ip_addr *addr)
{
        static const struct ip_addr six = { .len = 16, .bytes = { [15] = 1 } };
        return (addr->len == 4 && addr->bytes[0] == 127) || ip_addr_compare(addr, &six) == 0;
}

bool ip_addr_is_link_local(const struct ip_addr *addr)
{
        if (addr->len == 4)
                return addr->bytes[0] == 169 && addr->bytes[1] == 254;
        return addr->len == 16 && addr->bytes[0] == 0xfe && (addr->bytes[1] & 0xc0) == 0x80;
}

bool ip_addr_is_unspecified(const struct ip_addr *addr)
{
        static const uint8_t zero[16];
        return addr->len > 0 && memcmp(addr->bytes, zero, addr->len) == 0;
}

int ip_endpoint_from_sockaddr(const struct sockaddr *sa, struct ip_endpoint *ret_endpoint)
{
        struct ip_endpoint endpoint = { 0 };
        if (sa->sa_family == AF_INET) {
                struct sockaddr_in in;
                memcpy(&in, sa, sizeof(in));
                (void)ip_addr_from_bytes(&in.sin_addr, 4, &endpoint.addr);
                endpoint.port = ntohs(in.sin_port);
        } else if (sa->sa_family == AF_INET6) {
                struct sockaddr_in6 in6;
                memcpy(&in6, sa, sizeof(in6));
                bool mapped = IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr);
                (void)ip_addr_from_bytes(in6.sin6_addr.s6_addr + (mapped ? 12 : 0), mapped ? 4 : 16,
                                         &endpoint.addr);
                endpoint.port = ntohs(in6.sin6_port);
                endpoint.scope_id = mapped ? 0 : in6.sin6_scope_id;
        } else {
                return MESH_EFORMAT;
        }
        *ret_endpoint = endpoint;
        return 0;
}

socklen_t ip_endpoint_to_sockaddr(const struct ip_endpoint *endpoint, struct sockaddr_storage *ss)
{
        memset(ss, 0, sizeof(*ss));
        if (endpoint->addr.len == 4) {
                struct sockaddr_in in = { .sin_family = AF_INET,
                                          .sin_port = htons(endpoint->port) };
                memcpy(&in.sin_addr, endpoint->addr.bytes, 4);
                memcpy(ss, &in, sizeof(in));
                return sizeof(in);
        }
        struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
                                    .sin6_port = htons(endpoint->port),
                                    .sin6_scope_id = endpoint->scope_id };
        memcpy(&in6.sin6_addr, endpoint->addr.bytes, 16);
        memcpy(ss, &in6, sizeof(in6));
        return sizeof(in6);
}
