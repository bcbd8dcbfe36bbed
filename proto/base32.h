/* Base32 text, lower case, without padding. RFC 4648, section 6, with the alphabet a-z2-7.
 *
 * For text that people copy. Plain: no checksum here, that is its user's affair. */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* Characters that LEN bytes take, without a NUL; and the bytes that LEN characters hold. */
size_t base32_text_len(size_t len);
size_t base32_bytes_len(size_t len);

/* Writes base32_text_len(LEN) characters to RET_TEXT, without a NUL. */
void base32_encode(const uint8_t *bytes, size_t len, char *ret_text);

/* Reads LEN characters into base32_bytes_len(LEN) bytes at RET_BYTES (written also on failure).
 * MESH_EFORMAT for a character outside the alphabet, a length that no encoder makes, or bits left
 * over that are not zero. */
int base32_decode(const char *text, size_t len, uint8_t *ret_bytes);
