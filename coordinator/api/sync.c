/* mesh.v1.Agent/Sync, the handshake and the life of one stream.
 *
 * What comes after the handshake is in sync_message.c, what belongs to all streams in streams.c.
 * 02-protocol.md, Agent.Sync. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buffer.h"
#include "common/error.h"
#include "common/log.h"
#include "coordinator/api/stream.h"
#include "proto/convert.h"
#include "proto/pb.h"

enum { PROTOCOL_VERSION = 1, QUEUE_HIGH_WATER_BYTES = 64 * 1024 };

static const char *const state_names[] = { "hello", "proof",   "connecting",
                                           "open",  "leaving", "closed" };

void sync_enter(struct sync_stream *s, enum sync_state next)
{
        assert(next == SYNC_CLOSED || next == s->state + 1);
        log_debug("sync from %s: %s -> %s", s->source, state_names[s->state], state_names[next]);
        s->state = next;
        if (next >= SYNC_CONNECTING)
                streams_shaken(s->api, s);
}

/* Takes the member off netmap and registry; the call may still be sending. */
static void disconnect(struct sync_stream *s)
{
        if (s->map)
                netmap_detach(s->map);
        s->map = NULL;
        if (s->bound)
                registry_disconnect(s->api->registry, s->node_id);
        streams_unbind(s->api, s);
        if (s->change_pending)
                registry_forget(&s->change);
        s->change_pending = false;
}

void sync_end(struct sync_stream *s, enum grpc_status status, const char *reason,
              const char *message)
{
        if (s->state == SYNC_CLOSED)
                return;
        struct api *api = s->api;
        struct log_limit *limit =
                s->state < SYNC_CONNECTING ? &api->by_strangers : &api->by_members;
        if (status != GRPC_OK && api_may_log(api, limit))
                log_info("sync from %s ends: %s", s->source, message);
        sync_enter(s, SYNC_CLOSED);
        disconnect(s);
        reply_refuse(s->call, status, reason, message);
}

static void end_error(struct sync_stream *s, int err)
{
        if (err == MESH_ENOMEM)
                sync_end(s, GRPC_UNAVAILABLE, NULL, "out of memory");
        else
                sync_end(s, GRPC_UNAUTHENTICATED, "proof",
                         "the proof is not valid for a member of this mesh");
}

static bool send_frame(struct sync_stream *s, const struct buffer *frame, int err)
{
        if (!err)
                err = grpc_call_send(s->call, frame->bytes, frame->len);
        if (err == MESH_ELIMIT)
                sync_end(s, GRPC_RESOURCE_EXHAUSTED, NULL, "the member does not read");
        else if (err)
                end_error(s, err);
        return err == 0;
}

bool sync_send(struct sync_stream *s, const void *bytes, size_t len)
{
        struct buffer frame = buffer_with_max(CHANNEL_FRAME_MAX);
        int err = channel_seal(s->channel, bytes, len, &frame);
        bool sent = send_frame(s, &frame, err);
        buffer_done(&frame);
        return sent;
}

/* ---- the handshake ---- */

static void sync_start(struct grpc_call *call)
{
        struct api *api = grpc_call_service(call);
        struct sync_stream *s = calloc(1, sizeof(*s));
        if (s)
                s->channel = channel_new_coordinator(registry_identity(api->registry),
                                                     &api->ephemeral, api->env);
        if (api->handshake_count >= API_HANDSHAKES_MAX) /* an honest one is over in a moment */
                sync_end(api->oldest_handshake, GRPC_UNAVAILABLE, "busy",
                         "too many connections begin at this moment; try again");
        if (!s || !s->channel || api->stream_count >= API_STREAMS_MAX) {
                if (s)
                        channel_free(s->channel);
                free(s);
                reply_refuse(call, GRPC_UNAVAILABLE, NULL, "too many streams; try again later");
                return;
        }
        s->api = api;
        s->call = grpc_call_ref(call);
        s->began_ms = s->heard_ms = s->beat_ms = env_monotonic_ms(api->env);
        net_peer_format(grpc_call_peer(call), s->source);
        grpc_call_set_data(call, s);
        grpc_call_set_message_limit(call, CHANNEL_HANDSHAKE_MAX); /* nothing is proven yet */
        grpc_call_set_high_water(call, QUEUE_HIGH_WATER_BYTES);
        streams_insert(api, s);
        struct buffer frame = buffer_with_max(CHANNEL_HELLO_MAX);
        int err = channel_hello_make(s->channel, &frame);
        send_frame(s, &frame, err);
        buffer_done(&frame);
}

static void endpoint_list(const struct api_public *public, struct arena *arena,
                          Mesh__V1__WelcomeBody *body)
{
        body->coordinator_name = (char *)public->name;
        body->coordinator_port = public->port;
        body->pins = endpoints_to_message(public->pins, public->pin_count, arena);
        body->n_pins = body->pins ? public->pin_count : 0;
}

