/* The Sync session's shell; see the header. */
#include "agent/session/uplink.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/config.h"
#include "agent/session/host_needs.h"
#include "agent/session/netwatch.h"
#include "agent/state/state.h"
#include "common/env.h"
#include "common/error.h"
#include "common/grpc/channel.h"
#include "common/log.h"
#include "common/net/dial.h"
#include "common/net/transport.h"
#include "proto/channel.h"

#define SYNC_PATH "/mesh.v1.Agent/Sync"

/* One connection: the session's attempt of the same index. */
struct slot {
        struct uplink *uplink;
        unsigned index;
        struct transport *transport;  /* borrowed from the channel */
        struct grpc_channel *channel; /* owned; NULL: the slot is free */
        struct grpc_client_call *call;
};

struct uplink {
        struct uplink_options options;
        struct session *session;
        struct dial *dial; /* while racing */
        struct slot slots[SESSION_ATTEMPTS_MAX];
        uv_timer_t timer;
};

static uint64_t now_ms(const struct uplink *uplink)
{
        return env_monotonic_ms(uplink->options.env);
}

static void on_timer(uv_timer_t *timer);

/* After anything that may have changed when the session wants its next tick. */
static void arm(struct uplink *uplink)
{
        uint64_t next = session_next_ms(uplink->session), now = now_ms(uplink);
        if (next == UINT64_MAX) {
                (void)uv_timer_stop(&uplink->timer);
                return;
        }
        uv_update_time(uplink->options.loop);
        (void)uv_timer_start(&uplink->timer, on_timer, next > now ? next - now : 0, 0);
}

static void on_timer(uv_timer_t *timer)
{
        struct uplink *uplink = timer->data;
        session_tick(uplink->session, now_ms(uplink));
        arm(uplink);
}

/* ---- a connection's stream ---- */

static void on_message(void *user, struct grpc_client_call *call, const uint8_t *bytes, size_t len)
{
        struct slot *slot = user;
        struct uplink *uplink = slot->uplink;
        if (slot->call != call)
                return;
        session_received(uplink->session, slot->index, bytes, len, now_ms(uplink));
        arm(uplink);
}

static void on_finished(void *user, struct grpc_client_call *call,
                        const struct grpc_outcome *outcome)
{
        struct slot *slot = user;
        struct uplink *uplink = slot->uplink;
        if (slot->call != call)
                return; /* one that the session gave up */
        slot->call = NULL;
        session_closed(uplink->session, slot->index, outcome->status, outcome->message,
                       now_ms(uplink));
        arm(uplink);
}

static const struct grpc_client_events call_events = { .message = on_message,
                                                       .finished = on_finished };

/* Closes the slot's connection. Its late events find no call of theirs. */
static void slot_free(struct slot *slot)
{
        struct grpc_channel *channel = slot->channel;
        slot->channel = NULL;
        slot->transport = NULL;
        slot->call = NULL;
        grpc_channel_free(channel);
}

static int open_stream(struct uplink *uplink, struct slot *slot, struct transport *transport)
{
        struct agent_state *state = uplink->options.state;
        char authority[MEMBERSHIP_HOST_MAX + 8];
        (void)snprintf(authority, sizeof(authority), "%s:%u", state->membership.coordinator_name,
                       state->membership.coordinator_port);
        struct grpc_limits limits = grpc_limits_default();
        limits.message_bytes = CHANNEL_FRAME_MAX;
        struct grpc_channel_options options = {
                .authority = authority, .limits = &limits, .env = uplink->options.env, .user = slot
        };
        struct grpc_client_request request = {
                .path = SYNC_PATH, .kind = GRPC_BIDI, .events = &call_events, .user = slot
        };
        int err = grpc_channel_new(transport, &options, &slot->channel);
        if (err)
                return err;
        slot->transport = transport;
        err = grpc_channel_call(slot->channel, &request, &slot->call);
        if (err)
                slot_free(slot);
        return err;
}

/* ---- the race ---- */

static struct session_route route_of(struct transport *transport, enum race_via via)
{
        const struct net_peer *peer = transport_peer(transport);
        struct session_route route = { .local = peer->local,
                                       .remote = peer->remote,
                                       .via = race_via_name(via) };
        (void)snprintf(route.certificate, sizeof(route.certificate), "%s",
                       transport_tls_result(transport));
        return route;
}

