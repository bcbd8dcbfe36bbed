/* The client's connection and call, shared by client.c and client_call.c. Internal to common/grpc.
 */
#pragma once
#include "common/grpc/client.h"
#include "common/grpc/session.h"
#include "common/grpc/stream.h"

struct grpc_client {
        struct grpc_limits limits;
        struct grpc_session session;
        struct grpc_client_call *calls; /* doubly linked */
        char *authority;                /* owned */
        bool https;
        bool going_away; /* the server's GOAWAY came */
        bool lost;       /* the transport is gone */
        bool muted;      /* being freed: no more events */
        void (*wants_send)(void *user, struct grpc_client *client);
        void *user;
};

struct grpc_client_call {
        struct grpc_client *client; /* borrowed */
        struct grpc_client_call *next, *previous;
        struct grpc_stream stream;
        enum grpc_kind kind;
        const struct grpc_client_events *events;
        void *user;
        uint64_t deadline_ms; /* UINT64_MAX: none */

        unsigned http_status; /* 0 until the response's headers came */
        bool is_grpc;         /* content-type */
        bool has_status;      /* grpc-status came */
        bool headers_done;
        bool settled; /* the outcome is decided: finished is due */
        bool gone;    /* the HTTP/2 stream is closed; what came may still wait to be read */
        uint32_t h2_error;
        enum grpc_status status;
        struct buffer text;  /* the status message, decoded */
        size_t header_bytes; /* of the block under way */
        struct grpc_metadata headers, trailers;
        struct buffer only; /* a unary response, until the status is known */
        uint32_t messages_in;
};

/* A call in the client's list. NULL when out of memory. */
struct grpc_client_call *grpc_client_call_new(struct grpc_client *client,
                                              const struct grpc_client_request *request,
                                              uint64_t now_ms);

/* Takes it out of the list and frees it without an event. */
void grpc_client_call_free(struct grpc_client_call *call);

/* One header field of a response. */
void grpc_client_call_field(struct grpc_client_call *call, bool trailers, const char *name,
                            size_t name_len, const char *value, size_t value_len);

/* A block of headers is complete. */
void grpc_client_call_headers_done(struct grpc_client_call *call);

/* Bytes of a DATA frame. */
void grpc_client_call_receive(struct grpc_client_call *call, const uint8_t *bytes, size_t len);

/* Decides the outcome, unless it is decided, and resets the stream. */
void grpc_client_call_settle(struct grpc_client_call *call, enum grpc_status status,
                             const char *text, uint32_t h2_error);

/* The stream is closed. */
void grpc_client_call_stream_closed(struct grpc_client_call *call, uint32_t h2_error);

/* Gives what is due outside of nghttp2: writable, finished. The call may be gone afterwards. */
void grpc_client_call_give(struct grpc_client_call *call);
