/* Netlink: attributes and verdicts at their edges, exchanges with a kernel that this test plays,
 * and a few words with the real one. */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/error.h"
#include "common/netlink.h"
#include "common/netlink_attr.h"
#include "common/netlink_exchange.h"
#include "common/netlink_family.h"

/* ---- attributes ---- */

static const struct netlink_attr_policy policy[] = {
        [1] = { NETLINK_ATTR_U8, 0 },    [2] = { NETLINK_ATTR_U16, 0 },
        [3] = { NETLINK_ATTR_U32, 0 },   [4] = { NETLINK_ATTR_U64, 0 },
        [5] = { NETLINK_ATTR_BYTES, 3 }, [6] = { NETLINK_ATTR_TEXT, 0 },
        [7] = { NETLINK_ATTR_NEST, 0 },
};

enum { ATTRS = sizeof(policy) / sizeof(policy[0]) };

static const struct {
        const char *name;
        uint16_t words[8]; /* in the host's order, as netlink is */
        size_t len;
        int expected;
} attr_cases[] = {
        { "none", { 0 }, 0, 0 },
        { "half a header", { 5 }, 2, MESH_ETRUNCATED },
        { "length below the header", { 3, 1 }, 4, MESH_ETRUNCATED },
        { "length zero", { 0, 1 }, 4, MESH_ETRUNCATED },
        { "u8", { 5, 1, 9 }, 8, 0 },
        { "u8 without padding", { 5, 1, 9 }, 5, 0 },
        { "u8 missing", { 5, 1 }, 4, MESH_ETRUNCATED },
        { "u8 empty", { 4, 1 }, 4, MESH_EFORMAT },
        { "u8 of two", { 6, 1, 9 }, 8, MESH_EFORMAT },
        { "u16", { 6, 2, 9 }, 8, 0 },
        { "u32 short", { 7, 3, 1, 1 }, 8, MESH_EFORMAT },
        { "u32", { 8, 3, 1, 1 }, 8, 0 },
        { "u64", { 12, 4, 1, 1, 1, 1 }, 12, 0 },
        { "u64 as u32", { 8, 4, 1, 1 }, 8, MESH_EFORMAT },
        { "bytes, fewest", { 7, 5, 1, 1 }, 8, 0 },
        { "bytes, too few", { 6, 5, 1 }, 8, MESH_EFORMAT },
        { "text", { 6, 6, 'a' }, 8, 0 },
        { "text empty", { 5, 6, 0 }, 8, 0 },
        { "text without its end", { 6, 6, 0x6161 }, 8, MESH_EFORMAT },
        { "text of no bytes", { 4, 6 }, 4, MESH_EFORMAT },
        { "nest empty", { 4, 7 }, 4, 0 },
        { "nest with its flag", { 4, 7 | NLA_F_NESTED }, 4, 0 },
        { "gap in the table", { 4, 0 }, 4, 0 },
        { "beyond the table", { 4, 8 }, 4, 0 },
        { "second one runs past", { 5, 1, 9, 0, 9, 1 }, 12, MESH_ETRUNCATED },
        { "leftover bytes", { 5, 1, 9, 0, 1 }, 10, MESH_ETRUNCATED },
};

static void test_attrs(void **state)
{
        (void)state;
        for (size_t i = 0; i < sizeof(attr_cases) / sizeof(attr_cases[0]); i++) {
                struct netlink_attr attrs[ATTRS];
                uint8_t *exact = malloc(attr_cases[i].len + !attr_cases[i].len);
                assert_non_null(exact);
                memcpy(exact, attr_cases[i].words, attr_cases[i].len);
                print_message("case: %s\n", attr_cases[i].name);
                assert_int_equal(
                        netlink_attrs_parse(exact, attr_cases[i].len, policy, ATTRS, attrs),
                        attr_cases[i].expected);
                for (size_t k = 0; attr_cases[i].expected && k < ATTRS; k++)
                        assert_null(attrs[k].data);
                free(exact);
        }
}

/* ---- building ---- */

