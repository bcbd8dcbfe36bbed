/* Builds one netlink message in memory that the caller gives.
 *
 * Every put is checked: the first that does not fit marks the message full and every later put
 * does nothing, so a writer puts a whole record and asks once. Full is a normal outcome: mark,
 * put, and if it is full rewind, send what is there and go on in the next message. No I/O (that is
 * common/netlink.h), no reading (common/netlink_attr.h). On libmnl. */
#pragma once
#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NETLINK_MESSAGE_MAX = 32768 }; /* below 65536, so that no nest outgrows its length field */

struct netlink_message {
        struct nlmsghdr *header; /* borrowed: the caller's memory */
        size_t capacity;
        bool full;
};

/* Starts a message of TYPE with NLM_F_* FLAGS in MEMORY (aligned for a uint64_t, at least 64
 * bytes; at most NETLINK_MESSAGE_MAX bytes of it are used). */
struct netlink_message netlink_message_start(void *memory, size_t capacity, uint16_t type,
                                             uint16_t flags);

/* Appends the family's fixed header (struct rtmsg, struct genlmsghdr...). */
void netlink_put_header(struct netlink_message *m, const void *header, size_t len);

/* Appends an attribute; integers in the host's order. DATA may be NULL if LEN is 0 (a flag). */
void netlink_put(struct netlink_message *m, uint16_t type, const void *data, size_t len);
void netlink_put_u8(struct netlink_message *m, uint16_t type, uint8_t value);
void netlink_put_u16(struct netlink_message *m, uint16_t type, uint16_t value);
void netlink_put_u32(struct netlink_message *m, uint16_t type, uint32_t value);
void netlink_put_u64(struct netlink_message *m, uint16_t type, uint64_t value);

/* Appends text with its NUL. */
void netlink_put_text(struct netlink_message *m, uint16_t type, const char *text);

/* Opens a nested attribute; the token goes to the matching end. Nests are ended in order, also
 * in a full message. */
size_t netlink_nest_begin(struct netlink_message *m, uint16_t type);
void netlink_nest_end(struct netlink_message *m, size_t token);

/* The present end; rewinding to it forgets all that was put after it, and a "full". */
size_t netlink_mark(const struct netlink_message *m);
void netlink_rewind(struct netlink_message *m, size_t mark);
