/* meshctl status, meshctl leave. */
#include <stdio.h>
#include <string.h>

#include "common/duration.h"
#include "mesh/v1/local.pb-c.h"
#include "meshctl/output.h"
#include "meshctl/rpc.h"
#include "meshctl/verbs.h"

enum { LEAVE_TIMEOUT_MS = 5000, LEAVE_REMOVAL_MS = 20000 };

static json_t *peer_json(const Mesh__V1__PeerStatus *peer)
{
        char endpoint[OUTPUT_TEXT_MAX];
        return json_pack("{s:o, s:s, s:o, s:o, s:s, s:s, s:o, s:o, s:I, s:I}", "id",
                         output_json_hex(&peer->node_id), "name", peer->name, "wireguard_key",
                         output_json_key(&peer->wireguard_key), "addresses",
                         output_json_prefixes(peer->addresses, peer->n_addresses, false), "path",
                         peer->path, "path_reason", peer->path_reason, "endpoint",
                         peer->endpoint ? json_string(output_endpoint(peer->endpoint, endpoint))
                                        : json_null(),
                         "handshake", output_json_time(peer->handshake_ms), "received_bytes",
                         (json_int_t)peer->received_bytes, "sent_bytes",
                         (json_int_t)peer->sent_bytes);
}

static json_t *status_json(const Mesh__V1__StatusReply *s)
{
        json_t *peers = json_array();
        json_t *warnings = json_array();
        for (size_t i = 0; i < s->n_peers; i++)
                (void)json_array_append_new(peers, peer_json(s->peers[i]));
        for (size_t i = 0; i < s->n_warnings; i++)
                (void)json_array_append_new(warnings, json_string(s->warnings[i]));
        json_t *session = json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:s}", "state", s->session,
                                    "coordinator", s->coordinator, "connected_to", s->connected_to,
                                    "via", s->via, "certificate", s->certificate, "stream_age_ms",
                                    strcmp(s->session, "connected") == 0
                                            ? json_integer((json_int_t)s->stream_age_ms)
                                            : json_null(),
                                    "error", s->session_error);
        json_t *firewall =
                json_pack("{s:s, s:s, s:o}", "mode", s->firewall, "error", s->firewall_error,
                          "ruleset_hash", output_json_hex(&s->ruleset_hash));
        json_t *policy = json_pack("{s:o, s:o, s:o}", "hash", output_json_hex(&s->policy_hash),
                                   "access_hash_wanted", output_json_hex(&s->access_hash_wanted),
                                   "access_hash_running", output_json_hex(&s->access_hash_running));
        return json_pack(
                "{s:s, s:b, s:s, s:b, s:o, s:o, s:o, s:s, s:s, s:i, s:o, s:o, s:I, s:o, s:o, s:o, "
                "s:s, s:o, s:o, s:s}",
                "software", s->software, "enrolled", s->enrolled, "name", s->name, "name_pending",
                s->name_pending, "id", output_json_hex(&s->node_id), "addresses",
                output_json_prefixes(s->addresses, s->n_addresses, false), "mesh_prefixes",
                output_json_prefixes(s->mesh_prefixes, s->n_mesh_prefixes, true), "interface",
                s->interface, "backend", s->backend, "wireguard_port", (int)s->wireguard_port,
                "wireguard_key", output_json_key(&s->wireguard_key), "session", session,
                "generation", (json_int_t)s->generation, "policy", policy, "firewall", firewall,
                "pins", output_json_endpoints(s->pins, s->n_pins), "apply_error", s->apply_error,
                "warnings", warnings, "peers", peers, "config_path", s->config_path);
}

static void print_policy(const Mesh__V1__StatusReply *s)
{
        char text[OUTPUT_TEXT_MAX];
        bool same = s->access_hash_wanted.len == s->access_hash_running.len &&
                    (s->access_hash_wanted.len == 0 ||
                     memcmp(s->access_hash_wanted.data, s->access_hash_running.data,
                            s->access_hash_wanted.len) == 0);
        if (s->policy_hash.len == 0)
                (void)printf("policy        none: members may not reach this host\n");
        else
                (void)printf("policy        %s, %s\n", output_hex(&s->policy_hash, 8, text),
                             same ? "running as wanted" : "NOT running as wanted");
}

static void print_session(const Mesh__V1__StatusReply *s)
{
        (void)printf("coordinator   %s, %s", s->coordinator, s->session);
        if (strcmp(s->session, "connected") == 0)
                (void)printf(" to %s by %s, last heard %.1f s ago", s->connected_to, s->via,
                             (double)s->stream_age_ms / 1000);
        (void)printf("\n");
        if (s->certificate[0])
                (void)printf("certificate   %s (the pinned identity decides)\n", s->certificate);
        if (s->session_error[0])
                (void)printf("last error    %s\n", s->session_error);
}

