/* Between session and state; see the header. */
#include "agent/agent_sync.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "agent/agent.h"
#include "common/arena.h"
#include "common/env.h"
#include "common/error.h"
#include "common/log.h"
#include "proto/channel.h"
#include "proto/convert.h"

enum {
        REPORT_ARENA_BYTES = CHANNEL_PLAIN_MAX * 4,
        REPORT_PEERS_MAX = 4000, /* what fits into one frame */
        REPORT_ENDPOINTS_MAX = 8,
};

static void say(struct agent *agent, const Mesh__V1__AgentMessage *message)
{
        int err = uplink_send(agent->uplink, message);
        if (err && err != MESH_ESTATE)
                log_warning("a message to the coordinator was not sent: %s", mesh_strerror(err));
}

/* ---- what this host says ---- */

static size_t collect_endpoints(const struct agent *agent, struct ip_endpoint *out)
{
        const struct session_route *route = session_route(uplink_session(agent->uplink));
        struct ip_addr addresses[HOST_ADDRESSES_MAX];
        uint16_t port = agent->state.membership.wireguard_port;
        size_t found = host_addresses(agent->config.interface, addresses), count = 0;
        if (route && !ip_addr_is_loopback(&route->local.addr) &&
            !ip_addr_is_link_local(&route->local.addr))
                out[count++] = (struct ip_endpoint){ .addr = route->local.addr, .port = port };
        for (size_t i = 0; i < found && count < REPORT_ENDPOINTS_MAX; i++)
                if (count == 0 || ip_addr_compare(&out[0].addr, &addresses[i]) != 0)
                        out[count++] = (struct ip_endpoint){ .addr = addresses[i], .port = port };
        return count;
}

static Mesh__V1__PeerReport *peer_report(const struct agent *agent, const struct map_peer *peer,
                                         const struct wg_peer *live, struct arena *arena)
{
        Mesh__V1__PeerReport *report = arena_alloc(arena, sizeof(*report));
        int64_t now_ms = env_wall_ms(agent->env);
        if (!report)
                return NULL;
        mesh__v1__peer_report__init(report);
        report->node_id = binary_of(peer->node_id, NODE_ID_BYTES);
        if (live->handshake_ms > 0 && now_ms >= live->handshake_ms)
                report->handshake_age_s = (uint64_t)(now_ms - live->handshake_ms) / 1000 + 1;
        if (live->endpoint.addr.len > 0)
                report->endpoint = endpoint_to_message(&live->endpoint, arena);
        return report;
}

static void fill_peers(const struct agent *agent, struct arena *arena, Mesh__V1__Report *report)
{
        const struct map *map = agent->state.map;
        struct wg_device device = { 0 };
        if (!map || apply_observe(agent->config.interface, &device, NULL) != 0)
                return;
        report->peers = arena_alloc(arena, (map->peer_count + 1) * sizeof(*report->peers));
        for (size_t i = 0; report->peers && i < map->peer_count && i < REPORT_PEERS_MAX; i++) {
                const struct map_peer *peer = &map->peers[i];
                const struct wg_peer *live = wg_device_find_peer(&device, peer->wireguard_key);
                Mesh__V1__PeerReport *row = live ? peer_report(agent, peer, live, arena) : NULL;
                if (row)
                        report->peers[report->n_peers++] = row;
        }
        wg_device_done(&device);
}

void agent_sync_report(struct agent *agent)
{
        Mesh__V1__AgentMessage message = MESH__V1__AGENT_MESSAGE__INIT;
        Mesh__V1__Report report = MESH__V1__REPORT__INIT;
        struct ip_endpoint endpoints[REPORT_ENDPOINTS_MAX];
        if (session_state(uplink_session(agent->uplink)) != SESSION_CONNECTED)
                return;
        struct arena *arena = arena_new(REPORT_ARENA_BYTES);
        if (!arena)
                return;
        size_t count = collect_endpoints(agent, endpoints);
        report.endpoints = endpoints_to_message(endpoints, count, arena);
        report.n_endpoints = report.endpoints ? count : 0;
        fill_peers(agent, arena, &report);
        message.body_case = MESH__V1__AGENT_MESSAGE__BODY_REPORT;
        message.report = &report;
        say(agent, &message);
        arena_free(arena);
}

