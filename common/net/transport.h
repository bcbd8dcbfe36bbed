/* A byte stream over TCP or a Unix socket, plain or inside TLS, on a libuv loop.
 *
 * Made by listener.h (server side), dial.h (client side over TCP, racing) or
 * transport_connect_unix. It is all callbacks; none is called from inside the function that made
 * the transport. Life cycle: made -> [open] -> read... -> close, then it frees itself. A handshake
 * (TCP connect and TLS) that is not done after its time limit closes it with MESH_ETIMEOUT.
 *
 * The program must ignore SIGPIPE: libuv writes without MSG_NOSIGNAL. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "common/addr.h"
#include "common/net/peer.h"

struct tls_client;
struct tls_server;
struct transport; /* opaque */

enum {
        TRANSPORT_HANDSHAKE_MS = 10000,
        TRANSPORT_QUEUE_MAX = 4 * 1024 * 1024, /* bytes written and not yet taken by the kernel */
        TRANSPORT_HIGH_WATER = 128 * 1024,     /* above it, transport_is_full says so */
        TRANSPORT_LOW_WATER = 32 * 1024,       /* at or below it, drain is called */
        TRANSPORT_LINGER_MS = 5000,            /* what a graceful close waits for unsent bytes */
};

/* USER is what transport_listen_to was given. Any may be NULL. */
struct transport_events {
        /* The handshake is done; bytes may be written before, too (they wait). */
        void (*open)(void *user, struct transport *transport);

        /* LEN > 0 bytes, borrowed for the call. */
        void (*read)(void *user, struct transport *transport, const uint8_t *bytes, size_t len);

        /* The queue was full (transport_is_full) and has room again. */
        void (*drain)(void *user, struct transport *transport);

        /* The last event. ERR is 0 when we closed it or the other side ended the stream in order,
         * else why (MESH_EREFUSED, MESH_EUNREACH, MESH_ETIMEOUT, MESH_ETLS, MESH_ECLOSED for a
         * reset). The transport is freed after the call returns. */
        void (*close)(void *user, struct transport *transport, int err);
};

/* Makes EVENTS (borrowed; static as a rule) and USER the receiver from now on. May be called again
 * to hand a transport over. */
void transport_listen_to(struct transport *transport, const struct transport_events *events,
                         void *user);

/* Queues LEN bytes (copied). MESH_ESTATE after a close, MESH_ELIMIT when the queue would pass its
 * maximum (the stream is then aborted: bytes must not be missing from its middle). */
int transport_write(struct transport *transport, const void *bytes, size_t len);

/* Whether the queue is above its high water mark: stop writing until drain. */
bool transport_is_full(const struct transport *transport);

/* Bytes queued and not yet taken by the kernel. */
size_t transport_queued_bytes(const struct transport *transport);

/* Closes after the queue has left (TLS: close_notify, then FIN), at the latest after
 * TRANSPORT_LINGER_MS. No read or drain follows; close does. */
void transport_close(struct transport *transport);

/* Closes at once with a TCP reset; the queue is lost. close follows with ERR. */
void transport_abort(struct transport *transport, int err);

/* Stops and resumes reading from the socket. Readers are on from the start; what is inside TLS's
 * buffers already may still come after a pause. */
void transport_pause(struct transport *transport);
void transport_resume(struct transport *transport);

/* Whether the handshake is done and nothing has ended. */
bool transport_is_open(const struct transport *transport);
/* The loop that it was made on. Borrowed. */
uv_loop_t *transport_loop(const struct transport *transport);

/* Addresses or credentials; complete once open. Borrowed. */
const struct net_peer *transport_peer(const struct transport *transport);

/* What the check of the server's certificate found: "valid", "self-signed certificate",
 * "certificate has expired"...; "" on a server, before open or without TLS. Borrowed. */
const char *transport_tls_result(const struct transport *transport);

/* Starts to connect; returned owned by itself (see the life cycle). TLS is borrowed and may be
 * NULL: plain. TLS_NAME (copied) is what the certificate is checked against. MESH_ENOMEM, or what
 * the kernel says at once. */
int transport_connect_tcp(uv_loop_t *loop, const struct ip_endpoint *to, struct tls_client *tls,
                          const char *tls_name, uint32_t handshake_ms,
                          struct transport **ret_transport);
int transport_connect_unix(uv_loop_t *loop, const char *path, struct transport **ret_transport);

/* For listener.c and dial.c: GONE(USER) is called just before close. One at a time; NULL: none. */
void transport_on_gone(struct transport *transport,
                       void (*gone)(void *user, struct transport *transport), void *user);

/* For listener.c: takes the next connection of SERVER, a listening uv_tcp_t or uv_pipe_t. TLS is
 * borrowed for the call and may be NULL. MESH_EIO, MESH_ENOMEM. */
int transport_accept(uv_stream_t *server, struct tls_server *tls, uint32_t handshake_ms,
                     struct transport **ret_transport);
