/* See access_sum.h. The bytes, integers of a row big-endian, words of a sum little-endian:
 *
 *   row   u8 address length (4 or 16), the address, u8 prefix length,
 *         u32 number of spans, then for each span: u32 low, u32 high (firewall/portset.h)
 *   key   BLAKE2b-256("mesh/v1/access-row" NUL row)
 *   words the first 512 bytes of the ChaCha20 stream (RFC 8439) under key, nonce and counter 0
 *   hash  BLAKE2b-256("mesh/v1/access" NUL words), words = the sum, each modulo 2^64 */
#include "firewall/access_sum.h"

#include <endian.h>
#include <sodium.h>
#include <string.h>

static const char row_label[] = "mesh/v1/access-row";
static const char hash_label[] = "mesh/v1/access";

enum { SPANS_AT_ONCE = 16 };

static uint8_t *put_be32(uint8_t *at, uint32_t value)
{
        value = htobe32(value);
        memcpy(at, &value, sizeof(value));
        return at + sizeof(value);
}

static void hash_prefix(crypto_generichash_state *state, const struct ip_prefix *prefix,
                        size_t span_count)
{
        uint8_t head[1 + sizeof(prefix->addr.bytes) + 1 + sizeof(uint32_t)], *at = head;
        *at++ = prefix->addr.len;
        memcpy(at, prefix->addr.bytes, prefix->addr.len);
        at += prefix->addr.len;
        *at++ = prefix->bits;
        at = put_be32(at, (uint32_t)span_count);
        crypto_generichash_update(state, head, (size_t)(at - head));
}

static void hash_spans(crypto_generichash_state *state, const struct portset *ports)
{
        uint8_t bytes[SPANS_AT_ONCE * 2 * sizeof(uint32_t)], *at = bytes;
        for (size_t i = 0; i < ports->count; i++) {
                at = put_be32(at, ports->spans[i].low);
                at = put_be32(at, ports->spans[i].high);
                if (at == bytes + sizeof(bytes) || i + 1 == ports->count) {
                        crypto_generichash_update(state, bytes, (size_t)(at - bytes));
                        at = bytes;
                }
        }
}

struct access_sum access_row(const struct ip_prefix *prefix, const struct portset *ports)
{
        static const uint8_t nonce[crypto_stream_chacha20_ietf_NONCEBYTES];
        uint8_t key[crypto_stream_chacha20_ietf_KEYBYTES];
        uint8_t stream[ACCESS_SUM_WORDS * sizeof(uint64_t)];
        crypto_generichash_state state;
        struct access_sum row;
        crypto_generichash_init(&state, NULL, 0, sizeof(key));
        crypto_generichash_update(&state, (const uint8_t *)row_label, sizeof(row_label));
        hash_prefix(&state, prefix, ports->count);
        hash_spans(&state, ports);
        crypto_generichash_final(&state, key, sizeof(key));
        crypto_stream_chacha20_ietf(stream, sizeof(stream), nonce, key);
        for (size_t i = 0; i < ACCESS_SUM_WORDS; i++) {
                memcpy(&row.words[i], stream + i * sizeof(uint64_t), sizeof(uint64_t));
                row.words[i] = le64toh(row.words[i]);
        }
        return row;
}

void access_sum_add(struct access_sum *sum, const struct access_sum *other)
{
        for (size_t i = 0; i < ACCESS_SUM_WORDS; i++)
                sum->words[i] += other->words[i];
}

void access_sum_remove(struct access_sum *sum, const struct access_sum *other)
{
        for (size_t i = 0; i < ACCESS_SUM_WORDS; i++)
                sum->words[i] -= other->words[i];
}

void access_sum_hash(const struct access_sum *sum, uint8_t ret_hash[static ACCESS_HASH_BYTES])
{
        uint64_t words[ACCESS_SUM_WORDS];
        crypto_generichash_state state;
        for (size_t i = 0; i < ACCESS_SUM_WORDS; i++)
                words[i] = htole64(sum->words[i]);
        crypto_generichash_init(&state, NULL, 0, ACCESS_HASH_BYTES);
        crypto_generichash_update(&state, (const uint8_t *)hash_label, sizeof(hash_label));
        crypto_generichash_update(&state, (const uint8_t *)words, sizeof(words));
        crypto_generichash_final(&state, ret_hash, ACCESS_HASH_BYTES);
}
