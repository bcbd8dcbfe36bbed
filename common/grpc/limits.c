/* The defaults and their reasons; see the header. */
#include "common/grpc/limits.h"

struct grpc_limits grpc_limits_default(void)
{
        return (struct grpc_limits){
                .message_bytes = 4 * 1024 * 1024,  /* what stock clients take and send at most */
                .received_bytes = 8 * 1024 * 1024, /* two of the largest */
                .call_queue_bytes = 8 * 1024 * 1024,
                .queue_bytes = 32 * 1024 * 1024,
                .high_water_bytes = 64 * 1024, /* one HTTP/2 window */
                .header_bytes = 8 * 1024,      /* gRPC's own default */
                .streams = 64,
                .window_bytes = 65535, /* HTTP/2's default: no SETTINGS race at the start */
                .reset_burst = 200,    /* a tool that cancels many calls at its end */
                .reset_per_s = 20,
                .control_burst = 200, /* bandwidth probes of grpc-go come in bursts */
                .control_per_s = 20,
                .preface_ms = 10 * 1000,
                .request_ms = 30 * 1000,
                .finish_ms = 60 * 1000, /* the largest message to a slow but honest reader */
                .idle_ms = 5 * 60 * 1000,
                .drain_ms = 10 * 1000,
                .max_timeout_ms = (uint64_t)365 * 24 * 3600 * 1000,
        };
}
