/* The netmap's own state, shared by netmap.c and stream.c. Inside netmap only. */
#pragma once
#include "coordinator/netmap/history.h"

struct arena;
struct snapshot;

struct netmap {
        struct netmap_callbacks callbacks;
        struct view view;
        struct change_log log;
        struct history history; /* the last one asked for: many streams ask for the same */
        struct arena *arena;    /* of one message */
        struct position_key position_key;
        uint64_t epoch_start_ms, epoch_random, generation;
        uint8_t log_hash[KEY_BYTES];
};

struct netmap_stream {
        struct netmap *nm;
        uint8_t id[NODE_ID_BYTES];
        void *user;
        uint64_t told;        /* the generation that the member has, or will have */
        uint64_t dirty_since; /* the first one after it that concerns it; 0: none */
        bool wants_snapshot;  /* as soon as none is being sent: a receiver cannot tell two apart */
        struct snapshot *snapshot;         /* being sent, of generation `told` */
        struct position snapshot_position; /* that it ends with */
        bool gone;
        struct netmap_stream *next; /* of the same member */
};

/* A snapshot follows, as soon as none is being sent; wakes the stream. */
void stream_start_snapshot(struct netmap_stream *s);
