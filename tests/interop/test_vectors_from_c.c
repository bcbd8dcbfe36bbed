/* Enrols and syncs with itself under random keys, and prints what went over the wire in the form
 * of tests/proto/vectors.txt; tests/interop/test_vectors.py opens it with its own implementation.
 *
 * Fails by itself if one side refuses the other. The only program that ever prints secret keys:
 * they are made for the occasion. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buffer.h"
#include "common/env.h"
#include "common/error.h"
#include "proto/channel.h"
#include "proto/convert.h"
#include "proto/enroll.h"
#include "proto/pb.h"
#include "proto/position.h"
#include "proto/setup_key.h"

struct world {
        const struct env *env;
        struct identity coordinator, node, setup;
        struct x25519_pair wireguard, signal;
        struct setup_key key;
        struct arena *arena;
        struct buffer out;
};

static void put(const char *name, const void *bytes, size_t len)
{
        const uint8_t *at = bytes;
        printf("%s = ", name);
        for (size_t i = 0; i < len; i++)
                printf("%02x", at[i]);
        printf("\n");
}

static void put_number(const char *name, uint64_t value)
{
        printf("%s = %016llx\n", name, (unsigned long long)value);
}

static void must(int err, const char *what)
{
        if (!err)
                return;
        fprintf(stderr, "%s: %s\n", what, mesh_strerror(err));
        exit(1);
}

/* Prints what is in the buffer and empties it. */
static void flush(struct world *w, const char *name)
{
        put(name, w->out.bytes, w->out.len);
        buffer_clear(&w->out);
}

static void make_keys(struct world *w)
{
        char text[SETUP_KEY_TEXT_MAX];
        identity_make(w->env, &w->coordinator);
        identity_make(w->env, &w->node);
        identity_make(w->env, &w->setup);
        x25519_pair_make(w->env, &w->wireguard);
        x25519_pair_make(w->env, &w->signal);
        put("coordinator_seed", w->coordinator.seed, KEY_BYTES);
        put("coordinator_public", w->coordinator.public_key, KEY_BYTES);
        put("node_seed", w->node.seed, KEY_BYTES);
        put("node_public", w->node.public_key, KEY_BYTES);
        put("setup_seed", w->setup.seed, KEY_BYTES);
        put("setup_public", w->setup.public_key, KEY_BYTES);
        put("wireguard_secret", w->wireguard.secret, KEY_BYTES);
        put("wireguard_public", w->wireguard.public_key, KEY_BYTES);
        put("signal_public", w->signal.public_key, KEY_BYTES);

        w->key = (struct setup_key){ .host = "2001:db8::1", .port = 443 };
        memcpy(w->key.coordinator, w->coordinator.public_key, KEY_BYTES);
        memcpy(w->key.seed, w->setup.seed, KEY_BYTES);
        env_random(w->env, w->key.id, sizeof(w->key.id));
        must(setup_key_format(&w->key, text), "setup key");
        put("setup_key_host", w->key.host, strlen(w->key.host));
        put_number("setup_key_port", w->key.port);
        put("setup_key_id", w->key.id, sizeof(w->key.id));
        put("setup_key_text", text, strlen(text));
}

static void enroll(struct world *w)
{
        const struct node_keys keys = { &w->node, &w->wireguard, &w->signal };
        struct enroll_pending pending;
        struct enroll_claim claim;
        Mesh__V1__EnrollBody wishes = MESH__V1__ENROLL_BODY__INIT;
        wishes.wanted_name = "beta";
        must(enroll_request_make(&w->key, &keys, &wishes, &w->out, &pending), "request");
        must(enroll_request_open(&w->coordinator, w->out.bytes, w->out.len, w->arena, &claim),
             "open");
        must(enroll_request_check(&w->coordinator, &claim, w->setup.public_key), "check");
        flush(w, "enroll_request");

        Mesh__V1__EnrollGrantBody grant = MESH__V1__ENROLL_GRANT_BODY__INIT;
        grant.node_id = binary_of("0123456789abcdef", NODE_ID_BYTES);
        grant.name = "beta-2";
        must(pb_pack(&grant.base, &w->out), "grant");
        flush(w, "grant_body");
        must(enroll_reply_make(&w->coordinator, &claim, &grant, &w->out), "reply");
        flush(w, "enroll_reply");
}

