/* mesh.v1.Local/Describe and Status: what this host is, wants, and runs. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/agent.h"
#include "firewall/ssh_ports.h"
#include "common/arena.h"
#include "common/env.h"
#include "mesh/v1/local.pb-c.h"
#include "proto/convert.h"

enum { STATUS_ARENA_BYTES = 64 * 1024 * 1024, HANDSHAKE_FRESH_MS = 180 * 1000, WARNINGS_MAX = 5 };

/* Everything that a status needs while it is made. */
struct status {
        struct agent *agent;
        struct arena *arena;
        Mesh__V1__StatusReply *reply;
        struct wg_device device; /* as it is; empty if it could not be read */
};

static char *text(const struct status *s, const char *value)
{
        return arena_text(s->arena, value, strlen(value));
}

/* Absent while there is none. */
static ProtobufCBinaryData hash(const uint8_t *bytes, size_t len)
{
        return sodium_is_zero(bytes, len) ? (ProtobufCBinaryData){ 0 } : binary_of(bytes, len);
}

static char *format(const struct status *s, const char *host, unsigned port)
{
        char out[MEMBERSHIP_HOST_MAX + 8];
        (void)snprintf(out, sizeof(out), strchr(host, ':') ? "[%s]:%u" : "%s:%u", host, port);
        return text(s, out);
}

static void fill_membership(const struct status *s)
{
        const struct membership *m = &s->agent->state.membership;
        Mesh__V1__StatusReply *r = s->reply;
        struct ip_endpoint pins[PINS_MAX];
        r->name = text(s, m->name);
        r->name_pending = m->name_pending;
        r->node_id = binary_of(m->node_id, NODE_ID_BYTES);
        r->addresses = prefixes_to_message(m->addresses, m->address_count, s->arena);
        r->n_addresses = r->addresses ? m->address_count : 0;
        r->mesh_prefixes = prefixes_to_message(m->prefixes, m->prefix_count, s->arena);
        r->n_mesh_prefixes = r->mesh_prefixes ? m->prefix_count : 0;
        r->wireguard_port = m->wireguard_port;
        r->wireguard_key = binary_of(s->agent->state.keys.wireguard.public_key, KEY_BYTES);
        r->coordinator = format(s, m->coordinator_name, m->coordinator_port);
        for (size_t i = 0; i < m->pins.count; i++)
                pins[i] = m->pins.entries[i].endpoint;
        r->pins = endpoints_to_message(pins, m->pins.count, s->arena);
        r->n_pins = r->pins ? m->pins.count : 0;
}

static void fill_session(const struct status *s)
{
        const struct session *session = uplink_session(s->agent->uplink);
        const struct session_route *route = session_route(session);
        Mesh__V1__StatusReply *r = s->reply;
        bool refused;
        r->session = text(s, session_state_name(session_state(session)));
        r->session_error = text(s, session_error(session, &refused));
        if (!route)
                return;
        char remote[IP_TEXT_MAX];
        r->stream_age_ms = env_monotonic_ms(s->agent->env) - session_heard_ms(session);
        r->connected_to = text(s, ip_endpoint_format(&route->remote, remote));
        r->via = text(s, route->via);
        r->certificate = text(s, route->certificate);
}

static void fill_map(const struct status *s)
{
        const struct map *map = s->agent->state.map;
        Mesh__V1__StatusReply *r = s->reply;
        if (!map)
                return;
        r->generation = map->position.generation;
        r->policy_hash = hash(map->policy_hash, KEY_BYTES);
        r->access_hash_wanted = hash(map->access_hash, KEY_BYTES);
        r->epoch = arena_alloc(s->arena, sizeof(*r->epoch));
        if (!r->epoch)
                return;
        mesh__v1__epoch__init(r->epoch);
        r->epoch->start_ms = map->position.epoch_start_ms;
        r->epoch->random = map->position.epoch_random;
}

static void fill_running(const struct status *s)
{
        const struct reconcile_report *report = reconcile_report(s->agent->reconcile);
        Mesh__V1__StatusReply *r = s->reply;
        r->backend = text(s, report->backend);
        r->access_hash_running = hash(report->access_hash, KEY_BYTES);
        r->firewall = text(s, firewall_mode_name(s->agent->config.firewall.mode));
        r->firewall_error = text(s, report->firewall_error);
        r->ruleset_hash = hash(report->ruleset_hash, FIREWALL_HASH_BYTES);
        r->apply_error = text(s, report->apply_error);
}

static void fill_warnings(const struct status *s)
{
        const struct agent *agent = s->agent;
        const struct session *session = uplink_session(agent->uplink);
        bool refused;
        const char *error = session_error(session, &refused);
        const char *const all[WARNINGS_MAX] = {
                agent->config_warning, agent->state.warning, agent->map_error,
                agent->state.map ? agent->state.map->policy_error : "", refused ? error : ""
        };
        s->reply->warnings = arena_alloc(s->arena, WARNINGS_MAX * sizeof(char *));
        for (size_t i = 0; s->reply->warnings && i < WARNINGS_MAX; i++)
                if (all[i][0])
                        s->reply->warnings[s->reply->n_warnings++] = text(s, all[i]);
}

