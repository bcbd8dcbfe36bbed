/* One connection of a session; see the header. */
#include "agent/session/attempt.h"

#include "common/arena.h"
#include "common/buffer.h"
#include "common/error.h"
#include "proto/channel.h"
#include "proto/convert.h"
#include "proto/pb.h"

enum { PROTOCOL_LOWEST = 1, PROTOCOL_HIGHEST = 1 };

int attempt_init(struct attempt *attempt, const uint8_t coordinator[static KEY_BYTES],
                 const struct session_route *route, const struct env *env)
{
        struct channel *channel = channel_new_agent(coordinator, env);
        if (!channel)
                return MESH_ENOMEM;
        *attempt = (struct attempt){ .phase = ATTEMPT_HELLO, .channel = channel, .route = *route };
        return 0;
}

void attempt_clear(struct attempt *attempt)
{
        channel_free(attempt->channel);
        *attempt = (struct attempt){ .phase = ATTEMPT_FREE };
}

static int fill_body(const struct session_self *self, struct arena *arena,
                     Mesh__V1__ProofBody *body)
{
        mesh__v1__proof_body__init(body);
        body->node_id = binary_of(self->node_id, NODE_ID_BYTES);
        if (self->token)
                body->instance_token = binary_of(self->token, INSTANCE_TOKEN_BYTES);
        if (!self->position)
                return 0;
        body->position = position_to_message(self->position, arena);
        return body->position ? 0 : MESH_ENOMEM;
}

int attempt_make_proof(struct attempt *attempt, const struct session_self *self,
                       struct buffer *ret_frame)
{
        Mesh__V1__ProofBody body;
        Mesh__V1__Versions versions;
        char software[] = MESH_VERSION;
        struct arena *arena = arena_new(CHANNEL_HANDSHAKE_MAX);
        if (!arena)
                return MESH_ENOMEM;
        int err = fill_body(self, arena, &body);
        mesh__v1__versions__init(&versions);
        versions.lowest = PROTOCOL_LOWEST;
        versions.highest = PROTOCOL_HIGHEST;
        versions.software = software;
        body.versions = &versions;
        if (!err)
                err = channel_proof_make(attempt->channel, self->identity, &body, ret_frame);
        arena_free(arena);
        return err;
}

int attempt_seal(struct attempt *attempt, const Mesh__V1__AgentMessage *message,
                 struct buffer *ret_frame)
{
        struct buffer plain = buffer_with_max(CHANNEL_PLAIN_MAX);
        int err = pb_pack(&message->base, &plain);
        if (!err)
                err = channel_seal(attempt->channel, plain.bytes, plain.len, ret_frame);
        buffer_done(&plain);
        return err;
}

int attempt_unseal(struct attempt *attempt, const uint8_t *frame, size_t len, struct arena *arena,
                   const Mesh__V1__CoordinatorMessage **ret_message)
{
        struct buffer plain = buffer_with_max(CHANNEL_PLAIN_MAX);
        ProtobufCMessage *message;
        int err = channel_open(attempt->channel, frame, len, &plain);
        if (!err)
                err = pb_unpack(&mesh__v1__coordinator_message__descriptor, plain.bytes, plain.len,
                                arena, &message);
        buffer_done(&plain);
        if (!err)
                *ret_message = (const Mesh__V1__CoordinatorMessage *)message;
        return err;
}
