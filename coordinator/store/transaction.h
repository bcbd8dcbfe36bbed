/* A transaction as the writer sees it: an arena with a list of typed steps.
 *
 * Collected on the loop thread (transaction.c), executed on the writer thread (write.c), freed on
 * the loop thread again, which alone counts references of images. Inside coordinator/store only. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "coordinator/store/store.h"

struct arena;

enum step_kind {
        STEP_PUT_META,
        STEP_PUT_NODE,
        STEP_PUT_TOKENS,
        STEP_DELETE_NODE,
        STEP_PUT_LEASE,
        STEP_DELETE_LEASE,
        STEP_PUT_SETUP_KEY,
        STEP_DELETE_SETUP_KEY,
        STEP_PUT_RESERVATION,
        STEP_DELETE_RESERVATION,
        STEP_PUT_REMOVAL,
        STEP_PUT_CHANGE,
        STEP_PUT_POLICY,
        STEP_PUT_EVENT,
        STEP_KINDS,
};

/* Of name reservations. */
struct reservation_step {
        char name[LABEL_MAX + 1];
        int64_t at_ms;
};

struct step {
        enum step_kind kind;
        void *record; /* in the arena; which type, the kind tells */
        struct step *next;
};

struct store_tx {
        struct arena *arena; /* NULL in a load */
        struct step *first, **last;
        int error; /* of collecting, then of writing */
        bool chained;
        uint64_t era;
        void (*done)(void *user, int err);
        void *user;

        bool is_load;
        void (*loaded)(void *user, int err, struct store_image *image);
        struct store_image *image;

        struct store_tx *next; /* in a queue */
};