static void print_peers(const Mesh__V1__StatusReply *s)
{
        static const char *const columns[] = { "PEER",      "ADDRESSES", "PATH", "ENDPOINT",
                                               "HANDSHAKE", "RECEIVED",  "SENT", NULL };
        if (s->n_peers == 0) {
                (void)printf("\nno peers: the policy lets this host talk to nobody\n");
                return;
        }
        struct output_table *table = output_table_new(columns);
        for (size_t i = 0; i < s->n_peers; i++) {
                const Mesh__V1__PeerStatus *peer = s->peers[i];
                char addresses[OUTPUT_TEXT_MAX], endpoint[OUTPUT_TEXT_MAX], age[OUTPUT_TEXT_MAX];
                char received[32], sent[32];
                (void)snprintf(received, sizeof(received), "%llu",
                               (unsigned long long)peer->received_bytes);
                (void)snprintf(sent, sizeof(sent), "%llu", (unsigned long long)peer->sent_bytes);
                const char *const cells[] = { peer->name,
                                              output_addresses(peer->addresses, peer->n_addresses,
                                                               addresses),
                                              peer->path,
                                              output_endpoint(peer->endpoint, endpoint),
                                              output_relative(peer->handshake_ms, age),
                                              received,
                                              sent };
                output_table_row(table, cells);
        }
        (void)printf("\n");
        output_table_print(table);
}

static void print_status(const Mesh__V1__StatusReply *s)
{
        char text[OUTPUT_TEXT_MAX];
        if (!s->enrolled) {
                (void)printf("not enrolled; join with: meshctl enroll --setup-key KEY\n");
        } else {
                (void)printf("name          %s%s\n", s->name,
                             s->name_pending ? " (the wanted name waits for approval)" : "");
                (void)printf("addresses     %s\n",
                             output_addresses(s->addresses, s->n_addresses, text));
                if (s->backend[0])
                        (void)printf("interface     %s, WireGuard by %s, port %u\n", s->interface,
                                     s->backend, s->wireguard_port);
                else
                        (void)printf("interface     %s, no WireGuard\n", s->interface);
                print_session(s);
                print_policy(s);
                (void)printf("firewall      %s%s%s\n", s->firewall,
                             s->firewall_error[0] ? ": " : "", s->firewall_error);
                if (s->apply_error[0])
                        (void)printf("apply error   %s\n", s->apply_error);
        }
        for (size_t i = 0; i < s->n_warnings; i++)
                (void)printf("WARNING       %s\n", s->warnings[i]);
        if (s->enrolled)
                print_peers(s);
}

int verb_status(const struct invocation *in)
{
        Mesh__V1__StatusRequest request = MESH__V1__STATUS_REQUEST__INIT;
        struct rpc_reply reply;
        int code = rpc_call(in, RPC_AGENT, "/mesh.v1.Local/Status", &request.base,
                            &mesh__v1__status_reply__descriptor, RPC_TIMEOUT_MS, &reply);
        if (code == EXIT_OK) {
                const Mesh__V1__StatusReply *status = (const Mesh__V1__StatusReply *)reply.message;
                if (in->json)
                        output_json(status_json(status));
                else
                        print_status(status);
        }
        rpc_reply_done(&reply);
        return code;
}

int verb_leave(const struct invocation *in)
{
        Mesh__V1__LocalLeaveRequest request = MESH__V1__LOCAL_LEAVE_REQUEST__INIT;
        struct rpc_reply reply;
        const char *timeout = invocation_option(in, "timeout");
        request.timeout_ms = LEAVE_TIMEOUT_MS;
        if (timeout && duration_parse(timeout, &request.timeout_ms) != 0)
                return output_error(in, EXIT_USAGE, NULL, "--timeout %s: write a time as 5s or 1m",
                                    timeout);
        int code = rpc_call(in, RPC_AGENT, "/mesh.v1.Local/Leave", &request.base,
                            &mesh__v1__local_leave_reply__descriptor,
                            request.timeout_ms + LEAVE_REMOVAL_MS, &reply);
        if (code == EXIT_OK) {
                const Mesh__V1__LocalLeaveReply *left =
                        (const Mesh__V1__LocalLeaveReply *)reply.message;
                if (in->json)
                        output_json(json_pack("{s:b, s:b}", "changed", left->was_member,
                                              "coordinator_told", left->coordinator_told));
                else if (!left->was_member)
                        (void)printf("unchanged: this host was in no mesh\n");
                else
                        (void)printf(
                                "left the mesh; interface, routes, firewall table and keys are "
                                "gone\n%s",
                                left->coordinator_told
                                        ? ""
                                        : "the coordinator could not be told: run `meshctl "
                                          "node remove` there\n");
        }
        rpc_reply_done(&reply);
        return code;
}
