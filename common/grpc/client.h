/* The client's side of one HTTP/2 connection: a sans-IO gRPC engine over nghttp2.
 *
 * Bytes and time in, bytes and events out. The shell is channel.h. RFC 9113, PROTOCOL-HTTP2.md. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/grpc/kind.h"
#include "common/grpc/limits.h"
#include "common/grpc/metadata.h"
#include "common/grpc/status.h"

struct grpc_client;      /* opaque */
struct grpc_client_call; /* opaque */

/* How a call ended; borrowed for the event. */
struct grpc_outcome {
        enum grpc_status status;
        const char *message; /* "" if there is none */
        const struct grpc_metadata *trailers;
};

/* USER is what grpc_client_call was given. Any may be NULL. */
struct grpc_client_events {
        /* The response headers are there. */
        void (*headers)(void *user, struct grpc_client_call *call,
                        const struct grpc_metadata *headers);

        /* One message, borrowed for the event. A unary response comes only with status OK. */
        void (*message)(void *user, struct grpc_client_call *call, const uint8_t *bytes,
                        size_t len);

        /* The queue was at or above high water and is empty enough again. */
        void (*writable)(void *user, struct grpc_client_call *call);

        /* The last event; the call is freed after it. Always comes, also after a cancel
         * (CANCELLED), a deadline (DEADLINE_EXCEEDED), a lost connection (UNAVAILABLE). */
        void (*finished)(void *user, struct grpc_client_call *call,
                         const struct grpc_outcome *outcome);
};

struct grpc_client_request {
        const char *path; /* "/package.Service/Method" */
        enum grpc_kind kind;
        uint64_t timeout_ms; /* 0: no deadline */
        const struct grpc_field *metadata;
        size_t metadata_count;
        const struct grpc_client_events *events; /* borrowed for the life of the call */
        void *user;
};

/* A connection that begins now. AUTHORITY ("host:port" or "localhost", copied); SCHEME_HTTPS says
 * whether the stream is inside TLS. WANTS_SEND as in connection.h, may be NULL. LIMITS is copied,
 * NULL: the defaults. Returned owned. MESH_ENOMEM. */
int grpc_client_new(const struct grpc_limits *limits, const char *authority, bool scheme_https,
                    void (*wants_send)(void *user, struct grpc_client *client), void *user,
                    uint64_t now_ms, struct grpc_client **ret_client);

/* Frees; calls that are open end without an event. Not from inside an event. */
void grpc_client_free(struct grpc_client *client);

/* Bytes from the server. MESH_EPROTO: send what is left, then close. */
int grpc_client_receive(struct grpc_client *client, const uint8_t *bytes, size_t len,
                        uint64_t now_ms);

/* Bytes for the server; see grpc_connection_send. */
int grpc_client_send_bytes(struct grpc_client *client, const uint8_t **ret_bytes, size_t *ret_len);

/* The transport is gone: every call finishes now (UNAVAILABLE, TEXT). */
void grpc_client_lost(struct grpc_client *client, const char *text);

/* No event is called any more: the caller's data are going. */
void grpc_client_mute(struct grpc_client *client);

/* Does what is due: deadlines. And when tick has something to do; UINT64_MAX: never. */
void grpc_client_tick(struct grpc_client *client, uint64_t now_ms);
uint64_t grpc_client_next_ms(const struct grpc_client *client);

/* Whether the connection takes no more calls (GOAWAY, or over). */
bool grpc_client_is_over(const struct grpc_client *client);

/* Whether there is nothing left to do on the connection: close the transport. */
bool grpc_client_is_done(const struct grpc_client *client);

/* Begins a call; REQUEST is borrowed for the call to this function. No event comes before it
 * returns. *RET_CALL is borrowed until finished. MESH_ECLOSED if the connection is going away,
 * MESH_EINVAL for metadata that may not be sent, MESH_ENOMEM. */
int grpc_client_call(struct grpc_client *client, const struct grpc_client_request *request,
                     uint64_t now_ms, struct grpc_client_call **ret_call);

/* Queues one message, copied. MESH_ELIMIT as in grpc_call_send, MESH_ESTATE after half_close. */
int grpc_client_call_send(struct grpc_client_call *call, const void *bytes, size_t len);

/* No more messages. */
int grpc_client_call_half_close(struct grpc_client_call *call);

/* Resets the call; finished (CANCELLED) comes from a later receive, tick or the shell's next turn,
 * never from inside this function. No message comes after it. */
void grpc_client_call_cancel(struct grpc_client_call *call);

/* The queue on the way out, as in call.h: bytes not yet handed to the transport, whether they are
 * below high water, and where that is. */
size_t grpc_client_call_queued_bytes(const struct grpc_client_call *call);
bool grpc_client_call_is_writable(const struct grpc_client_call *call);
void grpc_client_call_set_high_water(struct grpc_client_call *call, size_t bytes);

/* Stops and resumes message events; the server is held back by flow control. */
void grpc_client_call_pause(struct grpc_client_call *call);
void grpc_client_call_resume(struct grpc_client_call *call);

/* Response headers' metadata so far; borrowed. */
const struct grpc_metadata *grpc_client_call_headers(const struct grpc_client_call *call);
