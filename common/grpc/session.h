/* What the server's and the client's engine share of an HTTP/2 connection: nghttp2's options and
 * settings, byte totals, and the budgets for abuse that nghttp2 does not limit.
 *
 * Internal to common/grpc. Facts measured: anchors/facts.md, "nghttp2". */
#pragma once
#include <nghttp2/nghttp2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/grpc/budget.h"
#include "common/grpc/limits.h"

struct page_pool;

struct grpc_session {
        nghttp2_session *h2;              /* owned */
        const struct grpc_limits *limits; /* borrowed */
        struct grpc_budget resets, control;
        size_t received_bytes;          /* held of all streams: partial messages, backlogs */
        size_t queued_bytes;            /* of all streams, on their way out */
        uint64_t now_ms;                /* of the last entry */
        unsigned writable_due;          /* streams whose writable event is due */
        bool inside;                    /* in nghttp2: the caller will fetch what is to be sent */
        bool broken;                    /* the peer broke a rule: send what is left, then close */
        void (*wants_send)(void *user); /* may be NULL */
        void *wants_send_user;
};

/* Makes the nghttp2 session, of a server or a client, and queues its SETTINGS and its connection
 * window. H2_USER is passed to CALLBACKS (borrowed for the call). POOL (memory.h) is borrowed for
 * the session's life and may be NULL. MESH_ENOMEM. */
int grpc_session_init(struct grpc_session *session, bool server,
                      const nghttp2_session_callbacks *callbacks, void *h2_user,
                      struct page_pool *pool, const struct grpc_limits *limits, uint64_t now_ms);

/* Frees the nghttp2 session; none of its callbacks is called. */
void grpc_session_done(struct grpc_session *session);

/* Account for a frame; both may end the connection with ENHANCE_YOUR_CALM. */
void grpc_session_note_received(struct grpc_session *session, const nghttp2_frame *frame);
void grpc_session_note_sent(struct grpc_session *session, const nghttp2_frame *frame);

/* Feeds bytes to nghttp2. MESH_EPROTO once the connection is broken. */
int grpc_session_receive(struct grpc_session *session, const uint8_t *bytes, size_t len,
                         uint64_t now_ms);

/* The next bytes to send; *RET_LEN is 0 when there are none. MESH_EPROTO, MESH_ENOMEM. */
int grpc_session_send(struct grpc_session *session, const uint8_t **ret_bytes, size_t *ret_len);

/* Whether nghttp2 has nothing more to read or to write. */
bool grpc_session_is_over(const struct grpc_session *session);

/* Tells the shell that there may be something to send, unless it is going to ask anyway. */
void grpc_session_wants_send(struct grpc_session *session);

/* Ends the connection with GOAWAY and an HTTP/2 error code. */
void grpc_session_break(struct grpc_session *session, uint32_t h2_error);
