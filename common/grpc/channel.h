/* gRPC client on a libuv loop: one transport, the client engine, its deadlines and flushes.
 *
 * The thin shell around client.h; calls are made and used with the functions there. It does not
 * reconnect: when the transport is gone, every call finishes with UNAVAILABLE and closed is called.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "common/grpc/client.h"

struct env;
struct grpc_channel; /* opaque */
struct transport;

struct grpc_channel_options {
        const char *authority;            /* copied; NULL: "localhost" */
        const struct grpc_limits *limits; /* copied; NULL: the defaults */
        const struct env *env;            /* clock; borrowed */

        /* The transport is gone (ERR as in transport_events.close), after the finished of all
         * calls. The channel must still be freed, also from inside. May be NULL. */
        void (*closed)(void *user, struct grpc_channel *channel, int err);
        void *user;
};

/* Takes TRANSPORT, open or still connecting (bytes wait until it is open). Returned owned. On
 * failure the transport is closed. MESH_ENOMEM. */
int grpc_channel_new(struct transport *transport, const struct grpc_channel_options *options,
                     struct grpc_channel **ret_channel);

/* Connects to a Unix socket and makes a channel of it; the connection may still fail (closed). */
int grpc_channel_open_unix(uv_loop_t *loop, const char *path,
                           const struct grpc_channel_options *options,
                           struct grpc_channel **ret_channel);

/* Closes the transport gracefully. Open calls end without an event and closed is not called: once
 * this returns, nothing of the caller's is used any more. NULL is allowed. May be called from
 * inside closed and from inside a call's events. */
void grpc_channel_free(struct grpc_channel *channel);

/* Begins a call: grpc_client_call with the channel's engine and clock. */
int grpc_channel_call(struct grpc_channel *channel, const struct grpc_client_request *request,
                      struct grpc_client_call **ret_call);

/* The transport, for its peer and TLS result; NULL once it is gone. */
struct transport *grpc_channel_transport(const struct grpc_channel *channel);
