/* OpenSSL's side of a transport: a BIO that reads from a slice and writes to a buffer.
 *
 * OpenSSL's own memory BIOs keep the largest size they ever had for each connection. Internal to
 * common/net. */
#pragma once
#include <openssl/bio.h>
#include <stddef.h>
#include <stdint.h>

struct buffer;

struct tls_bio {
        const uint8_t *in; /* borrowed while OpenSSL is called */
        size_t in_len;
        struct buffer *out; /* borrowed */
};

/* A BIO over STATE (borrowed for its life). NULL when out of memory. */
BIO *tls_bio_new(struct tls_bio *state);
