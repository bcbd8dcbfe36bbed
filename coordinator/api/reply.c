/* Answers: when the change is durable, or a refusal that names the cure. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/arena.h"
#include "common/buffer.h"
#include "common/error.h"
#include "common/grpc/call.h"
#include "coordinator/api/internal.h"
#include "proto/pb.h"

static const enum grpc_status status_of[REGISTRY_OUTCOME_COUNT] = {
        [REGISTRY_OK] = GRPC_OK,
        [REGISTRY_EXISTING] = GRPC_OK,
        [REGISTRY_UNCHANGED] = GRPC_OK,
        [REGISTRY_UNAVAILABLE] = GRPC_UNAVAILABLE,
        [REGISTRY_KEY_UNKNOWN] = GRPC_NOT_FOUND,
        [REGISTRY_KEY_EXPIRED] = GRPC_FAILED_PRECONDITION,
        [REGISTRY_KEY_USED_UP] = GRPC_FAILED_PRECONDITION,
        [REGISTRY_KEY_REVOKED] = GRPC_FAILED_PRECONDITION,
        [REGISTRY_TAGS_REFUSED] = GRPC_PERMISSION_DENIED,
        [REGISTRY_BARRED] = GRPC_PERMISSION_DENIED,
        [REGISTRY_WIREGUARD_KEY_TAKEN] = GRPC_ALREADY_EXISTS,
        [REGISTRY_WIREGUARD_KEY_CHANGED] = GRPC_FAILED_PRECONDITION,
        [REGISTRY_FULL] = GRPC_RESOURCE_EXHAUSTED,
        [REGISTRY_CLONED] = GRPC_FAILED_PRECONDITION,
        [REGISTRY_NODE_UNKNOWN] = GRPC_NOT_FOUND,
        [REGISTRY_NAME_TAKEN] = GRPC_ALREADY_EXISTS,
        [REGISTRY_NOTHING_CLAIMED] = GRPC_FAILED_PRECONDITION,
        [REGISTRY_NAME_NOT_RESERVED] = GRPC_NOT_FOUND,
        [REGISTRY_INVALID] = GRPC_INVALID_ARGUMENT,
};

enum grpc_status reply_status_of(enum registry_outcome outcome)
{
        return status_of[outcome];
}

void reply_refuse(struct grpc_call *call, enum grpc_status status, const char *reason,
                  const char *message)
{
        if (reason) {
                struct grpc_field field = { "mesh-reason", reason, strlen(reason) };
                (void)grpc_call_add_trailer(call, &field); /* the status tells it, too */
        }
        (void)grpc_call_finish(call, status, message); /* fails only if the caller is gone */
}

void reply_admit_admin(struct grpc_call *call)
{
        const struct net_peer *peer = grpc_call_peer(call);
        if (peer->kind == NET_UNIX && (peer->uid == 0 || peer->uid == geteuid()))
                return;
        if (peer->kind == NET_UNIX)
                reply_refuse(call, GRPC_PERMISSION_DENIED, "rights",
                             "administration is for root; try again with sudo");
        else
                reply_refuse(call, GRPC_UNAUTHENTICATED, "token",
                             "administration over the network is not built yet; use the Unix "
                             "socket on the coordinator's host");
}

static void pending_free(struct pending *p)
{
        if (p->enrolling)
                p->api->enrolling--;
        grpc_call_unref(p->call);
        arena_free(p->arena);
        free(p);
}

void pending_refuse(struct pending *p, enum grpc_status status, const char *reason,
                    const char *message)
{
        reply_refuse(p->call, status, reason, message);
        pending_free(p);
}

void pending_reply(struct pending *p, const ProtobufCMessage *message)
{
        struct buffer bytes = buffer_with_max(PB_MESSAGE_MAX);
        int err = pb_pack(message, &bytes);
        if (err)
                reply_refuse(p->call, GRPC_INTERNAL, NULL, mesh_strerror(err));
        else
                (void)grpc_call_reply(p->call, bytes.bytes, bytes.len);
        if (bytes.bytes)
                sodium_memzero(bytes.bytes, bytes.capacity); /* a setup key's text may be in it */
        buffer_done(&bytes);
        pending_free(p);
}

/* The registry is done with it: the change is durable, or refused. */
static void change_done(struct registry_call *change)
{
        struct pending *p = change->user;
        enum grpc_status status = reply_status_of(change->outcome);
        if (status == GRPC_OK)
                p->answer(p);
        else
                pending_refuse(p, status, registry_outcome_word(change->outcome),
                               registry_outcome_text(change->outcome));
}

struct pending *pending_new(struct api *api, struct grpc_call *call, const char *actor,
                            size_t arena_bytes, void (*answer)(struct pending *p))
{
        struct pending *p = calloc(1, sizeof(*p));
        struct arena *arena = arena_new(arena_bytes);
        if (!p || !arena) {
                free(p);
                arena_free(arena);
                reply_refuse(call, GRPC_UNAVAILABLE, NULL, "out of memory");
                return NULL;
        }
        p->call = grpc_call_ref(call);
        p->api = api;
        p->arena = arena;
        p->answer = answer;
        (void)snprintf(p->actor, sizeof(p->actor), "%s", actor);
        net_peer_format(grpc_call_peer(call), p->source);
        p->change.done = change_done;
        p->change.user = p;
        p->change.actor = p->actor;
        p->change.source = p->source;
        return p;
}

bool pending_unpack(struct pending *p, const ProtobufCMessageDescriptor *type, const uint8_t *bytes,
                    size_t len)
{
        ProtobufCMessage *message;
        int err = pb_unpack(type, bytes, len, p->arena, &message);
        if (err) {
                pending_refuse(p, GRPC_INVALID_ARGUMENT, NULL, mesh_strerror(err));
                return false;
        }
        p->request = message;
        return true;
}

bool api_may_log(struct api *api, struct log_limit *limit)
{
        uint32_t held_back;
        if (!log_limit_pass(limit, env_monotonic_ms(api->env), &held_back))
                return false;
        if (held_back > 0)
                log_info("%u more lines about %s were not written", held_back,
                         limit == &api->by_strangers ? "strangers" : "members");
        return true;
}
