/* The agent's desired state: who this node is and what it should be, in memory and on disk.
 *
 * The one owner of both (01-architecture.md, rule 3): the session hands in what the coordinator
 * sent, the reconciler reads a borrowed view. A change is checked, then stored, then seen. It
 * points into itself: never copy it. No network, no kernel. */
#pragma once
#include "agent/state/disk.h"
#include "agent/state/keyring.h"
#include "agent/state/map_build.h"
#include "agent/state/membership.h"
#include "mesh/v1/enrollment.pb-c.h"

struct env;
struct grant_guard;

struct agent_state {
        struct state_dir dir;
        bool has_keys;
        struct keyring keys;
        bool enrolled;
        struct membership membership; /* while enrolled */
        struct map *map;              /* owned; NULL: none yet */
        struct map_build *incoming;   /* owned; chunks of a snapshot so far; NULL: none */
        struct map_owner owner;       /* borrows the two above */
        bool map_unsaved;
        uint64_t clock_floor_ms;    /* newest authenticated time, Unix; 0: none */
        char warning[MAP_TEXT_MAX]; /* what was wrong with the files; "" if nothing */
};

/* Reads everything that lies in the directory PATH; with LOCK it is made and locked first, else
 * nothing is changed there. What is damaged is told in state->warning and treated as missing, the
 * membership included. MESH_EBUSY, MESH_EPERM, MESH_EIO, MESH_ELIMIT; then nothing needs freeing.
 */
int agent_state_open(const char *path, bool lock, struct agent_state *ret_state);

/* Wipes, frees, gives the lock back. */
void agent_state_done(struct agent_state *state);

/* Makes keys if there are none and stores them before anything can use them. */
int agent_state_make_keys(struct agent_state *state, const struct env *env);

/* What only the agent knows of a new membership. */
struct agent_joining {
        const uint8_t *coordinator; /* KEY_BYTES, of the setup key */
        const char *coordinator_name;
        uint16_t coordinator_port;
        const struct ip_endpoint *worked; /* the address that led to the coordinator */
        const struct grant_guard *guard;  /* NULL: the host needs no prefix itself */
        uint16_t wireguard_port;
        uint64_t now_ms; /* Unix time */
};

/* Becomes a member as GRANT says. MESH_EFORMAT for a grant that makes no sense (state->warning is
 * not touched), MESH_EADDRINUSE for one that takes what the guard keeps, else errors of the disk;
 * then the state is as before. */
int agent_state_join(struct agent_state *state, const Mesh__V1__EnrollGrantBody *grant,
                     const struct agent_joining *joining);

/* Takes an authenticated Welcome that came over WORKED: the instance token first of all, then name,
 * addresses, prefixes, pins and the clock floor, durably. MESH_ESTATE: its epoch is older than one
 * that was accepted before (only the token is kept). MESH_EFORMAT; MESH_EADDRINUSE as above. NOW_MS
 * is Unix time; GUARD may be NULL. */
int agent_state_welcome(struct agent_state *state, const Mesh__V1__WelcomeBody *welcome,
                        const struct ip_endpoint *worked, const struct grant_guard *guard,
                        uint64_t now_ms);

/* Takes one chunk of a snapshot. *RET_NEW tells whether a new map stands (after the last chunk).
 * Errors of map_build_add and map_build_finish; the old map stays. TEXT says what was wrong. */
int agent_state_snapshot(struct agent_state *state, const Mesh__V1__Snapshot *chunk, bool *ret_new,
                         char text[static MAP_TEXT_MAX]);

/* Takes a delta. Errors of map_apply_delta; the old map stays. */
int agent_state_delta(struct agent_state *state, const Mesh__V1__Delta *delta,
                      char text[static MAP_TEXT_MAX]);

/* Forgets chunks of a snapshot that never ended; for a new stream. */
void agent_state_drop_incoming(struct agent_state *state);

/* Stores the map if it changed since it was last stored. */
int agent_state_save_map(struct agent_state *state);

/* Notes that an address of the coordinator did not lead to it. In memory; stored with the next
 * Welcome. */
void agent_state_pin_failed(struct agent_state *state, const struct ip_endpoint *endpoint,
                            uint64_t now_ms);

/* Is a member no more: membership, map, keys and the copy of the config are removed from disk and
 * memory, the membership first. Nothing there is fine. */
int agent_state_forget(struct agent_state *state);