static void test_message_and_values(void **state)
{
        (void)state;
        uint64_t memory[64];
        const uint32_t header = 77;
        struct netlink_message m = netlink_message_start(memory, sizeof(memory), 20, 0);
        netlink_put_header(&m, &header, sizeof(header));
        netlink_put_u8(&m, 1, 1);
        netlink_put_u16(&m, 2, 2);
        netlink_put_u32(&m, 3, 3);
        netlink_put_u64(&m, 4, 4);
        netlink_put(&m, 5, "abcde", 5);
        netlink_put_text(&m, 6, "word");
        size_t nest = netlink_nest_begin(&m, 7);
        netlink_put_u8(&m, 1, 11);
        netlink_nest_end(&m, nest);
        assert_false(m.full);

        uint32_t seen = 0;
        struct netlink_attr payload, attrs[ATTRS], inner[ATTRS];
        assert_int_equal(netlink_payload(m.header, &seen, sizeof(seen), &payload), 0);
        assert_int_equal(seen, 77);
        assert_int_equal(netlink_attrs_parse(payload.data, payload.len, policy, ATTRS, attrs), 0);
        assert_int_equal(netlink_attr_u8(&attrs[1]), 1);
        assert_int_equal(netlink_attr_u16(&attrs[2]), 2);
        assert_int_equal(netlink_attr_u32(&attrs[3]), 3);
        assert_true(netlink_attr_u64(&attrs[4]) == 4);
        assert_int_equal(attrs[5].len, 5);
        assert_string_equal(netlink_attr_text(&attrs[6]), "word");
        assert_int_equal(netlink_attrs_parse(attrs[7].data, attrs[7].len, policy, ATTRS, inner), 0);
        assert_int_equal(netlink_attr_u8(&inner[1]), 11);
        assert_int_equal(netlink_attr_u32(&inner[3]), 0);
        assert_string_equal(netlink_attr_text(&inner[6]), "");
}

static void test_message_full(void **state)
{
        (void)state;
        uint64_t memory[16];
        struct netlink_message m = netlink_message_start(memory, 64, 20, 0);
        size_t nest = netlink_nest_begin(&m, 7);
        size_t puts = 0;
        while (netlink_put_u32(&m, 3, 3), !m.full)
                puts++;
        assert_int_equal(puts, (64 - sizeof(struct nlmsghdr) - 4) / 8);
        size_t len = netlink_mark(&m);
        assert_true(len <= 64);
        netlink_put_u8(&m, 1, 1); /* after full: nothing, though it might fit */
        netlink_put_header(&m, "x", 1);
        assert_int_equal(netlink_nest_begin(&m, 7), 0);
        assert_int_equal(netlink_mark(&m), len);
        netlink_rewind(&m, nest);
        assert_false(m.full);
        netlink_put_u8(&m, 1, 1);
        assert_int_equal(netlink_mark(&m), sizeof(struct nlmsghdr) + 8);
        netlink_put(&m, 5, memory, SIZE_MAX);
        assert_true(m.full);
}

/* ---- a kernel of our own ---- */

static uint64_t answer_memory[256];
static size_t answer_len;

static void answer_begin(void)
{
        answer_len = 0;
}

/* Appends one message of TYPE with LEN bytes of BODY. */
static void answer(uint16_t type, uint16_t flags, uint32_t seq, uint32_t port, const void *body,
                   size_t len)
{
        struct nlmsghdr header = { .nlmsg_len = (uint32_t)(sizeof(header) + len),
                                   .nlmsg_type = type,
                                   .nlmsg_flags = flags,
                                   .nlmsg_seq = seq,
                                   .nlmsg_pid = port };
        uint8_t *at = (uint8_t *)answer_memory + answer_len;
        memcpy(at, &header, sizeof(header));
        if (len)
                memcpy(at + sizeof(header), body, len);
        answer_len += (sizeof(header) + len + 3) / 4 * 4;
}

/* An NLMSG_ERROR with the kernel's words. */
static void answer_error(uint32_t seq, int err_no, const char *text)
{
        uint8_t body[128] = { 0 };
        int32_t code = -err_no;
        struct nlmsghdr request = { .nlmsg_len = 4000 }; /* capped: not echoed */
        size_t len = sizeof(code) + sizeof(request);
        memcpy(body, &code, sizeof(code));
        memcpy(body + sizeof(code), &request, sizeof(request));
        if (text) {
                uint16_t head[2] = { (uint16_t)(4 + strlen(text) + 1), NLMSGERR_ATTR_MSG };
                memcpy(body + len, head, sizeof(head));
                memcpy(body + len + 4, text, strlen(text) + 1);
                len += head[0];
        }
        answer(NLMSG_ERROR, (uint16_t)(NLM_F_CAPPED | (text ? NLM_F_ACK_TLVS : 0)), seq, 5, body,
               len);
}

