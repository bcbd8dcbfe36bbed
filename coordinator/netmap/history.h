/* The log of changes, and what it can tell of the past. Inside netmap only.
 *
 * Bounded; undoing it from the present state gives the state at any generation that it reaches
 * back to. */
#pragma once
#include "coordinator/netmap/view.h"

struct log_row {
        uint64_t generation;
        uint8_t log_hash[KEY_BYTES];
        bool is_policy;
        uint8_t id[NODE_ID_BYTES];
        struct member *before;        /* one reference; NULL: there was none */
        struct netmap_policy *policy; /* before a policy change; one reference */
};

struct change_log {
        struct log_row *rows; /* a ring of NETMAP_LOG_MAX */
        size_t first, count;  /* without gaps */
};

/* MESH_ENOMEM. */
int change_log_init(struct change_log *log);
void change_log_done(struct change_log *log);
void change_log_clear(struct change_log *log);
/* Appends the next generation; the oldest row goes when the log is full. */
void change_log_add(struct change_log *log, const struct netmap_change *change);
/* NULL if it is not there (any more). */
const struct log_row *change_log_find(const struct change_log *log, uint64_t generation);

/* Members touched after generation FROM: as they were then, and as they are. */
struct history {
        bool valid;
        uint64_t from, to;
        struct netmap_policy *policy; /* that was live at FROM; one reference */
        struct view before;           /* the touched members that were there */
        struct view after;            /* those that are */
        struct view whole;            /* everybody at FROM, if asked for; else without policy */
};

/* Fills *H for the changes after FROM up to the present state NOW at generation TO; keeps what it
 * has if that is it already. MESH_ENOENT: the log does not reach back; MESH_ENOMEM. */
int history_since(struct history *h, const struct change_log *log, const struct view *now,
                  uint64_t from, uint64_t to);

/* Rebuilds the whole state at H->from. MESH_ENOMEM. */
int history_whole(struct history *h, const struct view *now);
void history_done(struct history *h);
