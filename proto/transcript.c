/* What is signed, hashed and authenticated; see the header. */
#include "proto/transcript.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/error.h"

static const char name_space[] = "mesh/v1/";

static_assert(crypto_generichash_BYTES == KEY_BYTES && crypto_generichash_KEYBYTES == KEY_BYTES,
              "BLAKE2b-256");

struct transcript transcript_named(const char *name)
{
        return (struct transcript){ .name = name };
}

static struct transcript_field *next_field(struct transcript *t)
{
        assert(t->count < TRANSCRIPT_FIELDS_MAX);
        return &t->fields[t->count++];
}

void transcript_add(struct transcript *t, const void *bytes, size_t len)
{
        assert(len <= UINT32_MAX);
        *next_field(t) = (struct transcript_field){ .bytes = bytes, .len = len };
}

static void put_big_endian(uint8_t *out, size_t len, uint64_t value)
{
        for (size_t i = 0; i < len; i++)
                out[i] = (uint8_t)(value >> (8 * (len - 1 - i)));
}

void transcript_add_be64(struct transcript *t, uint64_t value)
{
        struct transcript_field *field = next_field(t);
        *field = (struct transcript_field){ .len = sizeof(field->number) };
        put_big_endian(field->number, sizeof(field->number), value);
}

typedef void transcript_sink(void *user, const void *bytes, size_t len);

/* Every byte of the transcript, in order. */
static void walk(const struct transcript *t, transcript_sink *sink, void *user)
{
        sink(user, name_space, strlen(name_space));
        sink(user, t->name, strlen(t->name) + 1);
        for (size_t i = 0; i < t->count; i++) {
                const struct transcript_field *field = &t->fields[i];
                uint8_t len[4];
                put_big_endian(len, sizeof(len), field->len);
                sink(user, len, sizeof(len));
                if (field->len > 0)
                        sink(user, field->bytes ? field->bytes : field->number, field->len);
        }
}

static void count_bytes(void *user, const void *bytes, size_t len)
{
        (void)bytes;
        *(size_t *)user += len;
}

static void copy_bytes(void *user, const void *bytes, size_t len)
{
        uint8_t **at = user;
        memcpy(*at, bytes, len);
        *at += len;
}

static void hash_bytes(void *user, const void *bytes, size_t len)
{
        (void)crypto_generichash_update(user, bytes, len);
}

/* Ed25519 reads its message twice, so the bytes must stand in one piece. The caller frees. */
static uint8_t *flatten(const struct transcript *t, size_t *ret_len)
{
        size_t len = 0;
        walk(t, count_bytes, &len);
        uint8_t *bytes = malloc(len);
        uint8_t *at = bytes;
        if (!bytes)
                return NULL;
        walk(t, copy_bytes, &at);
        *ret_len = len;
        return bytes;
}

int transcript_sign(const struct transcript *t, const struct identity *signer,
                    uint8_t ret_signature[static SIGNATURE_BYTES])
{
        size_t len;
        uint8_t *bytes = flatten(t, &len);
        if (!bytes)
                return MESH_ENOMEM;
        (void)crypto_sign_detached(ret_signature, NULL, bytes, len, signer->secret);
        free(bytes);
        return 0;
}

int transcript_verify(const struct transcript *t, const uint8_t signer[static KEY_BYTES],
                      const uint8_t signature[static SIGNATURE_BYTES])
{
        size_t len;
        uint8_t *bytes = flatten(t, &len);
        if (!bytes)
                return MESH_ENOMEM;
        int bad = crypto_sign_verify_detached(signature, bytes, len, signer);
        free(bytes);
        return bad ? MESH_EAUTH : 0;
}

void transcript_hash(const struct transcript *t, const uint8_t *key,
                     uint8_t ret_hash[static KEY_BYTES])
{
        crypto_generichash_state state;
        (void)crypto_generichash_init(&state, key, key ? KEY_BYTES : 0, KEY_BYTES);
        walk(t, hash_bytes, &state);
        (void)crypto_generichash_final(&state, ret_hash, KEY_BYTES);
        sodium_memzero(&state, sizeof(state));
}