/* The first thing that keeps this host from running what was sent. */
static const char *trouble(const struct agent *agent)
{
        const struct reconcile_report *report = reconcile_report(agent->reconcile);
        if (agent->map_error[0])
                return agent->map_error;
        if (agent->state.map && agent->state.map->policy_error[0])
                return agent->state.map->policy_error;
        if (report->firewall_error[0])
                return report->firewall_error;
        return report->apply_error;
}

void agent_sync_applied(struct agent *agent)
{
        const struct reconcile_report *report = reconcile_report(agent->reconcile);
        Mesh__V1__AgentMessage message = MESH__V1__AGENT_MESSAGE__INIT;
        Mesh__V1__Applied applied = MESH__V1__APPLIED__INIT;
        char error[FIREWALL_ERROR_TEXT_MAX + APPLY_TEXT_MAX];
        if (report->passes == 0 || !agent->state.map)
                return; /* nothing was applied yet */
        (void)snprintf(error, sizeof(error), "%s", trouble(agent));
        applied.generation = report->generation;
        if (!sodium_is_zero(report->policy_hash, KEY_BYTES))
                applied.policy_hash = binary_of(report->policy_hash, KEY_BYTES);
        applied.access_hash = binary_of(report->access_hash, KEY_BYTES);
        if (report->has_ruleset)
                applied.ruleset_hash = binary_of(report->ruleset_hash, FIREWALL_HASH_BYTES);
        applied.error = error;
        message.body_case = MESH__V1__AGENT_MESSAGE__BODY_APPLIED;
        message.applied = &applied;
        say(agent, &message);
}

void agent_sync_begin(struct agent *agent)
{
        agent->snapshot_wanted = false;
        agent_sync_report(agent);
        agent_sync_applied(agent);
}

/* ---- what the coordinator says ---- */

static void want_snapshot(struct agent *agent)
{
        Mesh__V1__AgentMessage message = MESH__V1__AGENT_MESSAGE__INIT;
        Mesh__V1__WantSnapshot want = MESH__V1__WANT_SNAPSHOT__INIT;
        if (agent->snapshot_wanted)
                return;
        message.body_case = MESH__V1__AGENT_MESSAGE__BODY_WANT_SNAPSHOT;
        message.want_snapshot = &want;
        say(agent, &message);
        agent->snapshot_wanted = true;
}

static void take_snapshot(struct agent *agent, const Mesh__V1__Snapshot *chunk)
{
        char text[MAP_TEXT_MAX];
        bool is_new = false;
        int err = agent_state_snapshot(&agent->state, chunk, &is_new, text);
        if (err) {
                (void)snprintf(agent->map_error, sizeof(agent->map_error),
                               "the coordinator's map was refused: %.140s", text);
                log_error("%s", agent->map_error);
                agent_sync_applied(agent); /* asking again would give the same */
                return;
        }
        if (!is_new)
                return;
        agent->map_error[0] = '\0';
        agent->snapshot_wanted = false;
        log_info("map: generation %llu, %zu peers, as a whole",
                 (unsigned long long)agent->state.map->position.generation,
                 agent->state.map->peer_count);
        reconcile_request(agent->reconcile);
}

static void take_delta(struct agent *agent, const Mesh__V1__Delta *delta)
{
        char text[MAP_TEXT_MAX] = "";
        if (agent->snapshot_wanted)
                return; /* the snapshot will hold it */
        int err = agent_state_delta(&agent->state, delta, text);
        if (err) {
                log_warning("a change of the map was refused, asking for all of it: %s",
                            text[0] ? text : mesh_strerror(err));
                want_snapshot(agent);
                return;
        }
        log_info("map: generation %llu, %zu peers",
                 (unsigned long long)agent->state.map->position.generation,
                 agent->state.map->peer_count);
        reconcile_request(agent->reconcile);
}

void agent_sync_take(struct agent *agent, const Mesh__V1__CoordinatorMessage *message)
{
        if (message->body_case == MESH__V1__COORDINATOR_MESSAGE__BODY_SNAPSHOT)
                take_snapshot(agent, message->snapshot);
        else if (message->body_case == MESH__V1__COORDINATOR_MESSAGE__BODY_DELTA)
                take_delta(agent, message->delta);
        /* Another kind is of a newer version: versions meet at N-1 and N+1. */
}
