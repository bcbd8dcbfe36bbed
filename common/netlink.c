/* The netlink socket: sending, waiting, repeating; see the header. */
#include "common/netlink.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "common/error.h"
#include "common/netlink_attr.h"
#include "common/netlink_exchange.h"

enum {
        RECEIVE_BYTES = 65536,         /* a dump's datagram is at most 32 KiB */
        RECEIVE_QUEUE_BYTES = 4 << 20, /* a limit, not an allocation: thousands of ACKs */
};

struct netlink {
        struct mnl_socket *socket;
        uint32_t port_id, seq;
        int err_no;
        char text[NETLINK_ERROR_TEXT_MAX];
        size_t received_max;                                 /* of all datagrams so far */
        uint64_t received[RECEIVE_BYTES / sizeof(uint64_t)]; /* aligned */
};

static uint64_t now_ms(void)
{
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Records why a call fails; returns ERR for the caller to return. */
static int netlink_fail(struct netlink *nl, int err, const char *what)
{
        nl->err_no = 0;
        snprintf(nl->text, sizeof(nl->text), "%s: %s", what, mesh_strerror(err));
        return err;
}

static void socket_options(int protocol, int fd)
{
        /* Each is a help, not a need: an older kernel without it still answers. */
        int on = 1, queue = RECEIVE_QUEUE_BYTES;
        setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
        setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
        if (protocol == NETLINK_ROUTE)
                setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
        setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &queue, sizeof(queue));
}

