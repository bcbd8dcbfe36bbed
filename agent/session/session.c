/* The Sync session's state machine; see the header. */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/session/session_private.h"
#include "common/buffer.h"
#include "common/env.h"
#include "common/error.h"
#include "common/log.h"
#include "common/printable.h"
#include "proto/channel.h"

#define BIT(n) (1u << (n))

static const char *const state_names[SESSION_STATE_COUNT] = {
        [SESSION_IDLE] = "idle",   [SESSION_DIALLING] = "dialling",   [SESSION_HELLO] = "hello",
        [SESSION_PROOF] = "proof", [SESSION_CONNECTED] = "connected", [SESSION_BACKOFF] = "backoff",
};

static const unsigned may_move[SESSION_STATE_COUNT] = {
        [SESSION_IDLE] = BIT(SESSION_DIALLING),
        [SESSION_DIALLING] = BIT(SESSION_HELLO) | BIT(SESSION_BACKOFF) | BIT(SESSION_IDLE),
        [SESSION_HELLO] = BIT(SESSION_DIALLING) | BIT(SESSION_PROOF) | BIT(SESSION_BACKOFF) |
                          BIT(SESSION_IDLE),
        [SESSION_PROOF] = BIT(SESSION_DIALLING) | BIT(SESSION_HELLO) | BIT(SESSION_CONNECTED) |
                          BIT(SESSION_BACKOFF) | BIT(SESSION_IDLE),
        [SESSION_CONNECTED] = BIT(SESSION_BACKOFF) | BIT(SESSION_IDLE),
        [SESSION_BACKOFF] = BIT(SESSION_DIALLING) | BIT(SESSION_IDLE),
};

const char *session_state_name(enum session_state state)
{
        return state_names[state];
}

/* The only place that changes a session's state. */
void session_enter(struct session *s, enum session_state next)
{
        if (s->state == next)
                return;
        assert(may_move[s->state] & BIT(next));
        log_debug("session: %s -> %s", state_names[s->state], state_names[next]);
        s->state = next;
        s->entered[next]++;
        s->hooks->entered(s->user, next);
}

struct session *session_new(const struct session_hooks *hooks, void *user, const struct env *env)
{
        struct session *s = calloc(1, sizeof(*s));
        if (!s)
                return NULL;
        s->hooks = hooks;
        s->user = user;
        s->env = env;
        s->backoff = (struct backoff){ .min_ms = SESSION_BACKOFF_MIN_MS,
                                       .max_ms = SESSION_BACKOFF_MAX_MS,
                                       .late_ms = SESSION_BACKOFF_LATE_MS,
                                       .late_after_ms = SESSION_LATE_AFTER_MS };
        return s;
}

static void clear_attempts(struct session *s)
{
        for (unsigned i = 0; i < SESSION_ATTEMPTS_MAX; i++)
                attempt_clear(&s->attempts[i]);
}

void session_free(struct session *s)
{
        if (!s)
                return;
        clear_attempts(s);
        free(s);
}

void session_set_error(struct session *s, const char *format, ...)
{
        va_list args;
        va_start(args, format);
        (void)vsnprintf(s->error, sizeof(s->error), format, args);
        va_end(args);
        printable_make(s->error); /* a part of it may be a stranger's */
        s->has_error = true;
}

/* What is gone is gone; the next try comes after a while. */
void session_back_off(struct session *s, uint64_t now_ms)
{
        clear_attempts(s);
        if (s->state == SESSION_CONNECTED && now_ms - s->connected_ms >= SESSION_SETTLED_MS)
                backoff_reset(&s->backoff, now_ms);
        uint64_t wait_ms = backoff_draw(&s->backoff, s->refused, s->env, now_ms);
        s->retry_at_ms = s->network_changed ? now_ms : now_ms + wait_ms;
        s->network_changed = false;
        s->racing = false;
        s->hooks->hang_up(s->user);
        session_enter(s, SESSION_BACKOFF);
}