static int count_reply(const struct nlmsghdr *message, void *user)
{
        (void)message;
        ++*(int *)user;
        return 0;
}

static int refuse_reply(const struct nlmsghdr *message, void *user)
{
        (void)message;
        ++*(int *)user;
        return MESH_EFORMAT;
}

static struct netlink_exchange exchange(bool dump, netlink_message_fn on_reply, int *count)
{
        *count = 0;
        return (struct netlink_exchange){ .port_id = 5,
                                          .first_seq = 10,
                                          .last_seq = 10,
                                          .awaited = dump ? 0 : 1,
                                          .dump = dump,
                                          .on_reply = on_reply,
                                          .user = count };
}

static void feed(struct netlink_exchange *x)
{
        netlink_exchange_feed(x, answer_memory, answer_len);
}

static void test_exchange_request(void **state)
{
        (void)state;
        int count;
        struct netlink_exchange x = exchange(false, count_reply, &count);
        answer_begin();
        answer(20, 0, 9, 5, "old", 4);   /* an answer that came too late */
        answer(20, 0, 10, 6, "else", 5); /* to another socket */
        answer(20, 0, 10, 5, "ours", 5);
        feed(&x);
        assert_int_equal(count, 1);
        assert_false(x.over);
        answer_begin();
        answer_error(9, EPERM, NULL);
        feed(&x);
        assert_false(x.over);
        answer_begin();
        answer_error(10, 0, NULL);
        feed(&x);
        assert_true(x.over);
        assert_int_equal(x.error, 0);

        x = exchange(false, count_reply, &count);
        answer_begin();
        answer_error(10, EEXIST, "it is there");
        feed(&x);
        assert_true(x.over);
        assert_int_equal(x.error, MESH_EEXIST);
        assert_int_equal(x.err_no, EEXIST);
        assert_string_equal(x.text, "it is there");
        x = exchange(false, count_reply, &count);
        answer_begin();
        answer_error(10, ENODEV, NULL);
        feed(&x);
        assert_string_equal(x.text, "No such device");
}

static void test_exchange_dump(void **state)
{
        (void)state;
        static const int32_t good = 0, bad = -EBUSY;
        int count;
        struct netlink_exchange x = exchange(true, count_reply, &count);
        answer_begin();
        answer(20, NLM_F_MULTI, 10, 5, NULL, 0);
        answer(20, NLM_F_MULTI | NLM_F_DUMP_INTR, 10, 5, NULL, 0);
        feed(&x);
        assert_false(x.over);
        assert_true(x.interrupted);
        answer_begin();
        answer(NLMSG_DONE, NLM_F_MULTI, 10, 5, &good, sizeof(good));
        feed(&x);
        assert_true(x.over);
        assert_int_equal(count, 2);
        assert_int_equal(x.error, 0);

        x = exchange(true, count_reply, &count);
        answer_begin();
        answer(NLMSG_DONE, NLM_F_MULTI, 10, 5, &bad, sizeof(bad));
        feed(&x);
        assert_int_equal(x.error, MESH_EBUSY);

        /* A reader that gives up sees no more, but the dump is read to its end. */
        x = exchange(true, refuse_reply, &count);
        answer_begin();
        answer(20, NLM_F_MULTI, 10, 5, NULL, 0);
        answer(20, NLM_F_MULTI, 10, 5, NULL, 0);
        feed(&x);
        assert_false(x.over);
        assert_int_equal(count, 1);
        answer_begin();
        answer(NLMSG_DONE, NLM_F_MULTI, 10, 5, NULL, 0);
        feed(&x);
        assert_true(x.over);
        assert_int_equal(x.error, MESH_EFORMAT);
}

static void count_refusal(uint32_t seq, int err_no, uint32_t offset, const char *text, void *user)
{
        (void)offset;
        assert_true(seq == 1 && err_no == EINVAL && text[0] == '\0');
        ++*(int *)user;
}

static void test_exchange_batch_wraps(void **state)
{
        (void)state;
        int count = 0;
        struct netlink_exchange x = { .port_id = 5,
                                      .first_seq = UINT32_MAX,
                                      .last_seq = 2,
                                      .awaited = 2,
                                      .on_refusal = count_refusal,
                                      .user = &count };
        answer_begin();
        answer_error(UINT32_MAX, 0, NULL);
        answer_error(3, EPERM, NULL); /* beyond */
        feed(&x);
        assert_false(x.over);
        answer_begin();
        answer_error(1, EINVAL, NULL);
        feed(&x);
        assert_true(x.over);
        assert_int_equal(count, 1);
        assert_int_equal(x.error, MESH_EINVAL);
}

