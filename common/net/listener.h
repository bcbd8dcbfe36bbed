/* Listens on a TCP address or a Unix socket and hands up transports that are open.
 *
 * It owns connections until their handshake is done; one that is handed up belongs to the receiver
 * of its events (transport.h). It keeps counting those until they close. At the limit of
 * connections a new one is closed at once; at the limit of handshakes the oldest unfinished one is
 * closed, since an honest handshake is over in a moment. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

struct listener; /* opaque */
struct tls_server;
struct transport;

struct listener_options {
        const char *address; /* "192.0.2.1:443", "[::]:443" (both families), port 0: any; or NULL */
        const char *unix_path;    /* if ADDRESS is NULL */
        mode_t unix_mode;         /* e.g. 0660; 0: 0600 */
        const char *unix_group;   /* NULL: the process's own; unknown group: MESH_ENOENT */
        struct tls_server *tls;   /* borrowed until listener_close; NULL: plain */
        uint32_t max_connections; /* 0: LISTENER_CONNECTIONS */
        uint32_t max_handshakes;  /* 0: LISTENER_HANDSHAKES */
        uint32_t handshake_ms;    /* 0: TRANSPORT_HANDSHAKE_MS */
};

enum { LISTENER_CONNECTIONS = 16384, LISTENER_HANDSHAKES = 1024 };

/* Called with an open transport; the receiver must call transport_listen_to in it. */
typedef void listener_accepted(void *user, struct transport *transport);

/* Starts to listen. OPTIONS is borrowed for the call. A socket file left by a dead process is
 * replaced; if somebody answers on it, MESH_EADDRINUSE. Returns owned. MESH_EFORMAT for a bad
 * address, MESH_EPERM, MESH_EADDRINUSE, MESH_ENOENT. */
int listener_new(uv_loop_t *loop, const struct listener_options *options,
                 listener_accepted *accepted, void *user, struct listener **ret_listener);

/* Stops listening, closes handshakes in progress, removes the socket file, frees the listener once
 * its handles and counted connections are gone. Connections that were handed up live on. */
void listener_close(struct listener *listener);

/* The TCP port in use; 0 for a Unix socket. */
uint16_t listener_port(const struct listener *listener);

/* Connections now: handshaking and open. */
uint32_t listener_connections(const struct listener *listener);
