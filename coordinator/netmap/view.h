/* A state of the mesh: its members, each with its class under one policy. Inside netmap only.
 *
 * The live state is one; the state at an older generation, rebuilt from the log, is another. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coordinator/netmap/netmap.h"

/* Members that no rule of one policy tells apart share one. */
struct class_ref {
        uint32_t refs;
        struct policy_class *value;   /* owned */
        struct netmap_policy *policy; /* one reference: keeps what VALUE speaks of */
        bool mark;                    /* scratch of one pass over a view... */
        size_t place;                 /* ...and this too: in the view's classes */
        struct class_access
                *access; /* owned; what its members let in (access.h); NULL: not known */
};

struct view_entry {
        struct member *member;   /* one reference */
        struct class_ref *class; /* one reference */
        uint64_t wanted_generation;
        struct netmap_stream *streams; /* of the live view only */
};

struct view {
        struct netmap_policy *policy; /* one reference */
        struct class_ref **classes;   /* one reference each; sorted by policy_class_compare */
        size_t class_count, class_capacity;
        struct view_entry *entries; /* sorted by id */
        size_t count, capacity;
};

/* Gives a reference back; NULL is allowed. */
void class_unref(struct class_ref *class);
/* Takes one more and returns CLASS; NULL stays NULL. */
struct class_ref *class_ref_take(struct class_ref *class);

/* Whether members of the two classes may know of each other. */
bool class_sees(const struct class_ref *a, const struct class_ref *b);

/* An empty view under POLICY (a reference is taken). */
void view_init(struct view *v, struct netmap_policy *policy);
void view_done(struct view *v);

/* MEMBER's class under the view's policy, with one reference. MESH_ENOMEM. */
int view_classify(struct view *v, const struct member *member, struct class_ref **ret_class);

/* Moves to another policy and classifies everybody anew. MESH_ENOMEM: nothing was changed. */
int view_set_policy(struct view *v, struct netmap_policy *policy);

/* The entry of ID; NULL if there is none. Borrowed until the view changes. */
struct view_entry *view_find(const struct view *v, const uint8_t id[static NODE_ID_BYTES]);

/* Inserts or replaces; takes references. MESH_ENOMEM: nothing was changed. */
int view_put(struct view *v, const struct member *member);
void view_remove(struct view *v, const uint8_t id[static NODE_ID_BYTES]);
