/* In which order and when to try addresses: a sans-IO engine, after RFC 8305 section 5.
 *
 * Candidates come from pins (known from the start) and from a resolver (which may answer late,
 * never, or with lies); the two sources are interleaved, pins first. The next candidate starts
 * RACE_STAGGER_MS after the one before, or at once when one failed. A connection is not the end of
 * the race: only the caller can tell, by a proof of identity, whether it reached the right host; so
 * a connected candidate only slows the race down (RACE_PROOF_MS) and the race goes on until the
 * caller stops asking. Driven by dial.c and by the simulation. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"

enum {
        RACE_CANDIDATES_MAX = 32, /* more are dropped: both sources may be hostile */
        RACE_STAGGER_MS = 250,
        RACE_PROOF_MS = 500,
};

enum race_via { RACE_VIA_PIN, RACE_VIA_RESOLVER };

/* "pin" or "resolver". Static. */
const char *race_via_name(enum race_via via);

enum race_state { RACE_WAITING, RACE_CONNECTING, RACE_CONNECTED, RACE_FAILED };

struct race_candidate {
        struct ip_endpoint address;
        enum race_via via;
        enum race_state state;
};

struct race {
        struct race_candidate candidates[RACE_CANDIDATES_MAX];
        size_t count;
        bool resolving;      /* the resolver may still add some */
        bool began;          /* a candidate was started */
        enum race_via last;  /* source of the one started last */
        uint64_t next_at_ms; /* the next may not start before */
};

/* An empty race at NOW_MS. RESOLVING: race_resolved will be called. */
void race_init(struct race *race, bool resolving, uint64_t now_ms);

/* Adds a candidate unless the address is there already or the table is full. */
void race_add(struct race *race, const struct ip_endpoint *address, enum race_via via);

/* The resolver is done (with or without addresses, added before). */
void race_resolved(struct race *race);

/* What became of candidate INDEX: connected, or failed (also: connected, and then rejected by the
 * caller or closed by the other side). */
void race_connected(struct race *race, size_t index, uint64_t now_ms);
void race_failed(struct race *race, size_t index, uint64_t now_ms);

/* The candidate to start now; it is marked as connecting. False: none now. */
bool race_start_next(struct race *race, uint64_t now_ms, size_t *ret_index);

/* When race_start_next has something to start: a time, or UINT64_MAX: only after an event. */
uint64_t race_next_ms(const struct race *race);

/* Whether every candidate failed and no more can come. */
bool race_is_lost(const struct race *race);
