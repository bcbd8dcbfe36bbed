/* The coordinator's gRPC services: translation between the wire and registry and netmap.
 *
 * No state of its own but the open streams; no sockets (common/grpc does those) and no SQL. The
 * daemon makes one api, puts its services into the gRPC server, and calls api_pump after each
 * registry_run and api_tick each second. 02-protocol.md.
 *
 * The rooms: enrollment.c, sync.c (one stream), streams.c (all of them), admin_*.c, health.c,
 * reflection.c with descriptors.c, reply.c. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/grpc/call.h"
#include "coordinator/netmap/netmap.h"

struct api; /* opaque */
struct env;
struct registry;

enum {
        API_PINS_MAX = 16,
        API_LISTENERS_MAX = 16,
        API_HEARTBEAT_MS = 10000,  /* 02-protocol.md, Agent.Sync point 5 */
        API_SILENCE_MS = 30000,    /* the same: death */
        API_HANDSHAKE_MS = 10000,  /* from the stream's start to Proof */
        API_HANDSHAKES_MAX = 4096, /* one more sends the oldest away */
        API_STREAMS_MAX = 65536,   /* those, members, and those whose end is still to be read */
};

/* What members are told of the coordinator itself; borrowed, may grow until the server listens. */
struct api_public {
        const char *name; /* FQDN or address for setup keys and grants; "" if none is configured */
        uint16_t port;
        struct ip_endpoint pins[API_PINS_MAX];
        size_t pin_count;
        const char *listeners[API_LISTENERS_MAX]; /* "tls 0.0.0.0:443"; for health */
        size_t listener_count;
};

/* NETMAP's callbacks must be those of api_netmap_callbacks. Borrows all but copies nothing; they
 * outlive the api. Returned owned. MESH_ENOMEM. */
int api_new(const struct env *env, const struct api_public *public, struct api **ret_api);

/* The callbacks that netmap_new needs. */
struct netmap_callbacks api_netmap_callbacks(struct api *api);

/* Before the first call is served. Borrows both. */
void api_attach(struct api *api, struct registry *registry, struct netmap *netmap);

/* The services, for grpc_server_options. Borrowed from API. */
const struct grpc_service *const *api_services(const struct api *api, size_t *ret_count);

/* Sends what changed to the streams and watchers that have room. After each registry_run. */
void api_pump(struct api *api);

/* Heartbeats, silence, renewal of the ephemeral key. Each second. */
void api_tick(struct api *api);

/* Ends all streams with UNAVAILABLE; health says NOT_SERVING from now on: the coordinator stops. */
void api_stop(struct api *api);

/* Frees; all calls must have been closed. NULL is allowed. */
void api_free(struct api *api);
