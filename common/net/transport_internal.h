/* A transport from the inside, shared by transport.c (life cycle, queue), transport_tls.c (records)
 * and transport_connect.c (how one begins). */
#pragma once
#include <openssl/ssl.h>

#include "common/buffer.h"
#include "common/net/tls.h"
#include "common/net/tls_bio.h"
#include "common/net/transport.h"

enum transport_state {
        TRANSPORT_CONNECTING, /* TCP or Unix connect */
        TRANSPORT_HANDSHAKE,  /* TLS */
        TRANSPORT_OPEN,
        TRANSPORT_LINGERING, /* closed by us; unsent bytes are on their way */
        TRANSPORT_CLOSING,   /* handles are being closed */
};

struct transport {
        union {
                uv_handle_t handle;
                uv_stream_t stream;
                uv_tcp_t tcp;
                uv_pipe_t pipe;
        } uv;
        uv_timer_t timer; /* handshake, later linger */
        unsigned handles; /* of the two, not yet closed */
        enum transport_state state;
        int error; /* for close */
        const struct transport_events *events;
        void *user;
        void (*gone)(void *user, struct transport *transport);
        void *gone_user;
        struct net_peer peer;

        struct buffer out;     /* for the wire, not yet given to libuv */
        struct buffer sending; /* given to libuv */
        uv_write_t write;
        union {
                uv_connect_t connect;   /* at the beginning */
                uv_shutdown_t shutdown; /* at the end */
        } request;
        bool writing, full, shut;

        SSL *ssl; /* owned; NULL: plain */
        struct tls_bio bio;
        struct buffer early; /* plain text written before the handshake was done */
        char tls_result[TLS_RESULT_MAX];
};

/* A transport with initialised handles of KIND, in state CONNECTING, without events. MESH_ENOMEM.
 */
int transport_make(uv_loop_t *loop, enum net_kind kind, struct transport **ret_transport);

/* Puts it inside TLS. SSL is taken; NULL, as tls_*_begin returns it, is MESH_ENOMEM. */
int transport_use_tls(struct transport *transport, SSL *ssl);

/* The only place that changes the state. */
void transport_enter(struct transport *transport, enum transport_state next);

/* The stream is connected: starts reading and TLS, or is open at once (events->open). */
void transport_connected(struct transport *transport);

/* Closes now because of ERR (0: in order). */
void transport_fail(struct transport *transport, int err);

/* Gives OUT to the kernel, as far as it takes it. */
void transport_flush(struct transport *transport);

/* Arms the handshake's time limit. */
void transport_limit(struct transport *transport, uint32_t ms);

/* Plain bytes for the receiver. */
void transport_deliver(struct transport *transport, const uint8_t *bytes, size_t len);

/* The end of the handshake: open. */
void transport_opened(struct transport *transport);

/* ---- transport_tls.c ---- */

/* Begins the handshake. */
void transport_tls_start(struct transport *transport);

/* Takes bytes from the wire: handshake, then plain text for the receiver. */
void transport_tls_receive(struct transport *transport, const uint8_t *bytes, size_t len);

/* Encrypts into OUT, or keeps it until the handshake is done. */
int transport_tls_write(struct transport *transport, const void *bytes, size_t len);

/* Puts close_notify into OUT. */
void transport_tls_end(struct transport *transport);
