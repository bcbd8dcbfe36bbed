/* Real packets against the loaded rules.
 *
 *   [member] 100.64.0.2, .3 --- mesh0 100.64.0.1 [host] 192.0.2.1 eth0 --- 192.0.2.2 [outside]
 *            fd00::2, ::3             fd00::1           2001:db8::1        2001:db8::2
 *
 * A veth plays the mesh interface. Member .2 is in the policy, .3 is not. Needs root. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/firewall/nft/fixture.h"
#include "tests/support/capture.h"
#include "tests/support/netns.h"

#include "common/addr.h"
#include "firewall/nft/firewall.h"

enum {
        ARRIVES_MS = 2000, /* what is let in is there at once, but the machine may be busy */
        DENIED_MS = 200,   /* what has not come by then was dropped */
};

#define RUN(...) free(capture((const char *const[]){ __VA_ARGS__, NULL }, NULL))

enum place { HOST, MEMBER, OUTSIDE, PLACES };

static int places[PLACES];

static const char *const mesh_host = "100.64.0.1", *const friend = "100.64.0.2",
                         *const stranger = "100.64.0.3";

static void static_neighbour(enum place at, const char *dev, const char *addr, const char *mac)
{
        netns_enter(places[at]);
        RUN("ip", "neigh", "replace", addr, "lladdr", mac, "dev", dev, "nud", "permanent");
        netns_enter(places[HOST]);
}

static void make_places(void)
{
        static const char host_mac[] = "02:00:00:00:00:01", member_mac[] = "02:00:00:00:00:02";
        places[HOST] = netns_current();
        places[MEMBER] = netns_new();
        places[OUTSIDE] = netns_new();
        netns_veth(places[MEMBER], "mesh0", "100.64.0.1/24", "mesh1", "100.64.0.2/24");
        netns_veth(places[OUTSIDE], "eth0", "192.0.2.1/24", "eth1", "192.0.2.2/24");
        RUN("ip", "link", "set", "mesh0", "address", host_mac);
        RUN("ip", "address", "add", "fd00::1/64", "dev", "mesh0", "nodad");
        RUN("ip", "address", "add", "2001:db8::1/64", "dev", "eth0", "nodad");
        netns_enter(places[MEMBER]);
        RUN("ip", "link", "set", "mesh1", "address", member_mac);
        RUN("ip", "address", "add", "100.64.0.3/24", "dev", "mesh1");
        RUN("ip", "address", "add", "fd00::2/64", "dev", "mesh1", "nodad");
        RUN("ip", "address", "add", "fd00::3/64", "dev", "mesh1", "nodad");
        netns_enter(places[OUTSIDE]);
        RUN("ip", "address", "add", "2001:db8::2/64", "dev", "eth1", "nodad");
        netns_enter(places[HOST]);
        /* WireGuard has no neighbour discovery, and the mesh chain lets none in. */
        static_neighbour(HOST, "mesh0", "fd00::2", member_mac);
        static_neighbour(HOST, "mesh0", "fd00::3", member_mac);
        static_neighbour(MEMBER, "mesh1", "fd00::1", host_mac);
}

/* A socket at PLACE, bound to ADDRESS and PORT, not blocking. */
static int socket_at(enum place place, int type, const char *address, uint16_t port)
{
        struct ip_endpoint endpoint = { .port = port };
        struct sockaddr_storage ss;
        static const int one = 1;
        assert_int_equal(ip_addr_parse(address, &endpoint.addr), 0);
        socklen_t len = ip_endpoint_to_sockaddr(&endpoint, &ss);
        netns_enter(places[place]);
        int fd = socket(ss.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        netns_enter(places[HOST]);
        assert_true(fd >= 0);
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)), 0);
        if (ss.ss_family == AF_INET6)
                assert_int_equal(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)), 0);
        if (bind(fd, (struct sockaddr *)&ss, len) < 0)
                fail_msg("bind %s %u: %s", address, port, strerror(errno));
        return fd;
}

static bool ready(int fd, short events, int ms)
{
        struct pollfd p = { .fd = fd, .events = events };
        return poll(&p, 1, ms) == 1;
}

static int connect_to(int fd, const char *address, uint16_t port)
{
        struct ip_endpoint endpoint = { .port = port };
        struct sockaddr_storage ss;
        assert_int_equal(ip_addr_parse(address, &endpoint.addr), 0);
        socklen_t len = ip_endpoint_to_sockaddr(&endpoint, &ss);
        return connect(fd, (struct sockaddr *)&ss, len);
}

