/* A gRPC client engine and a server connection joined in memory, with a clock of their own.
 *
 * For tests of common/grpc. Bytes go over in chunks of any size; nothing touches a socket. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buffer.h"
#include "common/grpc/client.h"
#include "common/grpc/connection.h"

struct grpc_pair {
        struct grpc_engine engine;
        const struct grpc_service *services[2];
        struct grpc_connection *server;
        struct grpc_client *client;
        uint64_t now_ms;
        size_t chunk; /* bytes handed over at a time; 0: as they come */
        int server_error, client_error;
};

/* What a call's client side saw. */
struct seen {
        unsigned messages, finished, headers, writable;
        size_t bytes; /* of all messages */
        struct buffer last;
        enum grpc_status status;
        char text[GRPC_STATUS_MESSAGE_MAX + 1];
        char header[64], trailer[64]; /* values of "x-echo" and "x-echo-bin" (trailer) */
        bool pause;                   /* pauses at each message */
};

/* Starts both sides with SERVICE and LIMITS (NULL: the defaults). */
void grpc_pair_init(struct grpc_pair *pair, const struct grpc_service *service,
                    const struct grpc_limits *limits);
void grpc_pair_done(struct grpc_pair *pair);

/* Moves bytes both ways until both are quiet. */
void grpc_pair_run(struct grpc_pair *pair);

/* Lets time pass and moves bytes. */
void grpc_pair_wait(struct grpc_pair *pair, uint64_t ms);

/* Feeds raw bytes to the server; what the server has to say is dropped. */
int grpc_pair_feed(struct grpc_pair *pair, const void *bytes, size_t len);

/* Begins a call of the client whose events fill SEEN (zeroed by the caller; seen_done frees). */
struct grpc_client_call *grpc_pair_call(struct grpc_pair *pair, const char *path,
                                        enum grpc_kind kind, uint64_t timeout_ms,
                                        struct seen *seen);
void seen_done(struct seen *seen);
