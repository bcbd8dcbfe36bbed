/* The Sync session's state machine; see the header. */
#include "agent/session/session.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/session/attempt.h"
#include "agent/session/backoff.h"
#include "common/arena.h"
#include "common/buffer.h"
#include "common/env.h"
#include "common/error.h"
#include "common/log.h"
#include "proto/channel.h"

#define BIT(n) (1u << (n))

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
static void enter(struct session *s, enum session_state next)
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

static void __attribute__((format(printf, 2, 3)))
set_error(struct session *s, const char *format, ...)
{
        va_list args;
        va_start(args, format);
        (void)vsnprintf(s->error, sizeof(s->error), format, args);
        va_end(args);
        s->has_error = true;
}

/* What is gone is gone; the next try comes after a while. */
static void back_off(struct session *s, uint64_t now_ms)
{
        clear_attempts(s);
        if (s->state == SESSION_CONNECTED && now_ms - s->connected_ms >= SESSION_SETTLED_MS)
                backoff_reset(&s->backoff, now_ms);
        uint64_t wait_ms = backoff_draw(&s->backoff, s->refused, s->env, now_ms);
        s->retry_at_ms = s->network_changed ? now_ms : now_ms + wait_ms;
        s->network_changed = false;
        s->racing = false;
        s->hooks->hang_up(s->user);
        enter(s, SESSION_BACKOFF);
}

static void dial(struct session *s, uint64_t now_ms)
{
        s->network_changed = false;
        s->refused = false;
        s->has_error = false;
        s->racing = true;
        enter(s, SESSION_DIALLING);
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
        enter(s, SESSION_IDLE);
}

/* The state that the attempts amount to, until one is connected. */
static void settle(struct session *s)
{
        enum session_state state = SESSION_DIALLING;
        for (unsigned i = 0; i < SESSION_ATTEMPTS_MAX; i++) {
                enum attempt_phase phase = s->attempts[i].phase;
                if (phase == ATTEMPT_PROOF)
                        state = SESSION_PROOF;
                else if (phase != ATTEMPT_FREE && state == SESSION_DIALLING)
                        state = SESSION_HELLO;
        }
        if (s->state != SESSION_CONNECTED && s->state != SESSION_BACKOFF &&
            s->state != SESSION_IDLE)
                enter(s, state);
}

int session_opened(struct session *s, const struct session_route *route, uint64_t now_ms,
                   unsigned *ret_attempt)
{
        if (s->state != SESSION_DIALLING && s->state != SESSION_HELLO && s->state != SESSION_PROOF)
                return MESH_ESTATE;
        struct session_self self;
        s->hooks->describe(s->user, &self);
        for (unsigned i = 0; i < SESSION_ATTEMPTS_MAX; i++) {
                struct attempt *attempt = &s->attempts[i];
                if (attempt->phase != ATTEMPT_FREE)
                        continue;
                int err = attempt_init(attempt, self.coordinator, route, s->env);
                if (err)
                        return err;
                attempt->deadline_ms = now_ms + SESSION_HELLO_MS;
                *ret_attempt = i;
                settle(s);
                return 0;
        }
        return MESH_ELIMIT;
}

static int send_proof(struct session *s, unsigned index, uint64_t now_ms);

/* One Proof at a time: two streams of one node would replace each other. */
static void give_turn(struct session *s, uint64_t now_ms)
{
        for (unsigned i = 0; i < SESSION_ATTEMPTS_MAX; i++)
                if (s->attempts[i].phase == ATTEMPT_PROOF || s->attempts[i].phase == ATTEMPT_OPEN)
                        return;
        for (unsigned i = 0; i < SESSION_ATTEMPTS_MAX; i++)
                if (s->attempts[i].phase == ATTEMPT_PROVED && send_proof(s, i, now_ms) == 0)
                        return;
}

static bool has_attempts(const struct session *s)
{
        for (unsigned i = 0; i < SESSION_ATTEMPTS_MAX; i++)
                if (s->attempts[i].phase != ATTEMPT_FREE)
                        return true;
        return false;
}

