/* What the rooms of the api share. Not for others. */
#pragma once
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

#include "common/env.h"
#include "common/log.h"
#include "coordinator/api/api.h"
#include "coordinator/registry/registry.h"
#include "proto/channel.h"

struct arena;
struct health_watch;
struct sync_stream;

enum {
        API_STREAM_BUCKETS = 4096,
        API_SERVICES = 6,
        API_ARENA_BYTES = 8 << 20,
        API_ENROLL_ARENA_BYTES = 512 << 10, /* of ENROLL_MESSAGE_MAX bytes, unpacked three times */
        API_ENROLLING_MAX = 512,            /* enrolments that wait for the store */
        API_LOG_INTERVAL_MS = 60000,
        API_LOG_STRANGERS = 20, /* lines an interval */
        API_LOG_MEMBERS = 200,
};

struct api {
        const struct env *env;
        const struct api_public *public;
        struct registry *registry;
        struct netmap *netmap;
        uint64_t started_ms;
        struct channel_ephemeral ephemeral;
        struct sync_stream *streams;                     /* all, newest first */
        struct sync_stream *by_node[API_STREAM_BUCKETS]; /* the open ones, by node id */
        size_t stream_count;
        struct sync_stream *oldest_handshake, *newest_handshake; /* those before a valid Proof */
        size_t handshake_count;
        size_t enrolling;                          /* calls of Enroll that wait for the registry */
        struct log_limit by_strangers, by_members; /* lines that they cause */
        struct health_watch *watches;              /* open Watch calls */
        size_t watch_count;
        bool stopping;
        struct grpc_service service[API_SERVICES];
        const struct grpc_service *services[API_SERVICES];
};

/* ---- reply.c ---- */

/* A unary call that waits for the registry. Freed by pending_finish. */
struct pending {
        struct registry_call change;
        struct grpc_call *call; /* held */
        struct api *api;
        struct arena *arena;               /* owned; holds the request */
        void (*answer)(struct pending *p); /* with REGISTRY_OK, EXISTING or UNCHANGED */
        const void *request;               /* of the answer's own type; borrowed from the arena */
        bool enrolling;                    /* counted in the api */
        char actor[64], source[NET_PEER_TEXT_MAX];
};

/* For CALL; ANSWER sends the reply when the change is durable, other outcomes become a status.
 * NULL when out of memory; then the call is finished. ACTOR is for the audit log; the arena takes
 * at most ARENA_BYTES. */
struct pending *pending_new(struct api *api, struct grpc_call *call, const char *actor,
                            size_t arena_bytes, void (*answer)(struct pending *p));

/* Unpacks a request into P's arena as p->request. False if the call was refused with
 * INVALID_ARGUMENT; P is freed then. */
bool pending_unpack(struct pending *p, const ProtobufCMessageDescriptor *type, const uint8_t *bytes,
                    size_t len);

/* Packs MESSAGE as the reply, frees P. */
void pending_reply(struct pending *p, const ProtobufCMessage *message);

/* Ends the call with a status instead, frees P. REASON: word for the trailer, or NULL. */
void pending_refuse(struct pending *p, enum grpc_status status, const char *reason,
                    const char *message);

/* Ends a call with a status and the trailer mesh-reason (REASON may be NULL). */
void reply_refuse(struct grpc_call *call, enum grpc_status status, const char *reason,
                  const char *message);

/* The gRPC status that an outcome is told as. */
enum grpc_status reply_status_of(enum registry_outcome outcome);

/* Refuses the call unless the caller may administer: root, or the coordinator's own user, over the
 * Unix socket. */
void reply_admit_admin(struct grpc_call *call);

/* Whether a line that somebody outside causes may be logged; says how many were held back. */
bool api_may_log(struct api *api, struct log_limit *limit);

/* ---- streams.c ---- */

/* The open stream of a node, or NULL. */
struct sync_stream *streams_find(const struct api *api, const uint8_t id[static NODE_ID_BYTES]);
void streams_insert(struct api *api, struct sync_stream *s);
void streams_remove(struct api *api, struct sync_stream *s);
/* S is no handshake any more: it was proven, or it is over. */
void streams_shaken(struct api *api, struct sync_stream *s);
void streams_bind(struct api *api, struct sync_stream *s);
void streams_unbind(struct api *api, struct sync_stream *s);

/* ---- health.c ---- */

/* Tells watchers what changed and what they had no room for. */
void health_pump(struct api *api);
/* Tells them that the coordinator stops, ends their calls. */
void health_stop(struct api *api);

/* ---- one handler table a service ---- */

extern const struct grpc_method enrollment_methods[];
extern const size_t enrollment_method_count;
extern const struct grpc_method sync_methods[];
extern const size_t sync_method_count;
extern const struct grpc_method admin_methods[];
extern const size_t admin_method_count;
extern const struct grpc_method health_methods[];
extern const size_t health_method_count;
extern const struct grpc_method reflection_v1_methods[], reflection_v1alpha_methods[];
extern const size_t reflection_method_count; /* of each */
