/* A server's call as the engine sees it. Internal to common/grpc: call.c has what handlers may do,
 * connection.c what the connection does to calls. */
#pragma once
#include "common/grpc/call.h"
#include "common/grpc/request.h"
#include "common/grpc/stream.h"

struct grpc_call {
        uint32_t refs;                      /* the connection's one, and those of grpc_call_ref */
        struct grpc_connection *connection; /* borrowed; NULL once the stream is gone */
        struct grpc_call *next, *previous;  /* in the connection's list */
        const struct grpc_service *service; /* NULL until dispatched */
        const struct grpc_method *method;
        void *data;
        struct net_peer peer;
        struct grpc_stream stream;
        struct grpc_request_head *head;         /* owned; while the request's headers arrive */
        struct grpc_metadata request;           /* its metadata afterwards */
        struct grpc_metadata headers, trailers; /* of the response */
        uint64_t deadline_ms;                   /* the client's, or UINT64_MAX */
        uint64_t request_by_ms; /* a unary request must be whole by then, or UINT64_MAX */
        uint64_t finish_by_ms;  /* the status must have left by then, or UINT64_MAX */
        struct buffer only; /* the unary request's message, until it is known to be the only one */
        uint32_t messages_in, messages_out;
        bool started; /* the handler knows of it */
        bool closed;  /* ... and was told closed */
        bool half_closed;
        bool compressed;             /* the request names an encoding that is not identity */
        bool headers_sent, finished; /* submitted */
        bool trailers_sent;          /* has left */
        bool tell_encodings;         /* the response names the encodings that we take */
        bool dropping;               /* what still comes in is not wanted */
        enum grpc_status status;
        char *status_text; /* owned; NULL: none */
};

/* A call for stream ID, held once. NULL when out of memory. */
struct grpc_call *grpc_call_new(struct grpc_connection *connection, struct grpc_session *session,
                                int32_t id, const struct net_peer *peer);

/* The request's headers are complete: dispatches it to METHOD of SERVICE, which may be NULL. */
void grpc_call_begin(struct grpc_call *call, const struct grpc_service *service,
                     const struct grpc_method *method, uint64_t now_ms);

/* Takes bytes of a DATA frame. */
void grpc_call_receive(struct grpc_call *call, const uint8_t *bytes, size_t len);

/* The client has ended its side. */
void grpc_call_end_of_request(struct grpc_call *call);

/* Ends it from the engine's side: status if it can still be sent, else a reset; tells the handler.
 */
void grpc_call_cut(struct grpc_call *call, enum grpc_status status, const char *message,
                   enum grpc_close_reason reason);

/* The stream is gone: tells the handler unless it knows, drops the engine's hold. */
void grpc_call_stream_gone(struct grpc_call *call);

/* Gives writable if it is due. */
void grpc_call_give_writable(struct grpc_call *call);

/* When the engine must look at it again. */
uint64_t grpc_call_next_ms(const struct grpc_call *call);

/* Cuts the call if a time of it has come. */
void grpc_call_tick(struct grpc_call *call, uint64_t now_ms);