/* The attempt is over; the race goes on, if there is still one. */
static void drop_attempt(struct session *s, unsigned index, uint64_t now_ms)
{
        attempt_clear(&s->attempts[index]);
        s->hooks->reject(s->user, index);
        give_turn(s, now_ms);
        if (s->racing || has_attempts(s))
                settle(s);
        else
                back_off(s, now_ms);
}

static void fail_attempt(struct session *s, unsigned index, int err, uint64_t now_ms)
{
        const struct attempt *attempt = &s->attempts[index];
        char text[IP_TEXT_MAX];
        set_error(s, "%s: %s", ip_endpoint_format(&attempt->route.remote, text),
                  err == MESH_EAUTH ? "answers, but is not this mesh's coordinator"
                                    : mesh_strerror(err));
        if (attempt->phase == ATTEMPT_OPEN)
                back_off(s, now_ms);
        else
                drop_attempt(s, index, now_ms);
}

static int send_proof(struct session *s, unsigned index, uint64_t now_ms)
{
        struct attempt *attempt = &s->attempts[index];
        struct buffer frame = buffer_with_max(CHANNEL_HANDSHAKE_MAX);
        struct session_self self;
        s->hooks->describe(s->user, &self);
        int err = attempt_make_proof(attempt, &self, &frame);
        if (!err)
                err = s->hooks->send(s->user, index, frame.bytes, frame.len);
        buffer_done(&frame);
        if (err)
                return err;
        attempt->phase = ATTEMPT_PROOF;
        attempt->deadline_ms = now_ms + SESSION_PROOF_MS;
        settle(s);
        return 0;
}

static int on_hello(struct session *s, unsigned index, const uint8_t *frame, size_t len,
                    uint64_t now_ms)
{
        struct attempt *attempt = &s->attempts[index];
        struct buffer answer = buffer_with_max(CHANNEL_HELLO_MAX);
        int err = channel_hello_read(attempt->channel, frame, len, &answer);
        if (!err)
                err = s->hooks->send(s->user, index, answer.bytes, answer.len);
        buffer_done(&answer);
        if (err)
                return err;
        attempt->phase = ATTEMPT_PROVED;
        attempt->deadline_ms = UINT64_MAX;
        give_turn(s, now_ms);
        return 0;
}

/* The race is over; every other connection goes. */
static void connect_through(struct session *s, unsigned index, uint64_t now_ms)
{
        for (unsigned i = 0; i < SESSION_ATTEMPTS_MAX; i++)
                if (i != index)
                        attempt_clear(&s->attempts[i]);
        s->racing = false;
        s->attempts[index].phase = ATTEMPT_OPEN;
        s->attempts[index].deadline_ms = UINT64_MAX;
        s->open = index;
        s->connected_ms = now_ms;
        s->refused = false;
        s->error[0] = '\0';
        s->hooks->accept(s->user, index);
        enter(s, SESSION_CONNECTED);
}

static int on_welcome(struct session *s, unsigned index, const uint8_t *frame, size_t len,
                      uint64_t now_ms)
{
        struct attempt *attempt = &s->attempts[index];
        const Mesh__V1__WelcomeBody *body;
        struct arena *arena = arena_new(CHANNEL_ARENA_BYTES);
        if (!arena)
                return MESH_ENOMEM;
        int err = channel_welcome_read(attempt->channel, frame, len, arena, &body);
        if (!err)
                err = s->hooks->welcomed(s->user, body, &attempt->route);
        arena_free(arena);
        if (!err)
                connect_through(s, index, now_ms);
        if (err == MESH_ESTATE) {
                s->refused = true;
                set_error(s, "the coordinator went back to an older state than this node has "
                             "seen; not followed");
                back_off(s, now_ms);
                return 0;
        }
        return err;
}

