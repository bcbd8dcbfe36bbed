/* The WireGuard family's messages: a difference written in pieces of any size reads back as the
 * same device; damaged replies are refused. */
#include <linux/genetlink.h>
#include <linux/wireguard.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "agent/apply/wg_genl.h"
#include "common/error.h"

static void add_peer(struct wg_device *device, uint8_t n, size_t prefixes)
{
        uint8_t key[WG_KEY_BYTES] = { n };
        struct wg_peer *peer = wg_device_add_peer(device, key);
        assert_non_null(peer);
        for (size_t i = 0; i < prefixes; i++) {
                struct ip_prefix prefix = { .addr = { 4, { 10, n, (uint8_t)i, 0 } }, .bits = 24 };
                if (i % 2)
                        prefix = (struct ip_prefix){ .addr = { 16, { 0xfd, n, 0, (uint8_t)i } },
                                                     .bits = 128 };
                assert_int_equal(wg_peer_add_allowed(peer, prefix), 0);
        }
        peer->keepalive_s = n;
        peer->endpoint = (struct ip_endpoint){ .addr = { 4, { 192, 0, 2, n } }, .port = n };
        if (n % 2)
                peer->endpoint = (struct ip_endpoint){ .addr = { 16, { 0xfe, 0x80, n } },
                                                       .port = n,
                                                       .scope_id = 7 };
}

/* A change request has the attributes of a reply, so what was written can be read. */
static size_t write_and_read(const struct wg_diff *diff, size_t capacity, struct wg_device *seen)
{
        uint64_t *memory = malloc(capacity);
        assert_non_null(memory);
        struct wg_genl_writer writer = { 0 };
        size_t messages = 0;
        int more;
        do {
                struct netlink_message m = netlink_message_start(memory, capacity, 20, 0);
                more = wg_genl_put_diff(&m, "wg0", diff, &writer);
                assert_true(more >= 0);
                assert_false(m.full);
                assert_true(m.header->nlmsg_len <= capacity);
                assert_int_equal(wg_genl_read_device(m.header, seen), 0);
                messages++;
        } while (more > 0);
        free(memory);
        return messages;
}

static void test_pieces_of_any_size(void **state)
{
        (void)state;
        static const size_t prefix_counts[] = { 0, 1, 2, 40, 0, 3, 100 };
        struct wg_device wanted = { .listen_port = 51820, .fwmark = 3 }, none = { 0 };
        memset(wanted.private_key, 9, WG_KEY_BYTES);
        for (uint8_t n = 0; n < sizeof(prefix_counts) / sizeof(prefix_counts[0]); n++)
                add_peer(&wanted, (uint8_t)(n + 1), prefix_counts[n]);
        struct wg_diff diff, rest;
        assert_int_equal(wg_diff_compute(&wanted, &none, WG_DIFF_APPLY, &diff), 0);
        size_t fewest = SIZE_MAX, most = 0;
        for (size_t capacity = 256; capacity < 12000; capacity += 4) {
                struct wg_device seen = { 0 };
                size_t messages = write_and_read(&diff, capacity, &seen);
                fewest = messages < fewest ? messages : fewest;
                most = messages > most ? messages : most;
                assert_int_equal(seen.peer_count, wanted.peer_count);
                assert_int_equal(wg_diff_compute(&wanted, &seen, WG_DIFF_VERIFY, &rest), 0);
                assert_true(wg_diff_empty(&rest));
                wg_diff_done(&rest);
                for (size_t i = 0; i < seen.peer_count; i++) {
                        const struct wg_peer *peer =
                                wg_device_find_peer(&wanted, seen.peers[i].public_key);
                        assert_int_equal(
                                ip_endpoint_compare(&peer->endpoint, &seen.peers[i].endpoint), 0);
                }
                wg_device_done(&seen);
        }
        assert_int_equal(fewest, 1);
        assert_true(most > 30);
        wg_diff_done(&diff);
        wg_device_done(&wanted);
}

static void test_too_small(void **state)
{
        (void)state;
        struct wg_device wanted = { .listen_port = 1 }, none = { 0 };
        add_peer(&wanted, 1, 3);
        struct wg_diff diff;
        assert_int_equal(wg_diff_compute(&wanted, &none, WG_DIFF_APPLY, &diff), 0);
        for (size_t capacity = 64; capacity < 160; capacity += 8) {
                uint64_t memory[32];
                struct wg_genl_writer writer = { 0 };
                struct netlink_message m = netlink_message_start(memory, capacity, 20, 0);
                int result = wg_genl_put_diff(&m, "wg0", &diff, &writer);
                assert_true(result == MESH_ELIMIT || (result == 1 && writer.op == 0));
        }
        wg_diff_done(&diff);
        wg_device_done(&wanted);
}

/* Only what differs is said: flags of a change of one prefix, and of a removal. */
static void test_says_no_more(void **state)
{
        (void)state;
        struct wg_device wanted = { .listen_port = 1 };
        add_peer(&wanted, 1, 1);
        struct wg_peer_op ops[] = { { .peer = &wanted.peers[0], .remove = true },
                                    { .peer = &wanted.peers[0], .set_keepalive = true } };
        struct wg_diff diff = { .wanted = &wanted, .ops = ops, .op_count = 2 };
        struct wg_device seen = { 0 };
        assert_int_equal(write_and_read(&diff, 4096, &seen), 1);
        assert_int_equal(seen.listen_port, 0);
        assert_int_equal(seen.peer_count, 1);
        assert_int_equal(seen.peers[0].allowed_count, 0);
        assert_int_equal(seen.peers[0].endpoint.addr.len, 0);
        assert_int_equal(seen.peers[0].keepalive_s, 1);
        wg_device_done(&seen);
        wg_device_done(&wanted);
}