static int send_welcome(struct sync_stream *s, const struct node *node, bool resumed)
{
        const struct meta_record *meta = registry_meta(s->api->registry);
        const struct member *member = node->record.member;
        const struct ip_prefix addresses[] = { ip_prefix_of(member->v4), ip_prefix_of(member->v6) };
        const struct ip_prefix prefixes[] = { meta->ipv4, meta->ipv6 };
        Mesh__V1__WelcomeBody body = MESH__V1__WELCOME_BODY__INIT;
        Mesh__V1__Epoch epoch = MESH__V1__EPOCH__INIT;
        Mesh__V1__Versions versions = MESH__V1__VERSIONS__INIT;
        struct arena *arena = arena_new(CHANNEL_ARENA_BYTES);
        struct buffer frame = buffer_with_max(CHANNEL_HANDSHAKE_MAX);
        int err = arena ? 0 : MESH_ENOMEM;
        if (err)
                goto out;
        versions.lowest = versions.highest = PROTOCOL_VERSION;
        versions.software = (char *)MESH_VERSION;
        netmap_epoch(s->api->netmap, &epoch.start_ms, &epoch.random);
        body.time_ms = (uint64_t)env_wall_ms(s->api->env);
        body.epoch = &epoch;
        body.generation = netmap_generation(s->api->netmap);
        body.next_instance_token = binary_of(s->change.next_token, INSTANCE_TOKEN_BYTES);
        body.versions = &versions;
        body.name = (char *)member->name;
        body.name_pending = member->name_pending;
        body.addresses = prefixes_to_message(addresses, 2, arena);
        body.n_addresses = body.addresses ? 2 : 0;
        body.mesh_prefixes = prefixes_to_message(prefixes, 2, arena);
        body.n_mesh_prefixes = body.mesh_prefixes ? 2 : 0;
        body.resumed = resumed;
        endpoint_list(s->api->public, arena, &body);
        err = channel_welcome_make(s->channel, &body, &frame);
        if (!err)
                err = grpc_call_send(s->call, frame.bytes, frame.len);
out:
        buffer_done(&frame);
        arena_free(arena);
        return err;
}

static void end_outcome(struct sync_stream *s, enum registry_outcome outcome)
{
        sync_end(s, reply_status_of(outcome), registry_outcome_word(outcome),
                 registry_outcome_text(outcome));
}

static void open_stream(struct sync_stream *s);

static void epoch_done(struct registry_call *change)
{
        struct sync_stream *s = change->user;
        s->change_pending = false;
        if (change->outcome == REGISTRY_OK)
                log_warning("a member had seen changes that this store never had: it was restored "
                            "from a copy? A new epoch began; every member gets a snapshot");
        if (reply_status_of(change->outcome) == GRPC_OK)
                open_stream(s);
        else
                end_outcome(s, change->outcome);
}

/* Our own MAC stands on a position that we never reached. The stream opens when the new epoch is
 * durable: Welcome tells of it. */
static void begin_epoch(struct sync_stream *s)
{
        netmap_detach(s->map);
        s->map = NULL;
        s->has_position = false;
        s->change.done = epoch_done;
        s->change.actor = "coordinator";
        s->change_pending = true;
        registry_begin_epoch(s->api->registry, &s->position, &s->change);
}

static void open_stream(struct sync_stream *s)
{
        struct sync_stream *older = streams_find(s->api, s->node_id);
        const struct node *node = registry_find_node(s->api->registry, s->node_id);
        enum netmap_resume resume = NETMAP_SNAPSHOT;
        if (older)
                sync_end(older, GRPC_ABORTED, "replaced", "a newer stream of this node took over");
        int err = node ? netmap_attach(s->api->netmap, s->node_id,
                                       s->has_position ? &s->position : NULL, s, &s->map, &resume)
                       : MESH_ENOENT;
        if (err) {
                sync_end(s, err == MESH_ENOENT ? GRPC_UNAUTHENTICATED : GRPC_UNAVAILABLE, NULL,
                         mesh_strerror(err));
                return;
        }
        if (resume == NETMAP_AHEAD) {
                begin_epoch(s);
                return;
        }
        registry_connected(s->api->registry, s->node_id);
        streams_bind(s->api, s);
        sync_enter(s, SYNC_OPEN);
        err = send_welcome(s, node, resume == NETMAP_RESUMED);
        if (err) {
                end_error(s, err);
                return;
        }
        grpc_call_set_message_limit(s->call, CHANNEL_FRAME_MAX);
        if (api_may_log(s->api, &s->api->by_members))
                log_info("%s is connected from %s%s", node->record.member->name, s->source,
                         resume == NETMAP_RESUMED ? ", resumed" : "");
        sync_pump(s);
}

static void connect_done(struct registry_call *change)
{
        struct sync_stream *s = change->user;
        s->change_pending = false;
        if (change->outcome == REGISTRY_OK)
                open_stream(s);
        else if (change->outcome == REGISTRY_NODE_UNKNOWN)
                end_error(s, MESH_EAUTH);
        else
                end_outcome(s, change->outcome);
}

