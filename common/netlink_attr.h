/* Reads netlink messages and attributes that the kernel sent; never past their end.
 *
 * A family's reader is a table: which attribute types it knows, and the size of each. Unknown
 * types are skipped (newer kernels add some); a known one of a wrong size is an error. Pure: no
 * I/O. RFC 3549, section 2.3.2; linux/netlink.h. */
#pragma once
#include <linux/netlink.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cursor.h"

/* One attribute's payload, borrowed from the message; DATA is NULL if it was absent. */
struct netlink_attr {
        const void *data;
        size_t len;
};

enum netlink_attr_kind {
        NETLINK_ATTR_SKIP, /* not read; the zero of a table's gaps */
        NETLINK_ATTR_U8,
        NETLINK_ATTR_U16,
        NETLINK_ATTR_U32,
        NETLINK_ATTR_U64,
        NETLINK_ATTR_BYTES, /* at least min_len bytes */
        NETLINK_ATTR_TEXT,  /* ends with a NUL inside its length */
        NETLINK_ATTR_NEST,  /* attributes again; may be empty */
};

struct netlink_attr_policy {
        enum netlink_attr_kind kind;
        uint16_t min_len; /* NETLINK_ATTR_BYTES only */
};

/* Reads the attributes of BYTES by POLICY, a table indexed by type with COUNT rows, into RET
 * (COUNT entries; the last of a repeated type stands). MESH_ETRUNCATED for an attribute that runs
 * past the end, MESH_EFORMAT for a wrong size. On failure RET is all absent. */
int netlink_attrs_parse(const void *bytes, size_t len, const struct netlink_attr_policy *policy,
                        size_t count, struct netlink_attr *ret);

/* The next attribute of a list (peers, allowed IPs). Returns 1 and sets both outputs, 0 at the
 * end, or MESH_ETRUNCATED. */
int netlink_attr_next(struct cursor *list, uint16_t *ret_type, struct netlink_attr *ret_attr);

/* Values of an attribute that the policy has checked; zero, or "", if it is absent. */
uint8_t netlink_attr_u8(const struct netlink_attr *attr);
uint16_t netlink_attr_u16(const struct netlink_attr *attr);
uint32_t netlink_attr_u32(const struct netlink_attr *attr);
uint64_t netlink_attr_u64(const struct netlink_attr *attr);
const char *netlink_attr_text(const struct netlink_attr *attr);

/* The attributes of a message that begins with a family header of HEADER_LEN bytes; copies that
 * header to RET_HEADER. MESH_ETRUNCATED for a message that is shorter. */
int netlink_payload(const struct nlmsghdr *message, void *ret_header, size_t header_len,
                    struct netlink_attr *ret_attrs);

/* The next whole message of a received datagram. Returns 1 and sets *RET_MESSAGE (borrowed), 0 at
 * the end, or MESH_ETRUNCATED if the message runs past the end. BYTES must be aligned for a
 * uint32_t; *AT begins at 0. */
int netlink_message_next(const void *bytes, size_t len, size_t *at,
                         const struct nlmsghdr **ret_message);

/* What an NLMSG_ERROR (or the end of a dump) says. */
struct netlink_verdict {
        int err_no;           /* positive errno; 0: an acknowledgement */
        uint32_t attr_offset; /* of the offending attribute; 0: not told */
        const char *text;     /* the kernel's words, borrowed; "" if there are none */
};

/* Reads an NLMSG_ERROR or NLMSG_DONE message. MESH_ETRUNCATED, MESH_EFORMAT. */
int netlink_verdict_parse(const struct nlmsghdr *message, struct netlink_verdict *ret_verdict);
