/* The four kinds of gRPC method, seen by both sides. */
#pragma once

enum grpc_kind {
        GRPC_UNARY,         /* one message each way */
        GRPC_SERVER_STREAM, /* one request, any number of responses */
        GRPC_CLIENT_STREAM, /* any number of requests, one response */
        GRPC_BIDI,          /* any number both ways */
};