struct flow {
        int client, server; /* server -1: it did not come about */
};

static void flow_close(struct flow *flow)
{
        close(flow->client);
        if (flow->server >= 0)
                close(flow->server);
}

/* Tries a TCP connection from SOURCE at PLACE to the host. */
static struct flow tcp_flow(enum place place, const char *source, const char *target, uint16_t port,
                            int wait_ms)
{
        int listener = socket_at(HOST, SOCK_STREAM, target, port);
        assert_int_equal(listen(listener, 4), 0);
        struct flow flow = { .client = socket_at(place, SOCK_STREAM, source, 0), .server = -1 };
        connect_to(flow.client, target, port);
        if (ready(listener, POLLIN, wait_ms))
                flow.server = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        close(listener);
        return flow;
}

static bool udp_arrives(enum place place, const char *source, uint16_t source_port,
                        const char *target, uint16_t port, int wait_ms)
{
        int server = socket_at(HOST, SOCK_DGRAM, target, port);
        int client = socket_at(place, SOCK_DGRAM, source, source_port);
        assert_int_equal(connect_to(client, target, port), 0);
        assert_int_equal(send(client, "x", 1, 0), 1);
        bool arrived = ready(server, POLLIN, wait_ms);
        close(server);
        close(client);
        return arrived;
}

/* Whether what FROM sends now comes out at TO. */
static bool bytes_pass(int from, int to, int wait_ms)
{
        char byte = 'x';
        return send(from, &byte, 1, MSG_NOSIGNAL) == 1 && ready(to, POLLIN, wait_ms) &&
               recv(to, &byte, 1, 0) == 1;
}

static bool ping_passes(enum place place, const char *source, const char *target)
{
        const char *const argv[] = { "ping", "-n", "-c1", "-W0.3", "-I", source, target, NULL };
        int code;
        netns_enter(places[place]);
        free(capture(argv, &code));
        netns_enter(places[HOST]);
        return code == 0;
}

static void load(const struct fixture *f)
{
        struct firewall_result result;
        int err = firewall_apply(&f->input, &result);
        if (err)
                fail_msg("%s: %s", mesh_strerror(err), result.error);
}

static const char host_config[] = "firewall: { mode: host }\ncontrol_plane: [tcp/443]\n";

static const struct fixture_rule policy[] = {
        { "tcp/22", "100.64.0.2 fd00::2", NULL },
        { "tcp/80 tcp/8000-8099", "100.64.0.2", NULL },
        { "tcp/81", "100.64.0.0/31 100.64.0.2/31", NULL }, /* a prefix: .2 and .3 */
        { "udp/53", "100.64.0.2", NULL },
        { "icmp", "100.64.0.2 fd00::2", NULL },
};

static int setup(void **state)
{
        struct fixture *f = calloc(1, sizeof(*f));
        fixture_init(f, host_config);
        fixture_access(f, policy, LENGTH(policy));
        *state = f;
        return 0;
}

static int teardown(void **state)
{
        struct firewall_result result;
        assert_int_equal(firewall_remove(NULL, &result), 0);
        fixture_done(*state);
        free(*state);
        return 0;
}

enum { IN_HOST = 1, IN_MESH = 2 }; /* modes in which it passes */

