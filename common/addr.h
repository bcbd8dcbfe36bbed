/* IP addresses, prefixes and endpoints as plain values, with their text forms.
 *
 * One type for both families; a v4-mapped IPv6 address is turned into IPv4 when it comes from a
 * socket, so that one host has one form. No name look-up here. RFC 4291, RFC 5952, RFC 4632. */
#pragma once
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum { IP_TEXT_MAX = 46 + 4 + 8 }; /* "[v6%scope]:65535" or "v6/128", with the NUL */

struct ip_addr {
        uint8_t len;       /* 4 or 16; 0: none */
        uint8_t bytes[16]; /* network order; unused bytes are zero */
};

struct ip_prefix {
        struct ip_addr addr;
        uint8_t bits; /* 0..32 or 0..128 */
};

struct ip_endpoint {
        struct ip_addr addr;
        uint16_t port;     /* host order */
        uint32_t scope_id; /* interface index of a link-local IPv6 address, else 0 */
};

/* An address from LEN (4 or 16) bytes in network order; MESH_EFORMAT for another length. */
int ip_addr_from_bytes(const void *bytes, size_t len, struct ip_addr *ret_addr);

/* "192.0.2.1", "2001:db8::1"; no scope, no brackets. MESH_EFORMAT. */
int ip_addr_parse(const char *text, struct ip_addr *ret_addr);

/* "192.0.2.0/24", or an address alone (its full length). Host bits are cleared only by
 * ip_prefix_mask. MESH_EFORMAT. */
int ip_prefix_parse(const char *text, struct ip_prefix *ret_prefix);

/* "192.0.2.1:443", "[2001:db8::1]:443". The port is required, 0 allowed. MESH_EFORMAT,
 * MESH_EBADPORT. */
int ip_endpoint_parse(const char *text, struct ip_endpoint *ret_endpoint);

/* Text forms; each writes at most IP_TEXT_MAX bytes to OUT and returns OUT. */
const char *ip_addr_format(const struct ip_addr *addr, char out[static IP_TEXT_MAX]);
const char *ip_prefix_format(const struct ip_prefix *prefix, char out[static IP_TEXT_MAX]);
const char *ip_endpoint_format(const struct ip_endpoint *endpoint, char out[static IP_TEXT_MAX]);

/* Order by family (v4 first), then bytes, then length or port: <0, 0, >0, for qsort and ==. */
int ip_addr_compare(const struct ip_addr *a, const struct ip_addr *b);
int ip_prefix_compare(const struct ip_prefix *a, const struct ip_prefix *b);
int ip_endpoint_compare(const struct ip_endpoint *a, const struct ip_endpoint *b);

/* The same prefix with its host bits cleared. */
struct ip_prefix ip_prefix_mask(struct ip_prefix prefix);

/* The prefix that holds exactly this address. */
struct ip_prefix ip_prefix_of(struct ip_addr addr);

/* Whether ADDR lies in PREFIX. Families never mix. */
bool ip_prefix_contains(const struct ip_prefix *prefix, const struct ip_addr *addr);

/* Whether the two have an address in common. */
bool ip_prefix_overlaps(const struct ip_prefix *a, const struct ip_prefix *b);

/* 127/8, ::1; 169.254/16, fe80::/10; 0.0.0.0 or ::. */
bool ip_addr_is_loopback(const struct ip_addr *addr);
bool ip_addr_is_link_local(const struct ip_addr *addr);
bool ip_addr_is_unspecified(const struct ip_addr *addr);

/* To and from socket addresses; v4-mapped addresses become IPv4. From: MESH_EFORMAT for another
 * family. To: returns the length to pass to the kernel. */
int ip_endpoint_from_sockaddr(const struct sockaddr *sa, struct ip_endpoint *ret_endpoint);
socklen_t ip_endpoint_to_sockaddr(const struct ip_endpoint *endpoint, struct sockaddr_storage *ss);