static bool versions_meet(const Mesh__V1__Versions *theirs)
{
        return theirs && theirs->lowest <= PROTOCOL_VERSION + 1 &&
               theirs->highest + 1 >= PROTOCOL_VERSION && theirs->highest >= theirs->lowest;
}

static void proven(struct sync_stream *s, const Mesh__V1__ProofBody *body)
{
        struct peer_versions versions = { .lowest = body->versions->lowest,
                                          .highest = body->versions->highest,
                                          .features = body->versions->features };
        (void)snprintf(versions.software, sizeof(versions.software), "%s",
                       body->versions->software);
        s->has_position =
                body->position && position_from_message(body->position, &s->position) == 0;
        s->change.done = connect_done;
        s->change.user = s;
        s->change.source = s->source;
        s->change_pending = true;
        sync_enter(s, SYNC_CONNECTING);
        registry_connect(s->api->registry, s->node_id, body->instance_token.data,
                         body->instance_token.len, &versions, &s->change);
}

static void take_proof(struct sync_stream *s, const uint8_t *frame, size_t len)
{
        struct arena *arena = arena_new(CHANNEL_ARENA_BYTES);
        const Mesh__V1__ProofBody *body = NULL;
        const struct node *node = NULL;
        int err = arena ? channel_proof_read(s->channel, frame, len, arena, &body) : MESH_ENOMEM;
        if (!err) {
                memcpy(s->node_id, body->node_id.data, NODE_ID_BYTES);
                node = registry_find_node(s->api->registry, s->node_id);
                const struct removal_record *removal =
                        node ? NULL : registry_find_removal(s->api->registry, s->node_id);
                const uint8_t *removed = removal ? removal->identity : NULL;
                err = channel_proof_check(s->channel,
                                          node ? node->record.member->identity : removed);
        }
        if (err)
                end_error(s, err);
        else if (!node) /* it proved that it was one */
                sync_end(s, GRPC_PERMISSION_DENIED, registry_outcome_word(REGISTRY_BARRED),
                         "this node was removed by an administrator; to join again as a new one: "
                         "meshctl leave, then enroll with a new setup key");
        else if (!versions_meet(body->versions))
                sync_end(s, GRPC_FAILED_PRECONDITION, "version",
                         "no common protocol version; this coordinator speaks version 1: update "
                         "the older side");
        else
                proven(s, body);
        arena_free(arena);
}

static void take_sealed(struct sync_stream *s, const uint8_t *frame, size_t len)
{
        struct buffer plain = buffer_with_max(CHANNEL_PLAIN_MAX);
        int err = channel_open(s->channel, frame, len, &plain);
        if (err) {
                end_error(s, err);
        } else {
                registry_contact(s->api->registry, s->node_id);
                sync_take_message(s, plain.bytes, plain.len);
        }
        buffer_done(&plain);
}

static void sync_message(struct grpc_call *call, const uint8_t *bytes, size_t len)
{
        struct sync_stream *s = grpc_call_data(call);
        if (!s || s->state == SYNC_CLOSED)
                return;
        s->heard_ms = env_monotonic_ms(s->api->env);
        switch (s->state) {
        case SYNC_HELLO: {
                int err = channel_agent_hello_read(s->channel, bytes, len);
                if (err)
                        end_error(s, err);
                else
                        sync_enter(s, SYNC_PROOF);
                break;
        }
        case SYNC_PROOF:
                take_proof(s, bytes, len);
                break;
        case SYNC_OPEN:
        case SYNC_LEAVING:
                take_sealed(s, bytes, len);
                break;
        default: /* the agent must wait for Welcome */
                end_error(s, MESH_EPROTO);
                break;
        }
}

static void sync_half_closed(struct grpc_call *call)
{
        struct sync_stream *s = grpc_call_data(call);
        if (s)
                sync_end(s, GRPC_OK, NULL, NULL);
}

static void sync_writable(struct grpc_call *call)
{
        struct sync_stream *s = grpc_call_data(call);
        if (s)
                sync_pump(s);
}

static void sync_closed(struct grpc_call *call, enum grpc_close_reason reason)
{
        struct sync_stream *s = grpc_call_data(call);
        (void)reason;
        if (!s)
                return;
        if (s->state != SYNC_CLOSED)
                sync_enter(s, SYNC_CLOSED);
        disconnect(s);
        streams_remove(s->api, s);
        channel_free(s->channel);
        grpc_call_set_data(call, NULL);
        grpc_call_unref(s->call);
        free(s);
}

static const struct grpc_handler sync_handler = {
        .start = sync_start,
        .message = sync_message,
        .half_closed = sync_half_closed,
        .writable = sync_writable,
        .closed = sync_closed,
};

const struct grpc_method sync_methods[] = {
        { "/mesh.v1.Agent/Sync", GRPC_BIDI, &sync_handler, CHANNEL_FRAME_MAX },
};
const size_t sync_method_count = sizeof(sync_methods) / sizeof(sync_methods[0]);
