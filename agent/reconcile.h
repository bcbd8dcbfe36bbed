/* Makes the host what the desired state says, and says what it runs.
 *
 * Firewall first, then interface: a peer never appears before the rules that judge it. Requests
 * within one turn of the loop are one pass; a pass that fails is repeated with backoff. The kernel
 * is reached only through the two doors, firewall/nft and agent/apply. Caller: agent.c. */
#pragma once
#include <stdbool.h>
#include <uv.h>

#include "agent/desired.h"

struct env;
struct reconcile; /* opaque */

/* The ways to the kernel; tests pass their own. */
struct reconcile_doors {
        int (*firewall)(const struct firewall_input *in, struct firewall_result *ret_result);
        int (*interface)(const struct apply_desired *desired, struct apply_result *ret_result);
};

/* What the last pass left. */
struct reconcile_report {
        uint64_t passes;
        uint64_t generation;            /* of the map that runs; 0: none */
        uint8_t policy_hash[KEY_BYTES]; /* that runs */
        uint8_t access_hash[KEY_BYTES]; /* that runs */
        bool has_ruleset;               /* the kernel holds a table of ours */
        uint8_t ruleset_hash[FIREWALL_HASH_BYTES];
        const char *backend; /* "kernel", "userspace"; "" before it is known */
        uint16_t listen_port;
        char firewall_error[FIREWALL_ERROR_TEXT_MAX]; /* "" after success */
        char apply_error[APPLY_TEXT_MAX];
};

struct reconcile_options {
        uv_loop_t *loop;
        const struct env *env;
        const struct agent_state *state;
        const struct agent_config *config;
        const struct reconcile_doors *doors; /* NULL: the kernel */
        void (*done)(void *user);            /* after each pass; may be NULL */
        void *user;
};

/* Everything in OPTIONS is borrowed. Returned owned. MESH_ENOMEM. */
int reconcile_new(const struct reconcile_options *options, struct reconcile **ret_reconcile);

/* Stops; the memory goes with the loop. Nothing in the kernel changes. NULL is allowed. */
void reconcile_close(struct reconcile *r);

/* Does a pass before the loop waits again. */
void reconcile_request(struct reconcile *r);

/* Does a pass now. Nothing at all unless enrolled. Returns 0 or the first error, which
 * reconcile_report describes. */
int reconcile_run(struct reconcile *r);

/* The host's network changed: asks for a pass if the host came to IPv6 or lost it, because peers'
 * endpoints are chosen by that. */
void reconcile_host_changed(struct reconcile *r);

/* From the next pass on and for a few seconds peers are greeted, so that those which still hold a
 * session with this host's life before notice: WireGuard alone would take them 15 s. */
void reconcile_greet(struct reconcile *r);

/* Forgets what was asked of the kernel; for a membership that ended. */
void reconcile_forget(struct reconcile *r);

/* What the last pass left; borrowed. */
const struct reconcile_report *reconcile_report(const struct reconcile *r);
