/* Positions and the change log's chain of hashes; see the header. */
#include "proto/position.h"

#include <sodium.h>
#include <string.h>

#include "common/arena.h"
#include "common/error.h"
#include "proto/convert.h"
#include "proto/transcript.h"

void position_key_from_identity(const struct identity *coordinator, struct position_key *ret_key)
{
        struct transcript t = transcript_named("position-key");
        transcript_add(&t, coordinator->seed, sizeof(coordinator->seed));
        transcript_hash(&t, NULL, ret_key->bytes);
}

void position_key_done(struct position_key *key)
{
        sodium_memzero(key, sizeof(*key));
}

static void position_mac(const struct position *position, const struct position_key *key,
                         uint8_t ret_mac[static KEY_BYTES])
{
        struct transcript t = transcript_named("position");
        transcript_add_be64(&t, position->epoch_start_ms);
        transcript_add_be64(&t, position->epoch_random);
        transcript_add_be64(&t, position->generation);
        transcript_add(&t, position->log_hash, sizeof(position->log_hash));
        transcript_hash(&t, key->bytes, ret_mac);
}

void position_seal(struct position *position, const struct position_key *key)
{
        position_mac(position, key, position->mac);
}

int position_check(const struct position *position, const struct position_key *key)
{
        uint8_t mac[KEY_BYTES];
        position_mac(position, key, mac);
        return sodium_memcmp(mac, position->mac, KEY_BYTES) == 0 ? 0 : MESH_EAUTH;
}

int position_from_message(const Mesh__V1__Position *message, struct position *ret_position)
{
        struct position position;
        if (!message || !message->epoch)
                return MESH_EFORMAT;
        position.epoch_start_ms = message->epoch->start_ms;
        position.epoch_random = message->epoch->random;
        position.generation = message->generation;
        int err = binary_read(&message->log_hash, position.log_hash, sizeof(position.log_hash));
        if (!err)
                err = binary_read(&message->mac, position.mac, sizeof(position.mac));
        if (!err)
                *ret_position = position;
        return err;
}

Mesh__V1__Position *position_to_message(const struct position *position, struct arena *arena)
{
        Mesh__V1__Position *message = arena_alloc(arena, sizeof(*message));
        Mesh__V1__Epoch *epoch = arena_alloc(arena, sizeof(*epoch));
        void *log_hash = arena_copy(arena, position->log_hash, KEY_BYTES);
        void *mac = arena_copy(arena, position->mac, KEY_BYTES);
        if (!message || !epoch || !log_hash || !mac)
                return NULL;
        mesh__v1__epoch__init(epoch);
        epoch->start_ms = position->epoch_start_ms;
        epoch->random = position->epoch_random;
        mesh__v1__position__init(message);
        message->epoch = epoch;
        message->generation = position->generation;
        message->log_hash = binary_of(log_hash, KEY_BYTES);
        message->mac = binary_of(mac, KEY_BYTES);
        return message;
}

void change_log_hash(const uint8_t before[static KEY_BYTES], uint64_t generation,
                     const void *change, size_t len, uint8_t ret_hash[static KEY_BYTES])
{
        struct transcript t = transcript_named("change-log");
        transcript_add(&t, before, KEY_BYTES);
        transcript_add_be64(&t, generation);
        transcript_add(&t, change, len);
        transcript_hash(&t, NULL, ret_hash);
}