static void on_connected(void *user, struct dial *dial, struct transport *transport,
                         const struct race_candidate *from)
{
        struct uplink *uplink = user;
        struct session_route route = route_of(transport, from->via);
        unsigned index;
        int err = session_opened(uplink->session, &route, now_ms(uplink), &index);
        if (!err) {
                err = open_stream(uplink, &uplink->slots[index], transport);
                if (err)
                        session_closed(uplink->session, index, GRPC_UNAVAILABLE, mesh_strerror(err),
                                       now_ms(uplink));
        } else {
                dial_reject(dial, transport);
        }
        arm(uplink);
}

/* Nobody answered, or nobody was the coordinator. */
static void note_all_failed(struct uplink *uplink)
{
        struct agent_state *state = uplink->options.state;
        struct pins pins = state->membership.pins; /* a copy: failing reorders them */
        for (size_t i = 0; i < pins.count; i++)
                agent_state_pin_failed(state, &pins.entries[i].endpoint,
                                       (uint64_t)env_wall_ms(uplink->options.env));
}

static void on_dial_failed(void *user, struct dial *dial, int err)
{
        struct uplink *uplink = user;
        (void)dial;
        uplink->dial = NULL;
        note_all_failed(uplink);
        session_dial_failed(uplink->session, err, now_ms(uplink));
        arm(uplink);
}

static const struct dial_events dial_events = { .connected = on_connected,
                                                .failed = on_dial_failed };

size_t uplink_pins(const struct agent_state *state, const struct agent_config *config,
                   uint16_t default_port, struct ip_endpoint *out, size_t max)
{
        size_t count = 0;
        for (size_t i = 0; i < config->pin_count && count < max; i++) {
                out[count] = config->pins[i];
                if (out[count].port == 0)
                        out[count].port = default_port;
                count++;
        }
        const struct pins *learnt = &state->membership.pins;
        for (size_t i = 0; state->enrolled && i < learnt->count && count < max; i++)
                out[count++] = learnt->entries[i].endpoint;
        return count;
}

/* ---- what the session asks for ---- */

static void hook_describe(void *user, struct session_self *ret_self)
{
        const struct agent_state *state = ((struct uplink *)user)->options.state;
        const struct membership *m = &state->membership;
        *ret_self = (struct session_self){
                .identity = &state->keys.identity,
                .coordinator = m->coordinator,
                .node_id = m->node_id,
                .token = m->has_token ? m->token : NULL,
                .position = state->map && state->map->has_position ? &state->map->position : NULL,
        };
}

static int hook_dial(void *user)
{
        struct uplink *uplink = user;
        const struct membership *m = &uplink->options.state->membership;
        struct ip_endpoint pins[PINS_MAX + AGENT_CONFIG_PINS_MAX];
        agent_state_drop_incoming(uplink->options.state);
        struct dial_options options = {
                .host = m->coordinator_name,
                .port = m->coordinator_port,
                .pins = pins,
                .pin_count = uplink_pins(uplink->options.state, uplink->options.config,
                                         m->coordinator_port, pins, sizeof(pins) / sizeof(pins[0])),
                .tls = uplink->options.tls,
                .tls_name = m->coordinator_name,
        };
        return dial_start(uplink->options.loop, &options, &dial_events, uplink, &uplink->dial);
}

static int hook_send(void *user, unsigned attempt, const uint8_t *frame, size_t len)
{
        struct slot *slot = &((struct uplink *)user)->slots[attempt];
        return slot->call ? grpc_client_call_send(slot->call, frame, len) : MESH_ECLOSED;
}

static void hook_accept(void *user, unsigned attempt)
{
        struct uplink *uplink = user;
        struct dial *dial = uplink->dial;
        uplink->dial = NULL;
        if (dial)
                dial_accept(dial, uplink->slots[attempt].transport);
        for (unsigned i = 0; i < SESSION_ATTEMPTS_MAX; i++)
                if (i != attempt)
                        slot_free(&uplink->slots[i]);
}

/* The address led somewhere else, or nowhere. */
static void note_failure(struct uplink *uplink, const struct slot *slot)
{
        const struct net_peer *peer = slot->transport ? transport_peer(slot->transport) : NULL;
        if (peer)
                agent_state_pin_failed(uplink->options.state, &peer->remote,
                                       (uint64_t)env_wall_ms(uplink->options.env));
}

static void hook_reject(void *user, unsigned attempt)
{
        struct uplink *uplink = user;
        struct slot *slot = &uplink->slots[attempt];
        struct transport *transport = slot->transport;
        note_failure(uplink, slot);
        if (uplink->dial && transport)
                dial_reject(uplink->dial, transport);
        slot_free(slot);
}

