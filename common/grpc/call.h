/* The server's side of one call: what a service's handlers are given and what they may do.
 *
 * Life cycle: start, then message (any number), half_closed, writable in their time, and closed
 * exactly once, last. Handlers run inside the engine: they may call everything here, but must not
 * free the server. An answer may come later (after a database commit): hold the call with
 * grpc_call_ref and drop it with grpc_call_unref; after closed, every function here is still safe
 * on a held call, does nothing and says MESH_ECLOSED. Engine: connection.h, loop: server.h. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/grpc/kind.h"
#include "common/grpc/metadata.h"
#include "common/grpc/status.h"
#include "common/net/peer.h"

struct grpc_call;       /* opaque */
struct grpc_connection; /* opaque: connection.h */

enum grpc_close_reason {
        GRPC_CLOSED_FINISHED,  /* our status has left */
        GRPC_CLOSED_CANCELLED, /* by the client, or its connection is gone */
        GRPC_CLOSED_DEADLINE,  /* the client's deadline passed */
        GRPC_CLOSED_ABORTED,   /* by the engine: the client broke a rule or a limit */
};

/* Any may be NULL. */
struct grpc_handler {
        /* Metadata is there; no message yet. */
        void (*start)(struct grpc_call *call);

        /* One whole message, borrowed for the call; LEN may be 0. For a unary request (GRPC_UNARY,
         * GRPC_SERVER_STREAM) it comes once, after the engine saw that there is exactly one. */
        void (*message)(struct grpc_call *call, const uint8_t *bytes, size_t len);

        /* The client has sent its last message. */
        void (*half_closed)(struct grpc_call *call);

        /* The queue was at or above high water and is empty enough again. */
        void (*writable)(struct grpc_call *call);

        /* The last event: free what grpc_call_data points at. */
        void (*closed)(struct grpc_call *call, enum grpc_close_reason reason);
};

struct grpc_method {
        const char *path; /* "/package.Service/Method" */
        enum grpc_kind kind;
        const struct grpc_handler *handler;
        uint32_t max_message_bytes; /* of requests; 0: the connection's limit */
};

/* A table of methods and the pointer that grpc_call_service returns. Static as a rule. */
struct grpc_service {
        const struct grpc_method *methods;
        size_t method_count;
        void *data;
};

/* Holds the call beyond closed, until unref; NULL is allowed in unref. */
struct grpc_call *grpc_call_ref(struct grpc_call *call);
void grpc_call_unref(struct grpc_call *call);

/* The handler's own pointer; NULL at first. */
void grpc_call_set_data(struct grpc_call *call, void *data);
void *grpc_call_data(const struct grpc_call *call);

/* The data of the service that the method stands in. */
void *grpc_call_service(const struct grpc_call *call);

/* The row of the table; NULL before start. */
const struct grpc_method *grpc_call_method(const struct grpc_call *call);

/* Text of a metadata field, or NULL; borrowed until closed. All of it: grpc_call_metadata_all. */
const char *grpc_call_metadata(const struct grpc_call *call, const char *name);
const struct grpc_metadata *grpc_call_metadata_all(const struct grpc_call *call);

/* Who calls: endpoint or Unix credentials. Valid as long as the call is held. */
const struct net_peer *grpc_call_peer(const struct grpc_call *call);

/* The connection, or NULL once closed; grpc_connection_data gives what belongs to it. */
struct grpc_connection *grpc_call_connection(const struct grpc_call *call);

/* The client's deadline on the engine's clock; UINT64_MAX: none. */
uint64_t grpc_call_deadline_ms(const struct grpc_call *call);

/* Whether closed has been called. */
bool grpc_call_is_closed(const struct grpc_call *call);

/* Metadata of the response, copied: headers before the first send, trailers before finish.
 * MESH_ESTATE when too late, MESH_EINVAL, MESH_ELIMIT, MESH_ECLOSED. */
int grpc_call_add_header(struct grpc_call *call, const struct grpc_field *field);
int grpc_call_add_trailer(struct grpc_call *call, const struct grpc_field *field);

/* Sends the response headers now, without a message. Only needed to show that a stream stands. */
int grpc_call_send_headers(struct grpc_call *call);

/* Queues one message, copied. MESH_ELIMIT when the queue would pass its maximum (nothing is queued;
 * the call goes on), MESH_ESTATE after finish, MESH_ECLOSED. */
int grpc_call_send(struct grpc_call *call, const void *bytes, size_t len);

/* Bytes that have not yet been handed to the transport. */
size_t grpc_call_queued_bytes(const struct grpc_call *call);

/* Whether the queue is below high water. */
bool grpc_call_is_writable(const struct grpc_call *call);

/* From BYTES on, the queue is at high water; writable comes when it is at most half of that. With
 * 1, writable comes each time the queue has emptied. */
void grpc_call_set_high_water(struct grpc_call *call, size_t bytes);

/* Another limit for request messages from now on, e.g. a larger one for a peer that has proved
 * itself. */
void grpc_call_set_message_limit(struct grpc_call *call, size_t bytes);

/* Stops and resumes message events; meanwhile the client is held back by flow control. May be
 * called from inside message. */
void grpc_call_pause(struct grpc_call *call);
void grpc_call_resume(struct grpc_call *call);

/* Sends what is queued, then the status. MESSAGE (UTF-8, NULL: none) is copied and cut at
 * GRPC_STATUS_MESSAGE_MAX. For a unary response (GRPC_UNARY, GRPC_CLIENT_STREAM) with GRPC_OK there
 * must have been exactly one send, else the status becomes INTERNAL. MESH_ECLOSED, MESH_ESTATE when
 * finished before. */
int grpc_call_finish(struct grpc_call *call, enum grpc_status status, const char *message);

/* The most common end of a unary call: grpc_call_send and grpc_call_finish with GRPC_OK. */
int grpc_call_reply(struct grpc_call *call, const void *bytes, size_t len);