int netlink_open(int protocol, struct netlink **ret_nl)
{
        struct netlink *nl = malloc(sizeof(*nl));
        if (!nl)
                return MESH_ENOMEM;
        memset(nl, 0, offsetof(struct netlink, received));
        nl->socket = mnl_socket_open2(protocol, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (!nl->socket || mnl_socket_bind(nl->socket, 0, MNL_SOCKET_AUTOPID) < 0) {
                int err =
                        errno == EPROTONOSUPPORT ? MESH_EUNSUPPORTED : mesh_error_from_errno(errno);
                netlink_close(nl);
                return err;
        }
        socket_options(protocol, netlink_fd(nl));
        nl->port_id = mnl_socket_get_portid(nl->socket);
        nl->seq = (uint32_t)now_ms();
        *ret_nl = nl;
        return 0;
}

void netlink_close(struct netlink *nl)
{
        if (!nl)
                return;
        if (nl->socket)
                mnl_socket_close(nl->socket);
        explicit_bzero(nl->received, nl->received_max); /* WireGuard's replies hold private keys */
        free(nl);
}

const char *netlink_error_text(const struct netlink *nl)
{
        return nl->text;
}

int netlink_error_errno(const struct netlink *nl)
{
        return nl->err_no;
}

int netlink_fd(const struct netlink *nl)
{
        return mnl_socket_get_fd(nl->socket);
}

uint32_t netlink_take_seqs(struct netlink *nl, uint32_t count)
{
        uint32_t first = nl->seq + 1;
        nl->seq += count;
        return first;
}

/* Waits until the socket is ready; MESH_ETIMEOUT at DEADLINE_MS. */
static int socket_wait(struct netlink *nl, short events, uint64_t deadline_ms)
{
        for (;;) {
                uint64_t now = now_ms();
                if (now >= deadline_ms)
                        return netlink_fail(nl, MESH_ETIMEOUT, "the kernel does not answer");
                struct pollfd fd = { .fd = netlink_fd(nl), .events = events };
                int ready = poll(&fd, 1, (int)(deadline_ms - now));
                if (ready > 0)
                        return 0;
                if (ready < 0 && errno != EINTR)
                        return netlink_fail(nl, mesh_error_from_errno(errno), "poll");
        }
}

static int socket_send(struct netlink *nl, const void *bytes, size_t len, uint64_t deadline_ms)
{
        const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
        for (;;) {
                ssize_t sent = sendto(netlink_fd(nl), bytes, len, 0,
                                      (const struct sockaddr *)&kernel, sizeof(kernel));
                if (sent >= 0)
                        return 0;
                if (errno == EINTR)
                        continue;
                if (errno != EAGAIN)
                        return netlink_fail(nl, mesh_error_from_errno(errno), "send to the kernel");
                int err = socket_wait(nl, POLLOUT, deadline_ms);
                if (err)
                        return err;
        }
}

/* Receives one datagram of the kernel into nl->received. MESH_EAGAIN when none waits; MESH_ENOMEM
 * if the queue overflowed. */
static int socket_receive(struct netlink *nl, size_t *ret_len)
{
        for (;;) {
                struct sockaddr_nl from = { 0 };
                socklen_t from_len = sizeof(from);
                ssize_t got = recvfrom(netlink_fd(nl), nl->received, sizeof(nl->received),
                                       MSG_TRUNC, (struct sockaddr *)&from, &from_len);
                if (got < 0 && errno == EINTR)
                        continue;
                if (got < 0)
                        return errno == ENOBUFS ? MESH_ENOMEM : mesh_error_from_errno(errno);
                if (from.nl_pid != 0)
                        continue; /* another process: only the kernel is believed */
                if ((size_t)got > sizeof(nl->received))
                        return MESH_ELIMIT;
                if ((size_t)got > nl->received_max)
                        nl->received_max = (size_t)got;
                *ret_len = (size_t)got;
                return 0;
        }
}

/* Reads answers until the exchange is over, then what else waits. */
static int exchange_run(struct netlink *nl, struct netlink_exchange *x, uint64_t deadline_ms)
{
        for (;;) {
                size_t len;
                int err = socket_receive(nl, &len);
                if (err == 0) {
                        netlink_exchange_feed(x, nl->received, len);
                        continue;
                }
                if (err == MESH_EAGAIN && x->over)
                        break;
                if (err == MESH_EAGAIN)
                        err = socket_wait(nl, POLLIN, deadline_ms);
                else if (err == MESH_ENOMEM && x->dump)
                        x->interrupted = true, err = 0; /* its end still comes */
                else if (err == MESH_ENOMEM)
                        err = netlink_fail(nl, MESH_EAGAIN, "answers of the kernel were lost");
                else
                        err = netlink_fail(nl, err, "receive from the kernel");
                if (err)
                        return err;
        }
        nl->err_no = x->err_no;
        if (x->error)
                snprintf(nl->text, sizeof(nl->text), "%s",
                         x->text[0] ? x->text : mesh_strerror(x->error));
        return x->error;
}

static int message_send(struct netlink *nl, struct netlink_message *message, uint16_t flags,
                        uint64_t deadline_ms)
{
        if (message->full)
                return netlink_fail(nl, MESH_ELIMIT, "netlink message too long");
        message->header->nlmsg_flags = message->header->nlmsg_flags | flags;
        message->header->nlmsg_seq = netlink_take_seqs(nl, 1);
        message->header->nlmsg_pid = nl->port_id;
        return socket_send(nl, message->header, message->header->nlmsg_len, deadline_ms);
}

int netlink_request(struct netlink *nl, struct netlink_message *message,
                    netlink_message_fn on_reply, void *user)
{
        uint64_t deadline_ms = now_ms() + NETLINK_TIMEOUT_MS;
        int err = message_send(nl, message, NLM_F_REQUEST | NLM_F_ACK, deadline_ms);
        if (err)
                return err;
        struct netlink_exchange x = {
                .port_id = nl->port_id,
                .first_seq = nl->seq,
                .last_seq = nl->seq,
                .awaited = 1,
                .on_reply = on_reply,
                .user = user,
        };
        return exchange_run(nl, &x, deadline_ms);
}

int netlink_dump(struct netlink *nl, struct netlink_message *message,
                 const struct netlink_dump *dump)
{
        uint64_t deadline_ms = now_ms() + NETLINK_TIMEOUT_MS;
        for (int attempt = 0; attempt < NETLINK_DUMP_ATTEMPTS; attempt++) {
                if (dump->on_start)
                        dump->on_start(dump->user);
                int err = message_send(nl, message, NLM_F_REQUEST | NLM_F_DUMP, deadline_ms);
                if (err)
                        return err;
                struct netlink_exchange x = {
                        .port_id = nl->port_id,
                        .first_seq = nl->seq,
                        .last_seq = nl->seq,
                        .dump = true,
                        .on_reply = dump->on_message,
                        .user = dump->user,
                };
                err = exchange_run(nl, &x, deadline_ms);
                if (err || !x.interrupted)
                        return err;
        }
        return netlink_fail(nl, MESH_EAGAIN, "the kernel's state changed during each reading");
}

/* The messages of a batch: how many ask for an ACK, and the range of sequence numbers. */
static int batch_survey(const void *bytes, size_t len, struct netlink_exchange *x)
{
        size_t at = 0;
        const struct nlmsghdr *message;
        int more;
        bool first = true;
        while ((more = netlink_message_next(bytes, len, &at, &message)) > 0) {
                if (first)
                        x->first_seq = message->nlmsg_seq;
                first = false;
                x->last_seq = message->nlmsg_seq;
                x->awaited += message->nlmsg_flags & NLM_F_ACK ? 1 : 0;
        }
        if (more < 0)
                return more;
        return x->awaited > 0 ? 0 : MESH_EINVAL;
}

/* The kernel takes a batch whole or not at all, so it must fit the send buffer. */
static void socket_grow(int fd, size_t len)
{
        int want = len > INT32_MAX / 4 ? INT32_MAX / 2 : (int)len * 2 + RECEIVE_BYTES, have = 0;
        socklen_t size = sizeof(have);
        getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &have, &size);
        if (have < want && setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &want, sizeof(want)) < 0)
                setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &want, sizeof(want));
}

