/* The server's side of one HTTP/2 connection: a sans-IO gRPC engine over nghttp2.
 *
 * Bytes and time in, bytes and handler events out; no socket, no clock, no log. The shell
 * (server.h) feeds it, sends what it returns and arms a timer for its next deadline. RFC 9113,
 * PROTOCOL-HTTP2.md; what it refuses stands in limits.h. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/grpc/call.h"
#include "common/grpc/limits.h"

struct page_pool;

/* What a connection needs; borrowed for its life. */
struct grpc_engine {
        struct grpc_limits limits;
        const struct grpc_service *const *services;
        size_t service_count;
        struct page_pool *pool; /* borrowed; for large blocks (memory.h); NULL: malloc */

        /* There may be bytes to send that no receive or tick is going to fetch: an answer given
         * outside of them. May be NULL. */
        void (*wants_send)(void *user, struct grpc_connection *connection);
};

/* A connection that begins at NOW_MS; USER is for wants_send. Returned owned. MESH_ENOMEM. */
int grpc_connection_new(const struct grpc_engine *engine, const struct net_peer *peer, void *user,
                        uint64_t now_ms, struct grpc_connection **ret_connection);

/* Ends all calls (closed, cancelled): the transport is gone. Not from inside a handler. */
void grpc_connection_end_calls(struct grpc_connection *connection);

/* Ends all calls and frees the connection. Not from inside a handler. */
void grpc_connection_free(struct grpc_connection *connection);

/* The service's own pointer for the connection; NULL at first. */
void grpc_connection_set_data(struct grpc_connection *connection, void *data);
void *grpc_connection_data(const struct grpc_connection *connection);

/* Takes LEN bytes from the peer. MESH_EPROTO: send what is left (a GOAWAY), then close. */
int grpc_connection_receive(struct grpc_connection *connection, const uint8_t *bytes, size_t len,
                            uint64_t now_ms);

/* The next bytes for the peer: borrowed until the next call on the connection; *RET_LEN is 0 when
 * there are none. Call until then, or until the transport is full. MESH_ENOMEM, MESH_EPROTO: close.
 */
int grpc_connection_send(struct grpc_connection *connection, const uint8_t **ret_bytes,
                         size_t *ret_len);

/* Does what is due: deadlines of calls, idleness, the steps of a shutdown. */
void grpc_connection_tick(struct grpc_connection *connection, uint64_t now_ms);

/* When tick has something to do; UINT64_MAX: never. */
uint64_t grpc_connection_next_ms(const struct grpc_connection *connection);

/* Begins a graceful end: GOAWAY, calls may finish until limits.drain_ms, then the rest is cut with
 * UNAVAILABLE. */
void grpc_connection_shutdown(struct grpc_connection *connection, uint64_t now_ms);

/* Whether nothing more will be sent or taken: close the transport once send has nothing left. */
bool grpc_connection_is_over(const struct grpc_connection *connection);

/* Calls that are open. */
uint32_t grpc_connection_calls(const struct grpc_connection *connection);
