/* Every maximum of a gRPC connection, server or client, in one list. */
#pragma once
#include <stdint.h>

struct grpc_limits {
        /* messages */
        uint32_t message_bytes;    /* largest message taken; a method or a call may set less */
        uint32_t received_bytes;   /* all calls of a connection: partial messages, unread bytes */
        uint32_t call_queue_bytes; /* messages of one call on their way out */
        uint32_t queue_bytes;      /* the same, all calls of a connection */
        uint32_t high_water_bytes; /* default of grpc_call_set_high_water */

        /* HTTP/2 */
        uint32_t header_bytes;  /* names + values + 32 each, of one header block */
        uint32_t streams;       /* calls at a time that the peer may have open */
        uint32_t window_bytes;  /* per stream: what a stopped reader holds back */
        uint32_t reset_burst;   /* streams reset by either side: at once, ... */
        uint32_t reset_per_s;   /* ... and refilled */
        uint32_t control_burst; /* PING, SETTINGS, PRIORITY, empty DATA: at once, ... */
        uint32_t control_per_s; /* ... and refilled; each DATA frame that we send gives one, too */

        /* time, ms */
        uint32_t preface_ms;     /* server: from open to the client's preface and settings */
        uint32_t request_ms;     /* server: from headers to the whole request of a unary call */
        uint32_t finish_ms;      /* server: from the status to its departure; then a reset */
        uint32_t idle_ms;        /* server: without a call, until GOAWAY; 0: never */
        uint32_t drain_ms;       /* graceful shutdown: until calls are cut */
        uint64_t max_timeout_ms; /* longer deadlines are cut to it */
};

/* The defaults, with the reason for each in limits.c. */
struct grpc_limits grpc_limits_default(void);