/* ---- hand-built replies ---- */

static uint64_t memory[512];

static struct netlink_message reply(void)
{
        const struct genlmsghdr header = { .cmd = WG_CMD_GET_DEVICE, .version = 1 };
        struct netlink_message m = netlink_message_start(memory, sizeof(memory), 20, NLM_F_MULTI);
        netlink_put_header(&m, &header, sizeof(header));
        return m;
}

/* One peer with one allowed prefix; each part as long as told. */
static void put_peer(struct netlink_message *m, size_t key, size_t endpoint, size_t time,
                     size_t address, uint16_t family, uint8_t bits)
{
        static const uint8_t zeroes[64];
        struct sockaddr_in6 ss = { .sin6_family = AF_INET6, .sin6_port = 1 };
        size_t peers = netlink_nest_begin(m, WGDEVICE_A_PEERS);
        size_t peer = netlink_nest_begin(m, 0);
        if (key)
                netlink_put(m, WGPEER_A_PUBLIC_KEY, zeroes, key);
        netlink_put(m, WGPEER_A_ENDPOINT, &ss, endpoint);
        netlink_put(m, WGPEER_A_LAST_HANDSHAKE_TIME, zeroes, time);
        size_t list = netlink_nest_begin(m, WGPEER_A_ALLOWEDIPS);
        size_t allowed = netlink_nest_begin(m, 0);
        netlink_put_u16(m, WGALLOWEDIP_A_FAMILY, family);
        netlink_put(m, WGALLOWEDIP_A_IPADDR, zeroes, address);
        netlink_put_u8(m, WGALLOWEDIP_A_CIDR_MASK, bits);
        netlink_nest_end(m, allowed);
        netlink_nest_end(m, list);
        netlink_nest_end(m, peer);
        netlink_nest_end(m, peers);
}

static const struct {
        const char *name;
        size_t key, endpoint, time, address;
        uint16_t family;
        uint8_t bits;
        int expected;
} replies[] = {
        { "good", 32, 28, 16, 4, AF_INET, 32, 0 },
        { "good, IPv6", 32, 28, 16, 16, AF_INET6, 128, 0 },
        { "no key", 0, 28, 16, 4, AF_INET, 32, MESH_EFORMAT },
        { "short key", 31, 28, 16, 4, AF_INET, 32, MESH_EFORMAT },
        { "short endpoint", 32, 15, 16, 4, AF_INET, 32, MESH_EFORMAT },
        { "IPv6 endpoint of IPv4's length", 32, 16, 16, 4, AF_INET, 32, MESH_EFORMAT },
        { "short time", 32, 28, 15, 4, AF_INET, 32, MESH_EFORMAT },
        { "short address", 32, 28, 16, 3, AF_INET, 24, MESH_EFORMAT },
        { "address of the other family", 32, 28, 16, 4, AF_INET6, 32, MESH_EFORMAT },
        { "long address", 32, 28, 16, 16, AF_INET, 32, MESH_EFORMAT },
        { "mask too long", 32, 28, 16, 4, AF_INET, 33, MESH_EFORMAT },
        { "IPv6 mask too long", 32, 28, 16, 16, AF_INET6, 129, MESH_EFORMAT },
        { "unknown family", 32, 28, 16, 4, 99, 32, MESH_EFORMAT },
};

static void test_replies(void **state)
{
        (void)state;
        for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
                struct netlink_message m = reply();
                struct wg_device device = { 0 };
                print_message("case: %s\n", replies[i].name);
                put_peer(&m, replies[i].key, replies[i].endpoint, replies[i].time,
                         replies[i].address, replies[i].family, replies[i].bits);
                assert_int_equal(wg_genl_read_device(m.header, &device), replies[i].expected);
                wg_device_done(&device);
        }
}

/* A good reply with its end missing is refused, or is a shorter list; never read past. */
static void test_truncated(void **state)
{
        (void)state;
        struct netlink_message m = reply();
        put_peer(&m, 32, 28, 16, 4, AF_INET, 32);
        size_t refused = 0;
        for (uint32_t len = sizeof(struct nlmsghdr); len < m.header->nlmsg_len; len++) {
                struct wg_device device = { 0 };
                uint64_t *copy = malloc(len); /* exact: ASan sees the first byte beyond */
                assert_non_null(copy);
                memcpy(copy, m.header, len);
                ((struct nlmsghdr *)(void *)copy)->nlmsg_len = len;
                refused += wg_genl_read_device((struct nlmsghdr *)(void *)copy, &device) ? 1 : 0;
                wg_device_done(&device);
                free(copy);
        }
        assert_true(refused > 100);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_pieces_of_any_size), cmocka_unit_test(test_too_small),
                cmocka_unit_test(test_says_no_more),       cmocka_unit_test(test_replies),
                cmocka_unit_test(test_truncated),
        };
        return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
