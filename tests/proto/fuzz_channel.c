/* A frame at each moment of a Sync stream; the first byte chooses. A well sealed Proof is made of
 * any bytes too. Nothing but that is ever opened. */
#include <stdint.h>
#include <stdlib.h>

#include "common/arena.h"
#include "common/env.h"
#include "proto/channel_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const uint8_t seed[KEY_BYTES] = { 1 };
        if (size == 0)
                return 0;
        struct channel_ephemeral e = { .made = false };
        struct buffer hello = buffer_with_max(CHANNEL_FRAME_MAX), answer = hello, proof = hello;
        struct arena *arena = arena_new(CHANNEL_ARENA_BYTES);
        const Mesh__V1__ProofBody *body;
        struct identity me;
        identity_from_seed(seed, &me);
        (void)channel_ephemeral_renew(&e, &me, env_system(), 1);
        struct channel *coordinator = channel_new_coordinator(&me, &e, env_system());
        struct channel *agent = channel_new_agent(me.public_key, env_system());
        channel_hello_make(coordinator, &hello);
        if (data[0] % 5 == 0 && channel_hello_read(agent, data + 1, size - 1, &answer) == 0)
                abort();
        if (data[0] % 5 == 1)
                (void)channel_agent_hello_read(coordinator, data + 1, size - 1);
        if (channel_hello_read(agent, hello.bytes, hello.len, &answer) == 0 &&
            channel_agent_hello_read(coordinator, answer.bytes, answer.len) == 0) {
                if (data[0] % 5 == 2)
                        channel_seal_frame(&agent->send, data + 1, size - 1, &proof);
                else
                        buffer_put(&proof, data + 1, size - 1);
                coordinator->state = data[0] % 5 == 3 ? CHANNEL_OPEN : coordinator->state;
                if (data[0] % 5 == 3 &&
                    channel_open(coordinator, proof.bytes, proof.len, &answer) == 0)
                        abort();
                if (channel_proof_read(coordinator, proof.bytes, proof.len, arena, &body) == 0 &&
                    (data[0] % 5 != 2 || channel_proof_check(coordinator, me.public_key) == 0))
                        abort();
        }
        channel_free(coordinator);
        channel_free(agent);
        buffer_done(&hello);
        buffer_done(&answer);
        buffer_done(&proof);
        arena_free(arena);
        return 0;
}
