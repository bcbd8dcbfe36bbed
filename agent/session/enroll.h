/* Enrolment: from a setup key to a membership on disk.
 *
 * Races the coordinator's addresses as the Sync session does, and asks each connection for the
 * same thing until one answer proves to come from the coordinator that the key names. A refusal
 * proves nothing (anybody may send one), so it only counts when no other address is left. Failures
 * that pass are retried with the same keys until the time is up. 02-protocol.md, Enrollment. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "common/grpc/status.h"

struct agent_config;
struct agent_state;
struct enroll; /* opaque */
struct env;
struct tls_client;

enum {
        ENROLL_TEXT_LEN_MAX = 512,
        ENROLL_REASON_MAX = 32,
        ENROLL_CALL_MS = 10 * 1000,    /* one answer */
        ENROLL_DEFAULT_MS = 30 * 1000, /* all of it, if the caller names no deadline */
        ENROLL_PORTS = 100,            /* UDP ports tried for WireGuard, from 51820 on */
};

/* How it ended. */
struct enroll_result {
        enum grpc_status status;        /* GRPC_OK: a member; the state says as what */
        bool unchanged;                 /* was one of this mesh already; nothing was sent */
        char reason[ENROLL_REASON_MAX]; /* one word for scripts: "mistyped", "expired"... */
        char text[ENROLL_TEXT_LEN_MAX]; /* names the cure */
};

struct enroll_options {
        uv_loop_t *loop;
        const struct env *env;
        struct tls_client *tls;
        struct agent_state *state;
        const struct agent_config *config;
        const char *setup_key; /* the rest is copied */
        const char *name;      /* NULL or "": from the host's name */
        char *const *tags;
        size_t tag_count;
        uint64_t timeout_ms; /* 0: ENROLL_DEFAULT_MS */

        /* Called once, from the loop, never from inside enroll_start. The enrolment is freed after
         * it returns. */
        void (*done)(void *user, const struct enroll_result *result);
        void *user;
};

/* Begins. Everything but the texts is borrowed until done. Returned owned by itself. MESH_ENOMEM
 * only: whatever else is wrong comes with done. */
int enroll_start(const struct enroll_options *options, struct enroll **ret_enroll);

/* Gives up without done. */
void enroll_cancel(struct enroll *enroll);