static int on_heartbeat(struct session *s, const Mesh__V1__Heartbeat *heartbeat)
{
        Mesh__V1__AgentMessage message;
        Mesh__V1__Heartbeat answer;
        mesh__v1__agent_message__init(&message);
        mesh__v1__heartbeat__init(&answer);
        answer.counter = heartbeat->counter;
        message.body_case = MESH__V1__AGENT_MESSAGE__BODY_HEARTBEAT;
        message.heartbeat = &answer;
        int err = session_send(s, &message);
        if (!err)
                s->hooks->beat(s->user);
        return err;
}

static int on_message(struct session *s, const uint8_t *frame, size_t len)
{
        const Mesh__V1__CoordinatorMessage *message;
        struct arena *arena = arena_new(SESSION_MESSAGE_ARENA_MAX);
        if (!arena)
                return MESH_ENOMEM;
        int err = attempt_unseal(&s->attempts[s->open], frame, len, arena, &message);
        if (!err && message->body_case == MESH__V1__COORDINATOR_MESSAGE__BODY_HEARTBEAT)
                err = on_heartbeat(s, message->heartbeat);
        else if (!err)
                s->hooks->received(s->user, message);
        arena_free(arena);
        return err;
}

void session_received(struct session *s, unsigned attempt, const uint8_t *frame, size_t len,
                      uint64_t now_ms)
{
        int err = 0;
        switch (s->attempts[attempt].phase) {
        case ATTEMPT_HELLO:
                err = on_hello(s, attempt, frame, len, now_ms);
                break;
        case ATTEMPT_PROOF:
                s->heard_ms = now_ms;
                err = on_welcome(s, attempt, frame, len, now_ms);
                break;
        case ATTEMPT_OPEN:
                s->heard_ms = now_ms;
                err = on_message(s, frame, len);
                break;
        case ATTEMPT_PROVED:
                err = MESH_EPROTO; /* nothing may come before our Proof */
                break;
        case ATTEMPT_FREE:
                break;
        }
        if (err)
                fail_attempt(s, attempt, err, now_ms);
}

/* Statuses by which a coordinator says: not you. */
static bool is_refusal(enum grpc_status status)
{
        return status == GRPC_UNAUTHENTICATED || status == GRPC_PERMISSION_DENIED ||
               status == GRPC_FAILED_PRECONDITION;
}

void session_closed(struct session *s, unsigned attempt, enum grpc_status status, const char *text,
                    uint64_t now_ms)
{
        enum attempt_phase phase = s->attempts[attempt].phase;
        if (phase == ATTEMPT_FREE)
                return;
        /* Only one that has proved to be the coordinator can refuse. */
        bool refused = (phase == ATTEMPT_PROOF || phase == ATTEMPT_OPEN) && is_refusal(status);
        char remote[IP_TEXT_MAX];
        if (!text || !text[0])
                text = status == GRPC_OK ? "the coordinator ended the stream"
                                         : grpc_status_name(status);
        set_error(s, "%s: %s", ip_endpoint_format(&s->attempts[attempt].route.remote, remote),
                  text);
        s->refused = refused;
        if (phase == ATTEMPT_OPEN || refused)
                back_off(s, now_ms);
        else
                drop_attempt(s, attempt, now_ms);
}

void session_dial_failed(struct session *s, int err, uint64_t now_ms)
{
        if (s->state != SESSION_DIALLING && s->state != SESSION_HELLO && s->state != SESSION_PROOF)
                return;
        s->racing = false;
        if (has_attempts(s))
                return; /* one that was handed up may still prove itself */
        if (!s->has_error)
                set_error(s, "no address of the coordinator answers: %s", mesh_strerror(err));
        back_off(s, now_ms);
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
                set_error(s, "the local address of the connection is gone");
                s->network_changed = true;
                back_off(s, now_ms);
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
                set_error(s, "nothing heard from the coordinator for %d s",
                          SESSION_SILENCE_MS / 1000);
                back_off(s, now_ms);
        }
        for (unsigned i = 0; i < SESSION_ATTEMPTS_MAX; i++)
                if (s->attempts[i].phase != ATTEMPT_FREE && now_ms >= s->attempts[i].deadline_ms)
                        fail_attempt(s, i, MESH_ETIMEOUT, now_ms);
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
