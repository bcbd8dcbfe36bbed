/* All open streams: the api's life, the index by node, pumping and time. */
#include <stdlib.h>
#include <string.h>

#include "common/error.h"
#include "coordinator/api/stream.h"

static struct sync_stream **bucket(struct api *api, const uint8_t id[static NODE_ID_BYTES])
{
        uint32_t hash;
        memcpy(&hash, id, sizeof(hash)); /* node ids are random */
        return &api->by_node[hash % API_STREAM_BUCKETS];
}

struct sync_stream *streams_find(const struct api *api, const uint8_t id[static NODE_ID_BYTES])
{
        struct sync_stream *s = *bucket((struct api *)api, id);
        while (s && memcmp(s->node_id, id, NODE_ID_BYTES) != 0)
                s = s->next_of_bucket;
        return s;
}

void streams_bind(struct api *api, struct sync_stream *s)
{
        struct sync_stream **head = bucket(api, s->node_id);
        s->next_of_bucket = *head;
        *head = s;
        s->bound = true;
}

void streams_unbind(struct api *api, struct sync_stream *s)
{
        if (!s->bound)
                return;
        struct sync_stream **at = bucket(api, s->node_id);
        while (*at != s)
                at = &(*at)->next_of_bucket;
        *at = s->next_of_bucket;
        s->bound = false;
}

void streams_insert(struct api *api, struct sync_stream *s)
{
        s->next = api->streams;
        if (s->next)
                s->next->previous = s;
        api->streams = s;
        api->stream_count++;
        s->older = api->newest_handshake;
        if (s->older)
                s->older->newer = s;
        else
                api->oldest_handshake = s;
        api->newest_handshake = s;
        api->handshake_count++;
        s->in_handshake = true;
}

void streams_shaken(struct api *api, struct sync_stream *s)
{
        if (!s->in_handshake)
                return;
        if (s->older)
                s->older->newer = s->newer;
        else
                api->oldest_handshake = s->newer;
        if (s->newer)
                s->newer->older = s->older;
        else
                api->newest_handshake = s->older;
        api->handshake_count--;
        s->in_handshake = false;
}

void streams_remove(struct api *api, struct sync_stream *s)
{
        if (s->next)
                s->next->previous = s->previous;
        if (s->previous)
                s->previous->next = s->next;
        else
                api->streams = s->next;
        api->stream_count--;
}

void api_pump(struct api *api)
{
        for (struct sync_stream *s = api->streams, *next; s; s = next) {
                next = s->next; /* a stream that ends is freed later, in closed */
                if (s->dirty)
                        sync_pump(s);
        }
        health_pump(api);
}

void api_tick(struct api *api)
{
        uint64_t now_ms = env_monotonic_ms(api->env);
        /* Without memory for a new one the old one serves on. */
        (void)channel_ephemeral_renew(&api->ephemeral, registry_identity(api->registry), api->env,
                                      now_ms);
        for (struct sync_stream *s = api->streams, *next; s; s = next) {
                next = s->next;
                sync_tick(s, now_ms);
        }
}

void api_stop(struct api *api)
{
        for (struct sync_stream *s = api->streams, *next; s; s = next) {
                next = s->next;
                sync_end(s, GRPC_UNAVAILABLE, "stopping", "the coordinator stops");
        }
        api->stopping = true;
        health_stop(api);
}

static void map_dirty(void *user, void *stream_user)
{
        struct sync_stream *s = stream_user;
        (void)user;
        s->dirty = true; /* api_pump follows each registry_run */
}

static void map_gone(void *user, void *stream_user)
{
        struct sync_stream *s = stream_user;
        (void)user;
        if (s->state != SYNC_LEAVING) /* then Left is still to be sent */
                sync_end(s, GRPC_PERMISSION_DENIED, "barred",
                         "this node was removed by an administrator; to join again as a new "
                         "one: meshctl leave, then enroll with a new setup key");
}

struct netmap_callbacks api_netmap_callbacks(struct api *api)
{
        return (struct netmap_callbacks){ .dirty = map_dirty, .gone = map_gone, .user = api };
}

int api_new(const struct env *env, const struct api_public *public, struct api **ret_api)
{
        struct api *api = calloc(1, sizeof(*api));
        if (!api)
                return MESH_ENOMEM;
        api->env = env;
        api->public = public;
        api->started_ms = env_monotonic_ms(env);
        api->by_strangers = (struct log_limit){ .burst = API_LOG_STRANGERS,
                                                .interval_ms = API_LOG_INTERVAL_MS };
        api->by_members =
                (struct log_limit){ .burst = API_LOG_MEMBERS, .interval_ms = API_LOG_INTERVAL_MS };
        api->service[0] = (struct grpc_service){ enrollment_methods, enrollment_method_count, api };
        api->service[1] = (struct grpc_service){ sync_methods, sync_method_count, api };
        api->service[2] = (struct grpc_service){ admin_methods, admin_method_count, api };
        api->service[3] = (struct grpc_service){ health_methods, health_method_count, api };
        api->service[4] =
                (struct grpc_service){ reflection_v1_methods, reflection_method_count, api };
        api->service[5] =
                (struct grpc_service){ reflection_v1alpha_methods, reflection_method_count, api };
        for (size_t i = 0; i < API_SERVICES; i++)
                api->services[i] = &api->service[i];
        *ret_api = api;
        return 0;
}

void api_attach(struct api *api, struct registry *registry, struct netmap *netmap)
{
        api->registry = registry;
        api->netmap = netmap;
        api_tick(api); /* makes the first ephemeral key */
}

const struct grpc_service *const *api_services(const struct api *api, size_t *ret_count)
{
        *ret_count = API_SERVICES;
        return api->services;
}

void api_free(struct api *api)
{
        if (!api)
                return;
        channel_ephemeral_done(&api->ephemeral);
        free(api);
}
