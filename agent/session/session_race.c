/* The session's connections: from the race to the one that is the stream; see session.h.
 *
 * Each has to prove the coordinator's identity; only one at a time gets this node's Proof. What
 * comes in on the one that won is read here, too. States and time are session.c's. */
#include "agent/session/session_private.h"
#include "common/arena.h"
#include "common/buffer.h"
#include "common/error.h"
#include "proto/channel.h"

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
                session_enter(s, state);
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
                session_back_off(s, now_ms);
}

void session_fail_attempt(struct session *s, unsigned index, int err, uint64_t now_ms)
{
        const struct attempt *attempt = &s->attempts[index];
        char text[IP_TEXT_MAX];
        if (!s->refused) /* a refusal says more than what else failed */
                session_set_error(s, "%s: %s", ip_endpoint_format(&attempt->route.remote, text),
                                  err == MESH_EAUTH ? "answers, but is not this mesh's coordinator"
                                                    : mesh_strerror(err));
        if (attempt->phase == ATTEMPT_OPEN)
                session_back_off(s, now_ms);
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
        if (err && err != MESH_ENOMEM)
                err = MESH_EAUTH; /* whatever is wrong with it: it has not proved itself */
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
        session_enter(s, SESSION_CONNECTED);
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
                session_set_error(s,
                                  "the coordinator went back to an older state than this node has "
                                  "seen; not followed");
                session_back_off(s, now_ms);
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
                session_fail_attempt(s, attempt, err, now_ms);
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
        /* Before its Hello nobody can refuse. After it an impostor still can, with a Hello that it
         * heard elsewhere: so the race goes on, and only the next one comes later. */
        bool refused = (phase == ATTEMPT_PROOF || phase == ATTEMPT_OPEN) && is_refusal(status);
        char remote[IP_TEXT_MAX];
        if (status == GRPC_OK)
                text = "the coordinator ended the stream"; /* its text would be "OK" */
        else if (!text || !text[0])
                text = grpc_status_name(status);
        if (refused || !s->refused)
                session_set_error(s, "%s: %s",
                                  ip_endpoint_format(&s->attempts[attempt].route.remote, remote),
                                  text);
        s->refused |= refused;
        if (phase == ATTEMPT_OPEN)
                session_back_off(s, now_ms);
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
                session_set_error(s, "no address of the coordinator answers: %s",
                                  mesh_strerror(err));
        session_back_off(s, now_ms);
}
