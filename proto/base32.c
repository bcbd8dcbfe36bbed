/* Base32 text; see the header. */
#include "proto/base32.h"

#include <string.h>

#include "common/error.h"

static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";

size_t base32_text_len(size_t len)
{
        return (len * 8 + 4) / 5;
}

size_t base32_bytes_len(size_t len)
{
        return len * 5 / 8;
}

void base32_encode(const uint8_t *bytes, size_t len, char *ret_text)
{
        uint32_t bits = 0;
        unsigned held = 0;
        for (size_t i = 0; i < len; i++) {
                bits = bits << 8 | bytes[i];
                for (held += 8; held >= 5; held -= 5)
                        *ret_text++ = alphabet[bits >> (held - 5) & 31];
        }
        if (held > 0)
                *ret_text = alphabet[bits << (5 - held) & 31];
}

int base32_decode(const char *text, size_t len, uint8_t *ret_bytes)
{
        uint32_t bits = 0;
        unsigned held = 0;
        for (size_t i = 0; i < len; i++) {
                const char *at = text[i] ? strchr(alphabet, text[i]) : NULL;
                if (!at)
                        return MESH_EFORMAT;
                bits = bits << 5 | (uint32_t)(at - alphabet);
                held += 5;
                if (held >= 8) {
                        held -= 8;
                        *ret_bytes++ = (uint8_t)(bits >> held);
                }
        }
        if (held >= 5 || bits & ((1U << held) - 1))
                return MESH_EFORMAT;
        return 0;
}
