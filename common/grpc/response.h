/* The HTTP/2 form of a server's response: headers, trailers, Trailers-Only, resets.
 *
 * PROTOCOL-HTTP2.md, "Responses". Internal to common/grpc. */
#pragma once
#include "common/grpc/status.h"

struct grpc_call;

/* Submits the response headers and the data source. MESH_ENOMEM, MESH_ECLOSED. */
int grpc_response_headers(struct grpc_call *call);

/* The status follows what is queued; Trailers-Only if nothing was sent. MESSAGE may be NULL. */
void grpc_response_finish(struct grpc_call *call, enum grpc_status status, const char *message);

/* The same at once: what is queued is dropped; if that would tear a message, the stream is reset.
 */
void grpc_response_cut(struct grpc_call *call, enum grpc_status status, const char *message);

/* A compressed message came: UNIMPLEMENTED with what we accept, or INTERNAL if no encoding was
 * named. */
void grpc_response_refuse_compression(struct grpc_call *call);

/* A plain HTTP answer without a body, for what is no gRPC request. */
void grpc_response_http(struct grpc_call *call, unsigned http_status);

/* The trailers: for the data source's end. */
void grpc_response_trailers(struct grpc_call *call);
