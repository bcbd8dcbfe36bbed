/* One open Sync call; see sync.c. Not for others than sync*.c and streams.c. */
#pragma once
#include "coordinator/api/internal.h"

/* Moves: each only to the next, or to CLOSED. */
enum sync_state {
        SYNC_HELLO,      /* Hello is out; AgentHello is awaited */
        SYNC_PROOF,      /* Proof is awaited */
        SYNC_CONNECTING, /* the registry stores the next instance token */
        SYNC_OPEN,
        SYNC_LEAVING, /* Leave came; the registry stores it */
        SYNC_CLOSED,
};

/* What a member may cause at once; the rest waits for the next interval, in which the newest
 * counts.
 */
enum { SYNC_BUDGET = 4, SYNC_BUDGET_MS = 10000 };

struct sync_budget {
        uint64_t began_ms;
        unsigned used;
};

struct sync_stream {
        struct sync_stream *next, *previous; /* in api->streams */
        struct sync_stream *next_of_bucket;  /* in api->by_node, while bound */
        struct sync_stream *older, *newer;   /* among the handshakes, while in one */
        bool in_handshake;
        struct api *api;
        struct grpc_call *call; /* held */
        struct channel *channel;
        struct netmap_stream *map;   /* while open */
        struct registry_call change; /* while connecting or leaving */
        bool change_pending, bound, dirty;
        enum sync_state state;
        uint8_t node_id[NODE_ID_BYTES];
        uint64_t began_ms, heard_ms, beat_ms;
        uint64_t beats;
        struct position position; /* of the Proof */
        bool has_position;
        struct sync_budget reports, snapshots;
        bool report_waits, snapshot_waits;
        struct ip_endpoint reported[MEMBER_MAX_ENDPOINTS]; /* in the newest Report */
        size_t reported_count;
        char source[NET_PEER_TEXT_MAX];
};

/* Handles one plain message of an open stream. */
void sync_take_message(struct sync_stream *s, const uint8_t *bytes, size_t len);

/* Seals and sends a CoordinatorMessage. False if the stream was ended instead. */
bool sync_send(struct sync_stream *s, const void *bytes, size_t len);
bool sync_send_message(struct sync_stream *s, const Mesh__V1__CoordinatorMessage *message);

/* Sends what the map has for it while the transport has room. */
void sync_pump(struct sync_stream *s);

/* Heartbeat, silence and the handshake's time. */
void sync_tick(struct sync_stream *s, uint64_t now_ms);

/* Ends the call with a status; the stream is freed in `closed`. */
void sync_end(struct sync_stream *s, enum grpc_status status, const char *reason,
              const char *message);

/* The only door to the state. */
void sync_enter(struct sync_stream *s, enum sync_state next);
