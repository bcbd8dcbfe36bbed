/* The session's struct, shared by its two files: session.c (states, waiting, sending) and
 * session_race.c (connections on their way to be the stream). For nobody else. */
#pragma once
#include "agent/session/attempt.h"
#include "agent/session/backoff.h"
#include "agent/session/session.h"

struct session {
        const struct session_hooks *hooks;
        void *user;
        const struct env *env;
        enum session_state state;
        uint64_t entered[SESSION_STATE_COUNT];
        struct attempt attempts[SESSION_ATTEMPTS_MAX];
        bool racing;   /* the dial may still bring connections */
        unsigned open; /* the attempt that is connected */
        struct backoff backoff;
        uint64_t retry_at_ms;  /* in backoff */
        uint64_t heard_ms;     /* last frame */
        uint64_t connected_ms; /* since when */
        bool network_changed;  /* while dialling: try again at once after a failure */
        bool refused;          /* in the last round */
        bool has_error;        /* `error` is of this round */
        char error[SESSION_TEXT_MAX];
};

/* The only place that changes a session's state. */
void session_enter(struct session *s, enum session_state next);

/* Hangs up; the next try comes after a while. */
void session_back_off(struct session *s, uint64_t now_ms);

/* Why the present try failed, for status. */
void session_set_error(struct session *s, const char *format, ...)
        __attribute__((format(printf, 2, 3)));

/* Attempt INDEX failed with ERR: the race goes on without it, or the stream is over. */
void session_fail_attempt(struct session *s, unsigned index, int err, uint64_t now_ms);