static const struct {
        const char *name;
        enum place from;
        const char *source, *target;
        int type;
        uint16_t port;
        unsigned int passes;
} ways[] = {
        { "allowed port", MEMBER, "100.64.0.2", "100.64.0.1", SOCK_STREAM, 22, IN_HOST | IN_MESH },
        { "allowed port, IPv6", MEMBER, "fd00::2", "fd00::1", SOCK_STREAM, 22, IN_HOST | IN_MESH },
        { "other member", MEMBER, "100.64.0.3", "100.64.0.1", SOCK_STREAM, 22, 0 },
        { "other member, IPv6", MEMBER, "fd00::3", "fd00::1", SOCK_STREAM, 22, 0 },
        { "port in a list", MEMBER, "100.64.0.2", "100.64.0.1", SOCK_STREAM, 80,
          IN_HOST | IN_MESH },
        { "port in a range", MEMBER, "100.64.0.2", "100.64.0.1", SOCK_STREAM, 8099,
          IN_HOST | IN_MESH },
        { "port behind a range", MEMBER, "100.64.0.2", "100.64.0.1", SOCK_STREAM, 8100, 0 },
        { "port before a range", MEMBER, "100.64.0.2", "100.64.0.1", SOCK_STREAM, 7999, 0 },
        { "member of a prefix", MEMBER, "100.64.0.3", "100.64.0.1", SOCK_STREAM, 81,
          IN_HOST | IN_MESH },
        { "UDP", MEMBER, "100.64.0.2", "100.64.0.1", SOCK_DGRAM, 53, IN_HOST | IN_MESH },
        { "UDP port", MEMBER, "100.64.0.2", "100.64.0.1", SOCK_DGRAM, 54, 0 },
        { "UDP other member", MEMBER, "100.64.0.3", "100.64.0.1", SOCK_DGRAM, 53, 0 },
        { "control plane from the mesh", MEMBER, "100.64.0.3", "100.64.0.1", SOCK_STREAM, 443,
          IN_HOST | IN_MESH },
        { "control plane from outside", OUTSIDE, "192.0.2.2", "192.0.2.1", SOCK_STREAM, 443,
          IN_HOST | IN_MESH },
        { "break-glass from outside", OUTSIDE, "192.0.2.2", "192.0.2.1", SOCK_STREAM, 22,
          IN_HOST | IN_MESH },
        { "break-glass from outside, IPv6", OUTSIDE, "2001:db8::2", "2001:db8::1", SOCK_STREAM, 22,
          IN_HOST | IN_MESH },
        { "WireGuard from outside", OUTSIDE, "192.0.2.2", "192.0.2.1", SOCK_DGRAM, 51820,
          IN_HOST | IN_MESH },
        { "anything else from outside", OUTSIDE, "192.0.2.2", "192.0.2.1", SOCK_STREAM, 80,
          IN_MESH },
        { "anything else from outside, IPv6", OUTSIDE, "2001:db8::2", "2001:db8::1", SOCK_STREAM,
          80, IN_MESH },
        { "UDP from outside", OUTSIDE, "192.0.2.2", "192.0.2.1", SOCK_DGRAM, 53, IN_MESH },
        { "loopback", HOST, "127.0.0.1", "127.0.0.1", SOCK_STREAM, 9999, IN_HOST | IN_MESH },
        { "own mesh address", HOST, "100.64.0.1", "100.64.0.1", SOCK_STREAM, 9999,
          IN_HOST | IN_MESH },
};

static void check_ways(unsigned int mode)
{
        for (size_t i = 0; i < LENGTH(ways); i++) {
                bool expected = ways[i].passes & mode, passed;
                int wait_ms = expected ? ARRIVES_MS : DENIED_MS;
                if (ways[i].type == SOCK_DGRAM) {
                        passed = udp_arrives(ways[i].from, ways[i].source, 0, ways[i].target,
                                             ways[i].port, wait_ms);
                } else {
                        struct flow flow = tcp_flow(ways[i].from, ways[i].source, ways[i].target,
                                                    ways[i].port, wait_ms);
                        passed = flow.server >= 0 &&
                                 bytes_pass(flow.client, flow.server, ARRIVES_MS) &&
                                 bytes_pass(flow.server, flow.client, ARRIVES_MS);
                        flow_close(&flow);
                }
                if (passed != expected)
                        fail_msg("%s in mode %s: %s", ways[i].name,
                                 mode == IN_HOST ? "host" : "mesh", passed ? "passed" : "denied");
        }
}

static void test_ways_in_mode_host(void **state)
{
        load(*state);
        check_ways(IN_HOST);
}

static void test_ways_in_mode_mesh(void **state)
{
        struct fixture *f = *state;
        f->local.mode = FIREWALL_MODE_MESH;
        load(f);
        check_ways(IN_MESH);
}