/* The whole handshake, with both ends in here, then two messages each way. */
static void sync_stream(struct world *w, struct channel *coordinator, struct channel *agent)
{
        struct buffer next = buffer_with_max(CHANNEL_FRAME_MAX);
        const Mesh__V1__ProofBody *proof;
        const Mesh__V1__WelcomeBody *welcome;
        must(channel_hello_make(coordinator, &w->out), "Hello");
        must(channel_hello_read(agent, w->out.bytes, w->out.len, &next), "read Hello");
        flush(w, "sync_hello_frame");
        must(channel_agent_hello_read(coordinator, next.bytes, next.len), "AgentHello");
        put("sync_agent_hello_frame", next.bytes, next.len);

        Mesh__V1__ProofBody proof_body = MESH__V1__PROOF_BODY__INIT;
        proof_body.node_id = binary_of("0123456789abcdef", NODE_ID_BYTES);
        must(channel_proof_make(agent, &w->node, &proof_body, &w->out), "Proof");
        must(channel_proof_read(coordinator, w->out.bytes, w->out.len, w->arena, &proof),
             "read Proof");
        must(channel_proof_check(coordinator, w->node.public_key), "check Proof");
        flush(w, "sync_proof_frame");

        Mesh__V1__WelcomeBody welcome_body = MESH__V1__WELCOME_BODY__INIT;
        welcome_body.next_instance_token = binary_of("token-of-16-long", INSTANCE_TOKEN_BYTES);
        must(channel_welcome_make(coordinator, &welcome_body, &w->out), "Welcome");
        must(channel_welcome_read(agent, w->out.bytes, w->out.len, w->arena, &welcome),
             "read Welcome");
        flush(w, "sync_welcome_frame");

        for (int i = 0; i < 2; i++) {
                char name[64], text[64];
                snprintf(name, sizeof(name), "sync_agent_frame_%d", i);
                snprintf(text, sizeof(text), "from the agent %d", i);
                must(channel_seal(agent, text, strlen(text), &w->out), "seal");
                flush(w, name);
                snprintf(name, sizeof(name), "sync_coordinator_frame_%d", i);
                snprintf(text, sizeof(text), "from the coordinator %d", i);
                must(channel_seal(coordinator, text, strlen(text), &w->out), "seal");
                flush(w, name);
        }
        buffer_done(&next);
}

/* Hands out the agent's ephemeral secret, so that it can be printed; else random. */
struct known_random {
        uint8_t secret[KEY_BYTES];
        size_t drawn;
};

static void known_random(void *user, void *out, size_t len)
{
        struct known_random *known = user;
        if (known->drawn++ == 0 && len == KEY_BYTES)
                memcpy(out, known->secret, len);
        else
                randombytes_buf(out, len);
}

static void sync_both(struct world *w)
{
        struct channel_ephemeral ephemeral = { .made = false };
        struct known_random known = { .drawn = 0 };
        const struct env agent_env = { .random = known_random, .user = &known };
        env_random(w->env, known.secret, sizeof(known.secret));
        put("sync_agent_ephemeral_secret", known.secret, KEY_BYTES);
        must(channel_ephemeral_renew(&ephemeral, &w->coordinator, w->env, 1), "ephemeral");
        put("sync_coordinator_ephemeral_secret", ephemeral.pair.secret, KEY_BYTES);
        struct channel *coordinator = channel_new_coordinator(&w->coordinator, &ephemeral, w->env);
        struct channel *agent = channel_new_agent(w->coordinator.public_key, &agent_env);
        if (!coordinator || !agent)
                must(MESH_ENOMEM, "channel");
        sync_stream(w, coordinator, agent);
        channel_free(coordinator);
        channel_free(agent);
}

static void positions(struct world *w)
{
        struct position_key key;
        struct position position = { .generation = 2 };
        position.epoch_start_ms = (uint64_t)env_wall_ms(w->env);
        env_random(w->env, &position.epoch_random, sizeof(position.epoch_random));
        change_log_hash(position.log_hash, 1, "first change", 12, position.log_hash);
        put("log_hash_1", position.log_hash, KEY_BYTES);
        change_log_hash(position.log_hash, 2, NULL, 0, position.log_hash);
        put("log_hash_2", position.log_hash, KEY_BYTES);
        position_key_from_identity(&w->coordinator, &key);
        position_seal(&position, &key);
        put_number("position_start_ms", position.epoch_start_ms);
        put_number("position_random", position.epoch_random);
        put_number("position_generation", position.generation);
        put("position_mac", position.mac, KEY_BYTES);
}

int main(void)
{
        if (sodium_init() < 0)
                return 1;
        struct world w = { .env = env_system(), .arena = arena_new(ENROLL_ARENA_BYTES) };
        if (!w.arena)
                must(MESH_ENOMEM, "arena");
        w.out = buffer_with_max(CHANNEL_FRAME_MAX);
        make_keys(&w);
        enroll(&w);
        sync_both(&w);
        positions(&w);
        buffer_done(&w.out);
        arena_free(w.arena);
        return 0;
}
