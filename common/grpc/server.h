/* gRPC server on a libuv loop: listeners, their connections, one flush per turn of the loop.
 *
 * The thin shell around connection.h. Services are tables (call.h). The daemon makes one server,
 * adds its listeners (TLS, h2c for a proxy, Unix socket) and runs the loop. */
#pragma once
#include <stdint.h>
#include <uv.h>

#include "common/grpc/call.h"
#include "common/grpc/limits.h"

struct env;
struct grpc_server; /* opaque */
struct listener;
struct listener_options;

struct grpc_server_options {
        const struct grpc_limits *limits;           /* copied; NULL: the defaults */
        const struct grpc_service *const *services; /* array and tables borrowed */
        size_t service_count;
        const struct env *env; /* clock; borrowed */

        /* A connection came or went, for counting and for what belongs to one
         * (grpc_connection_set_data). May be NULL. gone comes after the closed of its calls. */
        void (*connected)(void *user, struct grpc_connection *connection,
                          const struct net_peer *peer);
        void (*gone)(void *user, struct grpc_connection *connection);
        void *user;
};

/* Returned owned. OPTIONS is copied. MESH_ENOMEM. */
int grpc_server_new(uv_loop_t *loop, const struct grpc_server_options *options,
                    struct grpc_server **ret_server);

/* Listens on one more address (listener.h). *RET_LISTENER (may be NULL) is borrowed, for its port.
 */
int grpc_server_listen(struct grpc_server *server, const struct listener_options *options,
                       struct listener **ret_listener);

/* Stops listening, lets calls finish for limits.drain_ms, then cuts the rest; DONE(USER) is called
 * from the loop when every connection is gone. */
void grpc_server_shutdown(struct grpc_server *server, void (*done)(void *user), void *user);

/* Closes everything at once: calls get closed (cancelled) before this returns; memory is freed by
 * the loop (run it until its handles are gone). NULL is allowed. Not from inside a handler. */
void grpc_server_free(struct grpc_server *server);

/* Connections now. */
uint32_t grpc_server_connections(const struct grpc_server *server);