static const char *path_reason(const struct wg_peer *live, bool fresh)
{
        if (!live)
                return "not on the interface yet";
        if (fresh)
                return "a handshake over this endpoint";
        if (live->endpoint.addr.len == 0)
                return "no endpoint of it is known";
        return live->handshake_ms ? "the last handshake is old" : "no handshake yet";
}

static Mesh__V1__PeerStatus *peer_status(const struct status *s, const struct map_peer *peer)
{
        Mesh__V1__PeerStatus *p = arena_alloc(s->arena, sizeof(*p));
        if (!p)
                return NULL;
        const struct wg_peer *live = wg_device_find_peer(&s->device, peer->wireguard_key);
        int64_t now_ms = env_wall_ms(s->agent->env);
        bool fresh =
                live && live->handshake_ms > 0 && now_ms - live->handshake_ms < HANDSHAKE_FRESH_MS;
        mesh__v1__peer_status__init(p);
        p->node_id = binary_of(peer->node_id, NODE_ID_BYTES);
        p->name = text(s, peer->name);
        p->wireguard_key = binary_of(peer->wireguard_key, KEY_BYTES);
        p->addresses = prefixes_to_message(peer->addresses, peer->address_count, s->arena);
        p->n_addresses = p->addresses ? peer->address_count : 0;
        p->path = text(s, fresh ? "direct" : "none");
        p->path_reason = text(s, path_reason(live, fresh));
        if (live && live->endpoint.addr.len > 0)
                p->endpoint = endpoint_to_message(&live->endpoint, s->arena);
        if (live) {
                p->handshake_ms = live->handshake_ms > 0 ? (uint64_t)live->handshake_ms : 0;
                p->received_bytes = live->rx_bytes;
                p->sent_bytes = live->tx_bytes;
        }
        return p;
}

static void fill_peers(const struct status *s)
{
        const struct map *map = s->agent->state.map;
        size_t count = map ? map->peer_count : 0;
        s->reply->peers = arena_alloc(s->arena, (count + 1) * sizeof(*s->reply->peers));
        for (size_t i = 0; s->reply->peers && i < count; i++) {
                Mesh__V1__PeerStatus *p = peer_status(s, &map->peers[i]);
                if (!p)
                        return;
                s->reply->peers[s->reply->n_peers++] = p;
        }
}

void control_status(struct agent *agent, struct grpc_call *call, const ProtobufCMessage *request)
{
        Mesh__V1__StatusReply reply = MESH__V1__STATUS_REPLY__INIT;
        struct status s = { .agent = agent, .reply = &reply };
        const char *config = agent->flags.config ? agent->flags.config : AGENT_CONFIG_PATH;
        (void)request;
        s.arena = arena_new(STATUS_ARENA_BYTES);
        if (!s.arena) {
                control_refuse(call, GRPC_UNAVAILABLE, NULL, "out of memory");
                return;
        }
        reply.software = text(&s, MESH_VERSION);
        reply.enrolled = agent->state.enrolled;
        reply.interface = text(&s, agent->config.interface);
        reply.config_path = text(&s, config);
        reply.uptime_ms = env_monotonic_ms(agent->env) - agent->started_ms;
        if (agent->state.enrolled) {
                (void)apply_observe(agent->config.interface, &s.device, NULL); /* else: empty */
                fill_membership(&s);
                fill_map(&s);
                fill_peers(&s);
                wg_device_done(&s.device);
        }
        fill_session(&s);
        fill_running(&s);
        fill_warnings(&s);
        control_reply(call, &reply.base);
        arena_free(s.arena);
}

void control_describe(struct agent *agent, struct grpc_call *call, const ProtobufCMessage *request)
{
        Mesh__V1__DescribeReply reply = MESH__V1__DESCRIBE_REPLY__INIT;
        char config[] = AGENT_CONFIG_PATH, software[] = MESH_VERSION, mesh[2 * KEY_BYTES + 1];
        uint16_t ports[SSH_PORTS_MAX];
        uint32_t wide[SSH_PORTS_MAX];
        (void)request;
        reply.n_ssh_ports = ssh_ports(ports);
        for (size_t i = 0; i < reply.n_ssh_ports; i++)
                wide[i] = ports[i];
        reply.ssh_ports = wide;
        reply.config_path = agent->flags.config ? (char *)agent->flags.config : config;
        reply.state_dir = agent->config.state_dir;
        reply.interface = agent->config.interface;
        reply.software = software;
        reply.enrolled = agent->state.enrolled;
        reply.pid = (uint32_t)getpid();
        if (reply.enrolled)
                reply.mesh = sodium_bin2hex(mesh, sizeof(mesh), agent->state.membership.coordinator,
                                            KEY_BYTES);
        control_reply(call, &reply.base);
}
