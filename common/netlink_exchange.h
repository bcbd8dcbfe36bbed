/* One netlink request with its answers, as a state machine without I/O.
 *
 * Bytes in, callbacks and a verdict out: which answers belong to the request (port and sequence
 * numbers), when it is over, whether a dump must be done again, and what the first error was.
 * Caller: common/netlink.c, and tests that play the kernel. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/netlink.h"

struct netlink_exchange {
        /* Set by the caller. */
        uint32_t port_id;             /* of our socket */
        uint32_t first_seq, last_seq; /* of the request; they may wrap */
        size_t awaited;               /* acknowledgements still to come; a dump waits for its end */
        bool dump;
        netlink_message_fn on_reply;   /* may be NULL */
        netlink_refusal_fn on_refusal; /* may be NULL */
        void *user;

        /* Results. */
        bool over;        /* no more answers need to be waited for */
        bool interrupted; /* the dump is not consistent */
        int error;        /* the first: MESH_E... of the kernel, of a callback, of a bad message */
        int err_no;       /* the kernel's, if it was the kernel's */
        char text[NETLINK_ERROR_TEXT_MAX];
};

/* Takes one received datagram (aligned for a uint32_t). Answers to other requests, which come late
 * after a timeout, are passed over. */
void netlink_exchange_feed(struct netlink_exchange *x, const void *bytes, size_t len);