int netlink_batch(struct netlink *nl, const void *bytes, size_t len, netlink_message_fn on_reply,
                  netlink_refusal_fn on_refusal, void *user)
{
        struct netlink_exchange x = {
                .port_id = nl->port_id,
                .on_reply = on_reply,
                .on_refusal = on_refusal,
                .user = user,
        };
        int err = batch_survey(bytes, len, &x);
        if (err)
                return netlink_fail(nl, err, "netlink batch");
        socket_grow(netlink_fd(nl), len);
        uint64_t deadline_ms = now_ms() + NETLINK_TIMEOUT_MS;
        err = socket_send(nl, bytes, len, deadline_ms);
        return err ? err : exchange_run(nl, &x, deadline_ms);
}

int netlink_join(struct netlink *nl, unsigned int group)
{
        int value = (int)group;
        if (mnl_socket_setsockopt(nl->socket, NETLINK_ADD_MEMBERSHIP, &value, sizeof(value)) < 0)
                return netlink_fail(nl, mesh_error_from_errno(errno), "join a netlink group");
        return 0;
}

int netlink_read_events(struct netlink *nl, netlink_message_fn on_message, void *user)
{
        for (;;) {
                size_t len;
                int err = socket_receive(nl, &len);
                if (err == MESH_EAGAIN)
                        return 0;
                if (err == MESH_ENOMEM)
                        return netlink_fail(nl, MESH_EAGAIN, "events of the kernel were lost");
                if (err)
                        return netlink_fail(nl, err, "receive from the kernel");
                size_t at = 0;
                const struct nlmsghdr *message;
                while ((err = netlink_message_next(nl->received, len, &at, &message)) > 0)
                        if ((err = on_message(message, user)) < 0)
                                return err;
                if (err < 0)
                        return netlink_fail(nl, err, "event of the kernel");
        }
}