/* The host's own connections get their answers, on the mesh and elsewhere. */
static void test_replies_come_back(void **state)
{
        static const struct {
                enum place at;
                const char *source, *target;
        } rows[] = {
                { MEMBER, "100.64.0.1", "100.64.0.3" },
                { MEMBER, "fd00::1", "fd00::3" },
                { OUTSIDE, "192.0.2.1", "192.0.2.2" },
                { OUTSIDE, "2001:db8::1", "2001:db8::2" },
        };
        load(*state);
        for (size_t i = 0; i < LENGTH(rows); i++) {
                int listener = socket_at(rows[i].at, SOCK_STREAM, rows[i].target, 7000);
                assert_int_equal(listen(listener, 1), 0);
                int client = socket_at(HOST, SOCK_STREAM, rows[i].source, 0);
                connect_to(client, rows[i].target, 7000);
                assert_true(ready(listener, POLLIN, ARRIVES_MS));
                int server = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
                assert_true(server >= 0);
                assert_true(bytes_pass(server, client, ARRIVES_MS));
                assert_true(bytes_pass(client, server, ARRIVES_MS));
                close(server);
                close(client);
                close(listener);
                assert_true(ping_passes(HOST, rows[i].source, rows[i].target));
        }
}

static void test_ping_follows_policy(void **state)
{
        load(*state);
        assert_true(ping_passes(MEMBER, friend, mesh_host));
        assert_true(ping_passes(MEMBER, "fd00::2", "fd00::1"));
        assert_false(ping_passes(MEMBER, stranger, mesh_host));
        assert_false(ping_passes(MEMBER, "fd00::3", "fd00::1"));
        assert_true(ping_passes(OUTSIDE, "192.0.2.2", "192.0.2.1"));
        assert_true(ping_passes(OUTSIDE, "2001:db8::2", "2001:db8::1"));
}

/* Port 80 leaves the policy; port 22 stays. */
static void revoke_port_80(struct fixture *f)
{
        static const struct fixture_rule less[] = {
                { "tcp/22", "100.64.0.2 fd00::2", NULL },
                { "icmp", "100.64.0.2", NULL },
        };
        fixture_access(f, less, LENGTH(less));
        load(f);
}

/* Taking a rule away stops its live streams at the next packet, and no others; giving it back lets
 * them go on. */
static void test_revocation_stops_live_streams(void **state)
{
        struct fixture *f = *state;
        load(f);
        struct flow revoked = tcp_flow(MEMBER, friend, mesh_host, 80, ARRIVES_MS);
        struct flow kept = tcp_flow(MEMBER, friend, mesh_host, 22, ARRIVES_MS);
        struct flow other = tcp_flow(OUTSIDE, "192.0.2.2", "192.0.2.1", 22, ARRIVES_MS);
        assert_true(bytes_pass(revoked.client, revoked.server, ARRIVES_MS));
        assert_true(bytes_pass(revoked.server, revoked.client, ARRIVES_MS));

        revoke_port_80(f);
        assert_false(bytes_pass(revoked.client, revoked.server, DENIED_MS));
        assert_true(bytes_pass(kept.client, kept.server, ARRIVES_MS));
        assert_true(bytes_pass(kept.server, kept.client, ARRIVES_MS));
        assert_true(bytes_pass(other.client, other.server, ARRIVES_MS));

        /* A server that goes on sending changes nothing. */
        for (int i = 0; i < 3; i++)
                send(revoked.server, "y", 1, MSG_NOSIGNAL);
        assert_false(bytes_pass(revoked.client, revoked.server, DENIED_MS));

        fixture_access(f, policy, LENGTH(policy));
        load(f);
        assert_true(ready(revoked.server, POLLIN, 2 * ARRIVES_MS)); /* by retransmission */
        flow_close(&revoked);
        flow_close(&kept);
        flow_close(&other);
}

static void forget_connections(void)
{
        static const char *const argv[] = { "conntrack", "-D", "-p", "tcp", "--dport", "80", NULL };
        int code;
        free(capture(argv, &code));
        assert_int_equal(code, 0);
}

/* The entry of a revoked stream expires (here: is deleted), and the server sends again. With WITH
 * OUTPUT the chain `output` is as planned; without, it is empty. Returns whether the client's bytes
 * come in again. */
