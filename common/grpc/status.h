/* gRPC status codes, the text form of their message, and what HTTP/2 errors mean as a status.
 *
 * https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md, statuscodes.md,
 * http-grpc-status-mapping.md. */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct buffer;

enum grpc_status {
        GRPC_OK,
        GRPC_CANCELLED,
        GRPC_UNKNOWN,
        GRPC_INVALID_ARGUMENT,
        GRPC_DEADLINE_EXCEEDED,
        GRPC_NOT_FOUND,
        GRPC_ALREADY_EXISTS,
        GRPC_PERMISSION_DENIED,
        GRPC_RESOURCE_EXHAUSTED,
        GRPC_FAILED_PRECONDITION,
        GRPC_ABORTED,
        GRPC_OUT_OF_RANGE,
        GRPC_UNIMPLEMENTED,
        GRPC_INTERNAL,
        GRPC_UNAVAILABLE,
        GRPC_DATA_LOSS,
        GRPC_UNAUTHENTICATED,
};

enum { GRPC_STATUS_MESSAGE_MAX = 1024 }; /* bytes of a status message that are kept or sent */

/* "NOT_FOUND"; "UNKNOWN" for a number that is none. Static. */
const char *grpc_status_name(enum grpc_status status);

/* The text of grpc-status: GRPC_UNKNOWN for anything but 0..16 without a leading zero. */
enum grpc_status grpc_status_parse(const char *text, size_t len);

/* Appends MESSAGE (UTF-8) percent-encoded: '%' and what is not 0x20..0x7e. */
void grpc_message_encode(const char *message, struct buffer *out);

/* Appends the decoded text; a '%' that no two hex digits follow stays as it is. */
void grpc_message_decode(const char *text, size_t len, struct buffer *out);

/* What a client makes of a response without grpc-status: by HTTP status, by RST_STREAM code. */
enum grpc_status grpc_status_from_http(unsigned http_status);
enum grpc_status grpc_status_from_h2(uint32_t h2_error);
