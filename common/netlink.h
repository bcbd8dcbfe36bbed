/* A netlink socket: requests, dumps, batches and events, each with a time limit.
 *
 * The one send/receive core on libmnl for rtnetlink, generic netlink and nf_tables. Messages are
 * built with common/netlink_message.h and replies are read with common/netlink_attr.h; neither
 * does I/O. No family's own vocabulary here. Blocking; not thread-safe. Callers: agent/apply,
 * firewall/nft. netlink(7). */
#pragma once
#include <linux/netlink.h>
#include <stddef.h>
#include <stdint.h>

#include "common/netlink_message.h"

enum {
        NETLINK_TIMEOUT_MS = 5000, /* for one request, dump or batch as a whole */
        NETLINK_ERROR_TEXT_MAX = 256,
        NETLINK_DUMP_ATTEMPTS = 8, /* of a dump that a change interrupted */
};

struct netlink; /* opaque: socket, sequence numbers, last error */

/* Opens a socket of PROTOCOL (NETLINK_ROUTE, NETLINK_GENERIC, NETLINK_NETFILTER) in the calling
 * thread's current network namespace, with extended acknowledgements on. Returns owned.
 * MESH_EUNSUPPORTED when the kernel lacks the protocol, MESH_ELIMIT, MESH_ENOMEM. */
int netlink_open(int protocol, struct netlink **ret_nl);

/* Closes and frees; NULL is allowed. */
void netlink_close(struct netlink *nl);

/* What went wrong in the last call that failed, for people: the kernel's own words (extended ACK)
 * if it gave any, else the errno text. Borrowed until the next call; never NULL. */
const char *netlink_error_text(const struct netlink *nl);

/* The positive errno of the last failure that the kernel reported; 0 if the failure was ours. */
int netlink_error_errno(const struct netlink *nl);

/* Handles one reply message; HEADER is borrowed for the call and its whole length is readable.
 * A negative result ends the call that is under way, which returns it. */
typedef int (*netlink_message_fn)(const struct nlmsghdr *header, void *user);

/* Sends MESSAGE (NLM_F_REQUEST | NLM_F_ACK and the sequence number are filled in) and waits for
 * its acknowledgement; ON_REPLY (may be NULL) gets every other answer. Returns 0 or the kernel's
 * error by mesh_error_from_errno; MESH_ELIMIT for a message that is full; MESH_ETIMEOUT;
 * MESH_EAGAIN if replies were lost (ENOBUFS): what was done is then unknown, read it back. */
int netlink_request(struct netlink *nl, struct netlink_message *message,
                    netlink_message_fn on_reply, void *user);

/* Handles a dump: ON_START (may be NULL) is called before each attempt and must forget what the
 * attempt before it gave. */
struct netlink_dump {
        void (*on_start)(void *user);
        netlink_message_fn on_message;
        void *user;
};

/* Sends MESSAGE as a dump request and hands over all parts. A dump that changed under way
 * (NLM_F_DUMP_INTR) or lost a part is done again. Errors as netlink_request; MESH_EAGAIN when no
 * attempt was consistent. */
int netlink_dump(struct netlink *nl, struct netlink_message *message,
                 const struct netlink_dump *dump);

/* One message of a batch that the kernel refused. ATTR_OFFSET is that of the offending attribute
 * from the message's beginning, 0 if not told; TEXT is borrowed, empty if there is none. */
typedef void (*netlink_refusal_fn)(uint32_t seq, int err_no, uint32_t attr_offset, const char *text,
                                   void *user);

/* Next COUNT sequence numbers of this socket, for messages that the caller builds (libnftnl).
 * Returns the first. */
uint32_t netlink_take_seqs(struct netlink *nl, uint32_t count);

/* Sends whole messages (BYTES, LEN) in one datagram, as nf_tables wants its batches, and collects
 * the answers until every message that asked for an ACK has one and no more wait. The messages
 * must carry sequence numbers of netlink_take_seqs, at least one NLM_F_ACK, and the send buffer is
 * grown to fit. ON_REPLY gets echoes (NLM_F_ECHO), ON_REFUSAL each refused message; both may be
 * NULL. Returns 0 if none was refused, else the first refusal's error; else as netlink_request. */
int netlink_batch(struct netlink *nl, const void *bytes, size_t len, netlink_message_fn on_reply,
                  netlink_refusal_fn on_refusal, void *user);

/* Subscribes to a multicast group (RTNLGRP_LINK, NFNLGRP_NFTABLES...). Use a socket of its own. */
int netlink_join(struct netlink *nl, unsigned int group);

/* The file descriptor, for an event loop to watch; borrowed. */
int netlink_fd(const struct netlink *nl);

/* Reads waiting events without blocking. Returns 0 when none are left, MESH_EAGAIN if events were
 * lost (read everything again), or what ON_MESSAGE returned. */
int netlink_read_events(struct netlink *nl, netlink_message_fn on_message, void *user);
