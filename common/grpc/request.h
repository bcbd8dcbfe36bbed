/* The head of a request: HTTP/2 header fields one by one in, what the call is or why it is refused
 * out. PROTOCOL-HTTP2.md, "Request-Headers". Internal to common/grpc; nothing of nghttp2. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/grpc/metadata.h"
#include "common/grpc/status.h"

enum { GRPC_PATH_MAX = 256 };

struct grpc_request_head {
        struct grpc_metadata metadata;
        size_t bytes; /* HTTP/2's size of the list: name + value + 32 each */
        uint64_t timeout_ms;
        char path[GRPC_PATH_MAX];
        bool post, grpc, has_timeout, compressed;
        bool too_large; /* over the limit of bytes or of fields */
        enum grpc_status refused;
        const char *refusal; /* static; NULL: sound so far */
};

/* An empty head; done frees its metadata. */
void grpc_request_head_init(struct grpc_request_head *head);
void grpc_request_head_done(struct grpc_request_head *head);

/* Takes one field. Fields beyond MAX_BYTES in all are counted and dropped. */
void grpc_request_head_field(struct grpc_request_head *head, const char *name, size_t name_len,
                             const char *value, size_t value_len, size_t max_bytes);

/* The HTTP status that answers this head: 200 (gRPC decides), 405 no POST, 415 no gRPC, 431 too
 * large and no gRPC. */
unsigned grpc_request_head_http_status(const struct grpc_request_head *head);