static bool server_revives(struct fixture *f, bool with_output)
{
        fixture_access(f, policy, LENGTH(policy));
        load(f);
        struct flow flow = tcp_flow(MEMBER, friend, mesh_host, 80, ARRIVES_MS);
        assert_true(bytes_pass(flow.client, flow.server, ARRIVES_MS));
        revoke_port_80(f);
        assert_false(bytes_pass(flow.client, flow.server, DENIED_MS));
        if (!with_output)
                RUN("nft", "flush", "chain", "inet", "mesh", "output");
        forget_connections();
        assert_int_equal(send(flow.server, "y", 1, MSG_NOSIGNAL), 1);
        bool reset = ready(flow.server, POLLHUP, with_output ? ARRIVES_MS : 0);
        assert_int_equal(reset, with_output); /* our own stack tells the server */
        send(flow.client, "z", 1, MSG_NOSIGNAL);
        char bytes[8];
        bool revived = ready(flow.server, POLLIN, with_output ? DENIED_MS : ARRIVES_MS) &&
                       recv(flow.server, bytes, sizeof(bytes), 0) > 0;
        flow_close(&flow);
        return revived;
}

static void test_server_does_not_revive(void **state)
{
        assert_true(server_revives(*state, false)); /* the danger is real */
        assert_false(server_revives(*state, true));
}