static void test_exchange_damaged(void **state)
{
        (void)state;
        static const struct {
                const char *name;
                uint32_t words[8];
                size_t len;
        } damaged[] = {
                { "half a header", { 16, 20 }, 8 },
                { "length below the header", { 15, 20, 10, 5 }, 16 },
                { "length past the end", { 20, 20, 10, 5 }, 16 },
                { "error without a code", { 16, NLMSG_ERROR, 10, 5 }, 16 },
                { "error without its request", { 20, NLMSG_ERROR, 10, 5, 0 }, 20 },
                { "end with half a code", { 18, NLMSG_DONE, 10, 5, 0 }, 20 },
                { "positive code", { 20, NLMSG_DONE, 10, 5, 1 }, 20 },
                { "code that is no errno", { 20, NLMSG_DONE, 10, 5, 0x80000000 }, 20 },
        };
        for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++) {
                int count;
                struct netlink_exchange x = exchange(true, count_reply, &count);
                uint32_t *exact = malloc(damaged[i].len);
                assert_non_null(exact);
                memcpy(exact, damaged[i].words, damaged[i].len);
                print_message("case: %s\n", damaged[i].name);
                netlink_exchange_feed(&x, exact, damaged[i].len);
                assert_true(x.over);
                assert_int_not_equal(x.error, 0);
                free(exact);
        }
}

/* ---- the real one ---- */

static int find_loopback(const struct nlmsghdr *message, void *user)
{
        struct ifinfomsg header;
        struct netlink_attr payload;
        int err = netlink_payload(message, &header, sizeof(header), &payload);
        if (!err && header.ifi_flags & IFF_LOOPBACK)
                ++*(int *)user;
        return err;
}

static void count_start(void *user)
{
        *(int *)user = 0;
}

static void test_real_kernel(void **state)
{
        (void)state;
        struct netlink *nl;
        uint64_t memory[32];
        const struct ifinfomsg header = { 0 };
        int count = 7;
        assert_int_equal(netlink_open(NETLINK_ROUTE, &nl), 0);
        struct netlink_message m = netlink_message_start(memory, sizeof(memory), RTM_GETLINK, 0);
        netlink_put_header(&m, &header, sizeof(header));
        const struct netlink_dump dump = { count_start, find_loopback, &count };
        assert_int_equal(netlink_dump(nl, &m, &dump), 0);
        assert_int_equal(count, 1);

        m = netlink_message_start(memory, sizeof(memory), RTM_GETLINK, 0);
        netlink_put_header(&m, &header, sizeof(header));
        netlink_put_text(&m, IFLA_IFNAME, "no-such-link");
        assert_true(netlink_request(nl, &m, NULL, NULL) < 0);
        assert_int_equal(netlink_error_errno(nl), ENODEV);
        assert_string_equal(netlink_error_text(nl), "No such device");

        m = netlink_message_start(memory, 64, RTM_GETLINK, 0);
        netlink_put(&m, IFLA_IFNAME, memory, 100);
        assert_int_equal(netlink_request(nl, &m, NULL, NULL), MESH_ELIMIT);
        assert_int_equal(netlink_error_errno(nl), 0);
        assert_int_equal(netlink_batch(nl, memory, 0, NULL, NULL, NULL), MESH_EINVAL);
        assert_int_equal(netlink_read_events(nl, count_reply, &count), 0);
        netlink_close(nl);

        uint16_t family = 0;
        assert_int_equal(netlink_open(NETLINK_GENERIC, &nl), 0);
        assert_int_equal(netlink_family_id(nl, "nlctrl", &family), 0);
        assert_int_equal(family, 16);
        assert_int_equal(netlink_family_id(nl, "no_such_family", &family), MESH_ENOENT);
        netlink_close(nl);
        netlink_close(NULL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_attrs),
                cmocka_unit_test(test_message_and_values),
                cmocka_unit_test(test_message_full),
                cmocka_unit_test(test_exchange_request),
                cmocka_unit_test(test_exchange_dump),
                cmocka_unit_test(test_exchange_batch_wraps),
                cmocka_unit_test(test_exchange_damaged),
                cmocka_unit_test(test_real_kernel),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