static void hook_hang_up(void *user)
{
        struct uplink *uplink = user;
        struct dial *dial = uplink->dial;
        uplink->dial = NULL;
        if (dial)
                dial_cancel(dial);
        for (unsigned i = 0; i < SESSION_ATTEMPTS_MAX; i++)
                slot_free(&uplink->slots[i]);
}

static int hook_welcomed(void *user, const Mesh__V1__WelcomeBody *welcome,
                         const struct session_route *route)
{
        struct uplink *uplink = user;
        struct host_needs needs =
                host_needs_of(uplink->options.state, uplink->options.config, &route->remote);
        const struct grant_guard guard = { host_needs_prefix, &needs };
        int err = agent_state_welcome(uplink->options.state, welcome, &route->remote, &guard,
                                      (uint64_t)env_wall_ms(uplink->options.env));
        if (!err)
                uplink->options.events->welcomed(uplink->options.user);
        return err;
}

static void hook_received(void *user, const Mesh__V1__CoordinatorMessage *message)
{
        struct uplink *uplink = user;
        uplink->options.events->received(uplink->options.user, message);
}

static void hook_beat(void *user)
{
        struct uplink *uplink = user;
        uplink->options.events->beat(uplink->options.user);
}

static void hook_entered(void *user, enum session_state state)
{
        struct uplink *uplink = user;
        uplink->options.events->entered(uplink->options.user, state);
}

static const struct session_hooks hooks = {
        .describe = hook_describe,
        .dial = hook_dial,
        .send = hook_send,
        .accept = hook_accept,
        .reject = hook_reject,
        .hang_up = hook_hang_up,
        .welcomed = hook_welcomed,
        .received = hook_received,
        .beat = hook_beat,
        .entered = hook_entered,
};

/* ---- life cycle ---- */

int uplink_new(const struct uplink_options *options, struct uplink **ret_uplink)
{
        struct uplink *uplink = calloc(1, sizeof(*uplink));
        if (!uplink)
                return MESH_ENOMEM;
        uplink->options = *options;
        for (unsigned i = 0; i < SESSION_ATTEMPTS_MAX; i++)
                uplink->slots[i] = (struct slot){ .uplink = uplink, .index = i };
        uplink->session = session_new(&hooks, uplink, options->env);
        if (!uplink->session) {
                free(uplink);
                return MESH_ENOMEM;
        }
        (void)uv_timer_init(options->loop, &uplink->timer);
        uplink->timer.data = uplink;
        *ret_uplink = uplink;
        return 0;
}

static void on_closed(uv_handle_t *handle)
{
        struct uplink *uplink = handle->data;
        session_free(uplink->session);
        free(uplink);
}

static void no_event(void *user)
{
        (void)user;
}

static void no_message(void *user, const Mesh__V1__CoordinatorMessage *message)
{
        (void)user;
        (void)message;
}

static void no_state(void *user, enum session_state state)
{
        (void)user;
        (void)state;
}

static const struct uplink_events no_events = { no_event, no_message, no_event, no_state };

void uplink_close(struct uplink *uplink)
{
        if (!uplink)
                return;
        uplink->options.events = &no_events;
        session_stop(uplink->session);
        uv_close((uv_handle_t *)&uplink->timer, on_closed);
}

void uplink_start(struct uplink *uplink)
{
        if (!uplink->options.state->enrolled)
                return;
        session_start(uplink->session, now_ms(uplink));
        arm(uplink);
}

void uplink_stop(struct uplink *uplink)
{
        session_stop(uplink->session);
        arm(uplink);
}

void uplink_network_changed(struct uplink *uplink)
{
        const struct session_route *route = session_route(uplink->session);
        struct ip_addr addresses[HOST_ADDRESSES_MAX];
        bool gone = route && !ip_addr_is_loopback(&route->local.addr);
        size_t count = gone ? host_addresses("", addresses) : 0;
        for (size_t i = 0; i < count; i++)
                if (ip_addr_compare(&addresses[i], &route->local.addr) == 0)
                        gone = false;
        if (count == HOST_ADDRESSES_MAX)
                gone = false; /* the list is cut: silence will tell */
        session_network_changed(uplink->session, gone, now_ms(uplink));
        arm(uplink);
}

int uplink_send(struct uplink *uplink, const Mesh__V1__AgentMessage *message)
{
        return session_send(uplink->session, message);
}

const struct session *uplink_session(const struct uplink *uplink)
{
        return uplink->session;
}
