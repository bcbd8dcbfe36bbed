/* grpc.health.v1.Health: whether the coordinator can serve, for whoever asks.
 *
 * All services share one state: they serve while the registry can store changes, and no longer once
 * the coordinator stops. A stranger learns nothing else here. Watchers are told changes only; to
 * one who does not read, the newest state is told when there is room again. Called by the server
 * through the table, and by streams.c when something may have changed. */
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buffer.h"
#include "common/error.h"
#include "coordinator/api/internal.h"
#include "grpc/health/v1/health.pb-c.h"
#include "proto/pb.h"

#define STATUS(name) GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__##name

enum { HEALTH_REQUEST_BYTES = 1024, HEALTH_ARENA_BYTES = 4096, HEALTH_WATCHES_MAX = 1024 };

/* One open Watch. Owned by its call, freed in `closed`. */
struct health_watch {
        struct health_watch *next, *previous;
        struct api *api;
        struct grpc_call *call;
        int told; /* STATUS(...) */
};

static int state_of(const struct api *api)
{
        bool serving = !api->stopping && registry_healthy(api->registry, NULL);
        return serving ? STATUS(SERVING) : STATUS(NOT_SERVING);
}

static bool is_served(const struct api *api, const char *name)
{
        size_t len = strlen(name);
        for (size_t i = 0; i < API_SERVICES; i++) {
                const char *path = api->service[i].methods[0].path + 1; /* "/package.Service/..." */
                if (strncmp(path, name, len) == 0 && path[len] == '/')
                        return true;
        }
        return len == 0;
}

/* Reads the request. False if the call was refused. */
static bool read_request(struct grpc_call *call, const uint8_t *bytes, size_t len, int *ret_status)
{
        const struct api *api = grpc_call_service(call);
        struct arena *arena = arena_new(HEALTH_ARENA_BYTES);
        ProtobufCMessage *message;
        int err = MESH_ENOMEM;
        if (arena)
                err = pb_unpack(&grpc__health__v1__health_check_request__descriptor, bytes, len,
                                arena, &message);
        if (err) {
                (void)grpc_call_finish(
                        call, err == MESH_ENOMEM ? GRPC_UNAVAILABLE : GRPC_INVALID_ARGUMENT,
                        mesh_strerror(err));
        } else {
                const char *name = ((Grpc__Health__V1__HealthCheckRequest *)message)->service;
                *ret_status = is_served(api, name) ? state_of(api) : STATUS(SERVICE_UNKNOWN);
        }
        arena_free(arena);
        return !err;
}

static int send_status(struct grpc_call *call, int status)
{
        Grpc__Health__V1__HealthCheckResponse response =
                GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;
        struct buffer bytes = buffer_with_max(HEALTH_ARENA_BYTES);
        response.status = (Grpc__Health__V1__HealthCheckResponse__ServingStatus)status;
        int err = pb_pack(&response.base, &bytes);
        if (!err)
                err = grpc_call_send(call, bytes.bytes, bytes.len);
        buffer_done(&bytes);
        return err;
}

static void check(struct grpc_call *call, const uint8_t *bytes, size_t len)
{
        int status;
        if (!read_request(call, bytes, len, &status))
                return;
        if (status == STATUS(SERVICE_UNKNOWN))
                (void)grpc_call_finish(call, GRPC_NOT_FOUND, "unknown service");
        else if (send_status(call, status) != 0)
                (void)grpc_call_finish(call, GRPC_UNAVAILABLE, "out of memory");
        else
                (void)grpc_call_finish(call, GRPC_OK, NULL);
}

/* ---- Watch ---- */

static void tell(struct health_watch *w, int status)
{
        if (w->told == status || w->told == STATUS(SERVICE_UNKNOWN) ||
            grpc_call_queued_bytes(w->call) > 0)
                return;
        if (send_status(w->call, status) == 0)
                w->told = status;
}

/* A watcher calls again when its stream ends, and finds another coordinator or this one anew. */
static void end_of_watch(struct health_watch *w)
{
        (void)grpc_call_finish(w->call, GRPC_UNAVAILABLE, "the coordinator stops");
}

static void watch(struct grpc_call *call, const uint8_t *bytes, size_t len)
{
        struct api *api = grpc_call_service(call);
        int status;
        if (!read_request(call, bytes, len, &status))
                return;
        struct health_watch *w =
                api->watch_count < HEALTH_WATCHES_MAX ? calloc(1, sizeof(*w)) : NULL;
        if (!w) {
                (void)grpc_call_finish(call, GRPC_RESOURCE_EXHAUSTED, "too many watchers");
                return;
        }
        w->api = api;
        w->call = call;
        w->next = api->watches;
        if (w->next)
                w->next->previous = w;
        api->watches = w;
        api->watch_count++;
        grpc_call_set_data(call, w);
        tell(w, status);
        if (api->stopping)
                end_of_watch(w);
}

static void watch_closed(struct grpc_call *call, enum grpc_close_reason reason)
{
        struct health_watch *w = grpc_call_data(call);
        (void)reason;
        if (!w)
                return;
        if (w->next)
                w->next->previous = w->previous;
        if (w->previous)
                w->previous->next = w->next;
        else
                w->api->watches = w->next;
        w->api->watch_count--;
        free(w);
}

void health_pump(struct api *api)
{
        int status = state_of(api);
        for (struct health_watch *w = api->watches, *next; w; w = next) {
                next = w->next;
                tell(w, status);
        }
}

void health_stop(struct api *api)
{
        health_pump(api);
        for (struct health_watch *w = api->watches, *next; w; w = next) {
                next = w->next;
                end_of_watch(w);
        }
}

static const struct grpc_handler check_handler = { .message = check };
static const struct grpc_handler watch_handler = { .message = watch, .closed = watch_closed };

const struct grpc_method health_methods[] = {
        { "/grpc.health.v1.Health/Check", GRPC_UNARY, &check_handler, HEALTH_REQUEST_BYTES },
        { "/grpc.health.v1.Health/Watch", GRPC_SERVER_STREAM, &watch_handler,
          HEALTH_REQUEST_BYTES },
};
const size_t health_method_count = sizeof(health_methods) / sizeof(health_methods[0]);