/* Replacing the whole table again and again loses nothing of what stays allowed. */
static void test_replacement_disturbs_nothing(void **state)
{
        enum { ROUNDS = 50 };
        struct fixture *f = *state;
        load(f);
        struct flow flow = tcp_flow(MEMBER, friend, mesh_host, 22, ARRIVES_MS);
        for (unsigned int i = 0; i < ROUNDS; i++) {
                f->input.wireguard_port = (uint16_t)(51820 + i % 2);
                load(f);
                assert_true(bytes_pass(flow.client, flow.server, ARRIVES_MS));
                assert_true(bytes_pass(flow.server, flow.client, ARRIVES_MS));
        }
        struct tcp_info info;
        socklen_t len = sizeof(info);
        assert_int_equal(getsockopt(flow.client, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
        assert_int_equal(info.tcpi_total_retrans, 0);
        flow_close(&flow);
}

/* ---- what a host needs in mode host ---- */

static void test_neighbours_are_found(void **state)
{
        load(*state);
        RUN("ip", "neigh", "flush", "dev", "eth0");
        netns_enter(places[OUTSIDE]);
        RUN("ip", "neigh", "flush", "dev", "eth1");
        netns_enter(places[HOST]);
        struct flow flow = tcp_flow(OUTSIDE, "2001:db8::2", "2001:db8::1", 22, ARRIVES_MS);
        assert_true(flow.server >= 0);
        flow_close(&flow);
}

static void test_dhcp(void **state)
{
        load(*state);
        assert_true(udp_arrives(OUTSIDE, "192.0.2.2", 67, "192.0.2.1", 68, ARRIVES_MS));
        assert_false(udp_arrives(OUTSIDE, "192.0.2.2", 69, "192.0.2.1", 68, DENIED_MS));
        /* A DHCPv6 server answers from its link-local address. */
        assert_false(udp_arrives(OUTSIDE, "2001:db8::2", 547, "2001:db8::1", 546, DENIED_MS));
        netns_enter(places[OUTSIDE]);
        RUN("ip", "address", "add", "fe80::99/128", "dev", "eth1", "nodad");
        RUN("ip", "route", "replace", "2001:db8::1/128", "dev", "eth1", "src", "fe80::99");
        netns_enter(places[HOST]);
        RUN("ip", "route", "replace", "fe80::99/128", "dev", "eth0");
        int server = socket_at(HOST, SOCK_DGRAM, "::", 546);
        int client = socket_at(OUTSIDE, SOCK_DGRAM, "::", 547);
        assert_int_equal(connect_to(client, "2001:db8::1", 546), 0);
        assert_int_equal(send(client, "x", 1, 0), 1);
        assert_true(ready(server, POLLIN, ARRIVES_MS));
        close(server);
        close(client);
        netns_enter(places[OUTSIDE]);
        RUN("ip", "route", "del", "2001:db8::1/128", "dev", "eth1");
        RUN("ip", "address", "del", "fe80::99/128", "dev", "eth1");
        netns_enter(places[HOST]);
}

static int raw_socket(enum place place, int family, int protocol)
{
        netns_enter(places[place]);
        int fd = socket(family, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
        netns_enter(places[HOST]);
        assert_true(fd >= 0);
        return fd;
}

/* Whether an ICMP message of TYPE comes in at RAW (AT: where its type stands) before the time is
 * over. Raw sockets see nothing that the input hook dropped. */
static bool icmp_arrives(int raw, size_t at, uint8_t type, int wait_ms)
{
        uint8_t packet[256];
        while (ready(raw, POLLIN, wait_ms)) {
                ssize_t len = recv(raw, packet, sizeof(packet), 0);
                if (len > (ssize_t)at && packet[at] == type)
                        return true;
        }
        return false;
}

/* RFC 1071. */
static void put_checksum(uint8_t *packet, size_t len)
{
        uint32_t sum = 0;
        for (size_t i = 0; i < len; i += 2)
                sum += (uint32_t)packet[i] << 8 | packet[i + 1];
        sum = (sum & 0xffff) + (sum >> 16);
        sum = ~((sum & 0xffff) + (sum >> 16));
        packet[2] = (uint8_t)(sum >> 8);
        packet[3] = (uint8_t)sum;
}

static void test_other_icmp_is_denied(void **state)
{
        static const struct {
                const char *name;
                uint8_t type;
        } rows[] = {
                { "unreachable about an unknown flow", ICMP_DEST_UNREACH },
                { "redirect", ICMP_REDIRECT },
                { "timestamp", ICMP_TIMESTAMP },
        };
        load(*state);
        int raw = raw_socket(HOST, AF_INET, IPPROTO_ICMP);
        int sender = raw_socket(OUTSIDE, AF_INET, IPPROTO_ICMP);
        assert_int_equal(connect_to(sender, "192.0.2.1", 0), 0);
        for (size_t i = 0; i < LENGTH(rows); i++) {
                uint8_t packet[36] = { rows[i].type };
                put_checksum(packet, sizeof(packet));
                assert_int_equal(send(sender, packet, sizeof(packet), 0), sizeof(packet));
                if (icmp_arrives(raw, 20, rows[i].type, DENIED_MS))
                        fail_msg("%s: passed", rows[i].name);
        }
        close(raw);
        close(sender);
}

enum { SMALL_MTU = 1300, ICMP_HEADER = 8, UDP_HEADER = 8 };

/* What a router sends about a UDP packet from SOURCE to TARGET that was too big: RFC 1191, RFC 4443
 * section 3.2. Returns its length. */
static size_t too_big(const struct ip_endpoint *source, const struct ip_endpoint *target,
                      uint8_t packet[static 64])
{
        bool v6 = source->addr.len == 16;
        uint8_t *inner = packet + ICMP_HEADER;
        size_t inner_len = v6 ? 40 : 20;
        memset(packet, 0, 64);
        packet[0] = v6 ? ICMP6_PACKET_TOO_BIG : ICMP_DEST_UNREACH;
        packet[1] = v6 ? 0 : ICMP_FRAG_NEEDED;
        packet[6] = SMALL_MTU >> 8;
        packet[7] = SMALL_MTU & 0xff;
        inner[0] = v6 ? 0x60 : 0x45;
        inner[v6 ? 4 : 2] = 4; /* 1024 and more bytes */
        inner[v6 ? 6 : 9] = IPPROTO_UDP;
        inner[v6 ? 7 : 8] = 64;
        memcpy(inner + (v6 ? 8 : 12), source->addr.bytes, source->addr.len);
        memcpy(inner + (v6 ? 24 : 16), target->addr.bytes, target->addr.len);
        uint8_t *udp = inner + inner_len;
        udp[0] = (uint8_t)(source->port >> 8);
        udp[1] = (uint8_t)source->port;
        udp[2] = (uint8_t)(target->port >> 8);
        udp[3] = (uint8_t)target->port;
        udp[4] = 4;
        size_t len = ICMP_HEADER + inner_len + UDP_HEADER;
        if (!v6)
                put_checksum(packet, len);
        return len;
}

static int path_mtu(int fd, bool v6)
{
        int mtu = 0;
        socklen_t len = sizeof(mtu);
        assert_int_equal(
                getsockopt(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_MTU : IP_MTU, &mtu, &len),
                0);
        return mtu;
}

/* A host learns the path MTU of its flows, on the mesh and elsewhere. */
static void test_path_mtu_is_learnt(void **state)
{
        static const struct {
                enum place from;
                const char *source, *target;
        } rows[] = {
                { OUTSIDE, "192.0.2.1", "192.0.2.2" },
                { OUTSIDE, "2001:db8::1", "2001:db8::2" },
                { MEMBER, "100.64.0.1", "100.64.0.3" },
                { MEMBER, "fd00::1", "fd00::3" },
        };
        load(*state);
        for (size_t i = 0; i < LENGTH(rows); i++) {
                struct ip_endpoint source = { .port = 4000 }, target = { .port = 5000 };
                uint8_t packet[64];
                bool v6 = strchr(rows[i].source, ':');
                assert_int_equal(ip_addr_parse(rows[i].source, &source.addr), 0);
                assert_int_equal(ip_addr_parse(rows[i].target, &target.addr), 0);
                int flow = socket_at(HOST, SOCK_DGRAM, rows[i].source, source.port);
                assert_int_equal(connect_to(flow, rows[i].target, target.port), 0);
                assert_int_equal(send(flow, "x", 1, 0), 1);
                assert_int_equal(path_mtu(flow, v6), 1500);
                static const int one = 1;
                assert_int_equal(setsockopt(flow, v6 ? IPPROTO_IPV6 : IPPROTO_IP,
                                            v6 ? IPV6_RECVERR : IP_RECVERR, &one, sizeof(one)),
                                 0);
                int router = raw_socket(rows[i].from, v6 ? AF_INET6 : AF_INET,
                                        v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
                assert_int_equal(connect_to(router, rows[i].source, 0), 0);
                size_t len = too_big(&source, &target, packet);
                assert_int_equal(send(router, packet, len, 0), len);
                assert_true(ready(flow, POLLERR, ARRIVES_MS));
                if (path_mtu(flow, v6) != SMALL_MTU)
                        fail_msg("%s: %d", rows[i].source, path_mtu(flow, v6));
                close(router);
                close(flow);
        }
}

static void test_routers_and_listeners(void **state)
{
        static const struct {
                const char *name;
                uint8_t type;
                int hops;
                bool passes;
        } rows[] = {
                { "router advertisement on the link", ND_ROUTER_ADVERT, 255, true },
                { "router advertisement from afar", ND_ROUTER_ADVERT, 254, false },
                { "neighbour advertisement from afar", ND_NEIGHBOR_ADVERT, 64, false },
                { "redirect", ND_REDIRECT, 255, false },
                { "listener query", MLD_LISTENER_QUERY, 1, true },
        };
        load(*state);
        int raw = raw_socket(HOST, AF_INET6, IPPROTO_ICMPV6);
        int sender = raw_socket(OUTSIDE, AF_INET6, IPPROTO_ICMPV6);
        netns_enter(places[OUTSIDE]);
        unsigned int scope = if_nametoindex("eth1");
        netns_enter(places[HOST]);
        /* To all nodes: the sender's link-local address is the source. */
        struct sockaddr_in6 all_nodes = { .sin6_family = AF_INET6, .sin6_scope_id = scope };
        assert_int_equal(inet_pton(AF_INET6, "ff02::1", &all_nodes.sin6_addr), 1);
        for (size_t i = 0; i < LENGTH(rows); i++) {
                uint8_t packet[48] = { rows[i].type, 0 };
                assert_int_equal(setsockopt(sender, IPPROTO_IPV6, IPV6_MULTICAST_HOPS,
                                            &rows[i].hops, sizeof(rows[i].hops)),
                                 0);
                assert_int_equal(sendto(sender, packet, sizeof(packet), 0,
                                        (struct sockaddr *)&all_nodes, sizeof(all_nodes)),
                                 sizeof(packet));
                if (icmp_arrives(raw, 0, rows[i].type, rows[i].passes ? ARRIVES_MS : DENIED_MS) !=
                    rows[i].passes)
                        fail_msg("%s: %s", rows[i].name, rows[i].passes ? "denied" : "passed");
        }
        close(raw);
        close(sender);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_ways_in_mode_host),
                TEST(test_ways_in_mode_mesh),
                TEST(test_replies_come_back),
                TEST(test_ping_follows_policy),
                TEST(test_revocation_stops_live_streams),
                TEST(test_server_does_not_revive),
                TEST(test_replacement_disturbs_nothing),
                TEST(test_neighbours_are_found),
                TEST(test_dhcp),
                TEST(test_other_icmp_is_denied),
                TEST(test_path_mtu_is_learnt),
                TEST(test_routers_and_listeners),
        };
        if (!netns_private()) {
                fprintf(stderr, "skipped: needs root for namespaces of its own\n");
                return 77;
        }
        make_places();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
