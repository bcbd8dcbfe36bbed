/* The Sync session with the coordinator: a state machine, sans I/O.
 *
 *   idle -> dialling -> hello -> proof -> connected -> backoff -> dialling ...
 *
 * Frames, events and time go in; frames and requests come out through the hooks. It decides when
 * to dial, which of several connections proved the coordinator's identity, when silence means
 * death, and how long to wait before the next try. It knows nothing of sockets (uplink.c is the
 * shell), files (state/) or kernels. Hooks are called from inside the functions here and may call
 * session_send, but nothing else of the session. 02-protocol.md, "Agent.Sync". */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/grpc/status.h"
#include "mesh/v1/agent.pb-c.h"
#include "proto/key.h"
#include "proto/position.h"

struct env;
struct session; /* opaque */

enum {
        SESSION_ATTEMPTS_MAX = 4,       /* connections that are proving themselves at a time */
        SESSION_HELLO_MS = 5 * 1000,    /* from a connection to the coordinator's Hello */
        SESSION_PROOF_MS = 5 * 1000,    /* from Proof to Welcome */
        SESSION_SILENCE_MS = 30 * 1000, /* without any frame: the stream is dead */
        SESSION_SETTLED_MS = 10 * 1000, /* connected so long: the next loss starts from 1 s again */
        SESSION_BACKOFF_MIN_MS = 1000,
        SESSION_BACKOFF_MAX_MS = 15 * 1000,
        SESSION_BACKOFF_LATE_MS = 60 * 1000, /* after an hour without success, or when refused */
        SESSION_LATE_AFTER_MS = 3600 * 1000,
        SESSION_TEXT_MAX = 256,
        SESSION_MESSAGE_ARENA_MAX = 16 * 1024 * 1024, /* one unpacked message */
};

enum session_state {
        SESSION_IDLE,      /* not enrolled, or stopped */
        SESSION_DIALLING,  /* no connection yet */
        SESSION_HELLO,     /* connected; the coordinator has not proved itself */
        SESSION_PROOF,     /* it has; this node's Proof is on its way */
        SESSION_CONNECTED, /* welcome; frames flow */
        SESSION_BACKOFF,   /* waiting for the next try */
        SESSION_STATE_COUNT
};

/* "idle", "dialling"...; static. */
const char *session_state_name(enum session_state state);

/* Where a connection leads. */
struct session_route {
        struct ip_endpoint local, remote;
        const char *via;      /* "pin" or "resolver"; static */
        char certificate[96]; /* "valid", or what the trust store says */
};

/* What a Proof says of this node; all borrowed for the moment. */
struct session_self {
        const struct identity *identity;
        const uint8_t *coordinator;      /* KEY_BYTES: the pinned identity */
        const uint8_t *node_id;          /* NODE_ID_BYTES */
        const uint8_t *token;            /* INSTANCE_TOKEN_BYTES; NULL: the first connection */
        const struct position *position; /* NULL: a snapshot is wanted */
};

struct session_hooks {
        /* Fills *RET_SELF. */
        void (*describe)(void *user, struct session_self *ret_self);

        /* Starts to race addresses: session_opened for each connection, session_dial_failed once
         * nothing is left. An error counts as session_dial_failed. */
        int (*dial)(void *user);

        /* Queues a frame on connection ATTEMPT. */
        int (*send)(void *user, unsigned attempt, const uint8_t *frame, size_t len);

        /* ATTEMPT led to the coordinator: the race is over, the others are closed. */
        void (*accept)(void *user, unsigned attempt);

        /* ATTEMPT is not the coordinator, or will not have us: close it, go on with the race. */
        void (*reject)(void *user, unsigned attempt);

        /* Close everything: race and connections. */
        void (*hang_up)(void *user);

        /* The authenticated Welcome: store it durably before returning 0. MESH_ESTATE: its epoch
         * is older than one seen before. */
        int (*welcomed)(void *user, const Mesh__V1__WelcomeBody *welcome,
                        const struct session_route *route);

        /* A message other than a heartbeat; borrowed for the call. */
        void (*received)(void *user, const Mesh__V1__CoordinatorMessage *message);

        /* The coordinator's heartbeat was answered: a moment when the host is awake anyway. */
        void (*beat)(void *user);

        /* The state is another one now. */
        void (*entered)(void *user, enum session_state state);
};

/* An idle session. HOOKS and ENV are borrowed. Returned owned; NULL when out of memory. */
struct session *session_new(const struct session_hooks *hooks, void *user, const struct env *env);

/* Wipes and frees without any hook; NULL is allowed. */
void session_free(struct session *s);

/* Begins to connect. Nothing happens unless idle. */
void session_start(struct session *s, uint64_t now_ms);

/* Hangs up and is idle. */
void session_stop(struct session *s);

/* A connection of the race is open. *RET_ATTEMPT is its number from now on, free again after reject
 * or session_closed. MESH_ELIMIT: too many at a time; MESH_ESTATE: none is wanted. */
int session_opened(struct session *s, const struct session_route *route, uint64_t now_ms,
                   unsigned *ret_attempt);

/* A frame came. */
void session_received(struct session *s, unsigned attempt, const uint8_t *frame, size_t len,
                      uint64_t now_ms);

/* The connection or its stream ended, as the other side or the transport says. TEXT may be NULL. */
void session_closed(struct session *s, unsigned attempt, enum grpc_status status, const char *text,
                    uint64_t now_ms);

/* The race is over without a winner; connections that were handed up may still prove themselves.
 * ERR is the last failure. */
void session_dial_failed(struct session *s, int err, uint64_t now_ms);

/* The kernel reports a new address, route or link: try at once. LOCAL_GONE: the local address of
 * the connection is no longer on this host, so it is dead. */
void session_network_changed(struct session *s, bool local_gone, uint64_t now_ms);

/* Does what is due. session_next_ms tells when to call it; UINT64_MAX: only after an event. */
void session_tick(struct session *s, uint64_t now_ms);
uint64_t session_next_ms(const struct session *s);

/* Seals and sends a message. MESH_ESTATE unless connected; MESH_ELIMIT, MESH_ENOMEM. */
int session_send(struct session *s, const Mesh__V1__AgentMessage *message);

/* Where the session is now. */
enum session_state session_state(const struct session *s);

/* Where the connection leads, borrowed; NULL unless connected. */
const struct session_route *session_route(const struct session *s);

/* When the last frame came (monotonic); 0 unless connected. */
uint64_t session_heard_ms(const struct session *s);

/* Why the last try failed, borrowed; "" after a success. REFUSED is set if the coordinator will not
 * have this node (removed, a clone, an older epoch): a person must act. */
const char *session_error(const struct session *s, bool *ret_refused);

/* How often STATE was entered. */
uint64_t session_entered_count(const struct session *s, enum session_state state);