static void dial(struct session *s, uint64_t now_ms)
{
        s->network_changed = false;
        s->refused = false;
        s->has_error = false;
        s->racing = true;
        session_enter(s, SESSION_DIALLING);
        int err = s->hooks->dial(s->user);
        if (err)
                session_dial_failed(s, err, now_ms);
}

void session_start(struct session *s, uint64_t now_ms)
{
        if (s->state != SESSION_IDLE)
                return;
        s->error[0] = '\0';
        backoff_reset(&s->backoff, now_ms);
        dial(s, now_ms);
}

void session_stop(struct session *s)
{
        if (s->state == SESSION_IDLE)
                return;
        clear_attempts(s);
        s->hooks->hang_up(s->user);
        session_enter(s, SESSION_IDLE);
}

void session_network_changed(struct session *s, bool local_gone, uint64_t now_ms)
{
        switch (s->state) {
        case SESSION_BACKOFF:
                s->retry_at_ms = now_ms;
                break;
        case SESSION_CONNECTED:
                if (!local_gone)
                        break;
                session_set_error(s, "the local address of the connection is gone");
                s->network_changed = true;
                session_back_off(s, now_ms);
                break;
        case SESSION_DIALLING:
        case SESSION_HELLO:
        case SESSION_PROOF:
                s->network_changed = true;
                break;
        case SESSION_IDLE:
        case SESSION_STATE_COUNT:
                break;
        }
}

void session_tick(struct session *s, uint64_t now_ms)
{
        if (s->state == SESSION_BACKOFF && now_ms >= s->retry_at_ms)
                dial(s, now_ms);
        if (s->state == SESSION_CONNECTED && now_ms - s->heard_ms >= SESSION_SILENCE_MS) {
                session_set_error(s, "nothing heard from the coordinator for %d s",
                                  SESSION_SILENCE_MS / 1000);
                session_back_off(s, now_ms);
        }
        for (unsigned i = 0; i < SESSION_ATTEMPTS_MAX; i++)
                if (s->attempts[i].phase != ATTEMPT_FREE && now_ms >= s->attempts[i].deadline_ms)
                        session_fail_attempt(s, i, MESH_ETIMEOUT, now_ms);
}

uint64_t session_next_ms(const struct session *s)
{
        uint64_t next = UINT64_MAX;
        if (s->state == SESSION_BACKOFF)
                next = s->retry_at_ms;
        if (s->state == SESSION_CONNECTED)
                next = s->heard_ms + SESSION_SILENCE_MS;
        for (unsigned i = 0; i < SESSION_ATTEMPTS_MAX; i++)
                if (s->attempts[i].phase != ATTEMPT_FREE && s->attempts[i].deadline_ms < next)
                        next = s->attempts[i].deadline_ms;
        return next;
}

int session_send(struct session *s, const Mesh__V1__AgentMessage *message)
{
        if (s->state != SESSION_CONNECTED)
                return MESH_ESTATE;
        struct buffer frame = buffer_with_max(CHANNEL_FRAME_MAX);
        int err = attempt_seal(&s->attempts[s->open], message, &frame);
        if (!err)
                err = s->hooks->send(s->user, s->open, frame.bytes, frame.len);
        buffer_done(&frame);
        return err;
}

enum session_state session_state(const struct session *s)
{
        return s->state;
}

const struct session_route *session_route(const struct session *s)
{
        return s->state == SESSION_CONNECTED ? &s->attempts[s->open].route : NULL;
}

uint64_t session_heard_ms(const struct session *s)
{
        return s->state == SESSION_CONNECTED ? s->heard_ms : 0;
}

const char *session_error(const struct session *s, bool *ret_refused)
{
        *ret_refused = s->refused;
        return s->error;
}

uint64_t session_entered_count(const struct session *s, enum session_state state)
{
        return s->entered[state];
}
