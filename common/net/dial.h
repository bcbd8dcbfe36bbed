/* Connects to a coordinator by racing its pinned addresses against its name, up to proof.
 *
 * Pins start at once; the name is resolved beside them in libuv's thread pool and never waited for
 * (race.h has the order). An address that connects may still be a liar, since DNS can lie. So every
 * connection is handed up, several in parallel if need be, while the race slowly goes on: the
 * caller runs its proof of identity on each, and then either
 *   - dial_accept(dial, transport): this is the one; the others are closed, the race is over; or
 *   - dial_reject(dial, transport): a liar; it is closed and the next candidate starts at once.
 * A handed-up transport that closes by itself counts as rejected if the caller says so with
 * dial_reject in its close event. With DNS dead or lying a working pin is connected in one round
 * trip, and a dead pin delays the next address by 250 ms. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "common/net/race.h"

struct dial; /* opaque */
struct tls_client;
struct transport;

struct dial_options {
        const char *host; /* name or address; NULL: only pins */
        uint16_t port;    /* for HOST */
        const struct ip_endpoint *pins;
        size_t pin_count;
        struct tls_client *tls; /* borrowed until the end of the dial; NULL: plain */
        const char *tls_name;   /* what certificates are checked against; NULL: HOST */
        uint32_t handshake_ms;  /* per candidate; 0: TRANSPORT_HANDSHAKE_MS */
        uint32_t timeout_ms;    /* for all of it, while nothing is accepted; 0: 20 s */
};

struct dial_events {
        /* TRANSPORT is open; the receiver must call transport_listen_to in it. Where it came from
         * is borrowed for the call. */
        void (*connected)(void *user, struct dial *dial, struct transport *transport,
                          const struct race_candidate *from);

        /* Nothing is left to try, or time is up. The dial is freed after the call returns;
         * transports that were handed up and not rejected live on. ERR is the last failure. */
        void (*failed)(void *user, struct dial *dial, int err);
};

/* Starts. OPTIONS is copied, EVENTS borrowed. No event is called before this returns. Returned
 * owned by itself: it ends with dial_accept, dial_cancel or failed. MESH_EINVAL without any
 * candidate. */
int dial_start(uv_loop_t *loop, const struct dial_options *options,
               const struct dial_events *events, void *user, struct dial **ret_dial);

/* The race is won by TRANSPORT (handed up before): attempts in progress and the other handed-up
 * transports are closed, the dial is freed. */
void dial_accept(struct dial *dial, struct transport *transport);

/* TRANSPORT (handed up before) is not the right one: closes it, unless it is being closed, and goes
 * on with the next candidate at once. May call failed, from the loop, later. */
void dial_reject(struct dial *dial, struct transport *transport);

/* Gives up: closes everything, including transports handed up, and frees the dial. */
void dial_cancel(struct dial *dial);
