/* TLS records of a transport: between its wire buffers and its receiver. */
#include <openssl/err.h>
#include <string.h>

#include "common/error.h"
#include "common/net/transport_internal.h"

enum { PLAIN_BYTES = 16 * 1024 }; /* one record */

int transport_use_tls(struct transport *transport, SSL *ssl)
{
        if (!ssl)
                return MESH_ENOMEM;
        transport->ssl = ssl; /* from here on freed with the transport */
        transport->peer.tls = true;
        transport->bio.out = &transport->out;
        BIO *bio = tls_bio_new(&transport->bio);
        if (!bio)
                return MESH_ENOMEM;
        SSL_set_bio(ssl, bio, bio);
        return 0;
}

/* Puts all plain bytes into records; OpenSSL writes one record at a time. */
static int encrypt(struct transport *t, const uint8_t *bytes, size_t len)
{
        while (len > 0) {
                size_t written;
                if (SSL_write_ex(t->ssl, bytes, len, &written) != 1) {
                        ERR_clear_error();
                        return buffer_error(&t->out) ? buffer_error(&t->out) : MESH_ETLS;
                }
                bytes += written;
                len -= written;
        }
        return 0;
}

int transport_tls_write(struct transport *transport, const void *bytes, size_t len)
{
        if (transport->state == TRANSPORT_OPEN)
                return encrypt(transport, bytes, len);
        buffer_put(&transport->early, bytes, len);
        return buffer_error(&transport->early);
}

void transport_tls_end(struct transport *transport)
{
        (void)SSL_shutdown(transport->ssl);
        ERR_clear_error();
}

static bool speaks_h2(const SSL *ssl)
{
        const unsigned char *name;
        unsigned int len;
        SSL_get0_alpn_selected(ssl, &name, &len);
        return len == 2 && memcmp(name, "h2", 2) == 0;
}

static void finish_handshake(struct transport *t)
{
        struct buffer early = t->early;
        t->early = buffer_with_max(early.max);
        if (!speaks_h2(t->ssl)) {
                transport_fail(t, MESH_ETLS);
        } else {
                transport_opened(t);
                if (t->state == TRANSPORT_OPEN && encrypt(t, early.bytes, early.len) != 0)
                        transport_fail(t, MESH_ETLS);
        }
        buffer_done(&early);
}

/* After a failure OpenSSL has left an alert for the other side: it goes out first. */
static void handshake(struct transport *t)
{
        int rv = SSL_do_handshake(t->ssl);
        int why = rv == 1 ? SSL_ERROR_NONE : SSL_get_error(t->ssl, rv);
        ERR_clear_error();
        if (why == SSL_ERROR_NONE)
                finish_handshake(t);
        transport_flush(t);
        if (why != SSL_ERROR_NONE && why != SSL_ERROR_WANT_READ)
                transport_fail(t, MESH_ETLS);
}

void transport_tls_start(struct transport *transport)
{
        handshake(transport);
}

/* Hands out plain text until OpenSSL has used up the slice. */
static void decrypt(struct transport *t)
{
        uint8_t plain[PLAIN_BYTES];
        size_t len;
        while (t->state == TRANSPORT_OPEN && SSL_read_ex(t->ssl, plain, sizeof(plain), &len) == 1)
                transport_deliver(t, plain, len);
        if (t->state != TRANSPORT_OPEN)
                return;
        int why = SSL_get_error(t->ssl, 0);
        ERR_clear_error();
        transport_flush(t); /* an answer of TLS's own */
        if (why == SSL_ERROR_ZERO_RETURN)
                transport_fail(t, 0);
        else if (why != SSL_ERROR_WANT_READ)
                transport_fail(t, MESH_ETLS);
}

void transport_tls_receive(struct transport *transport, const uint8_t *bytes, size_t len)
{
        transport->bio.in = bytes;
        transport->bio.in_len = len;
        if (transport->state == TRANSPORT_HANDSHAKE)
                handshake(transport);
        if (transport->state == TRANSPORT_OPEN)
                decrypt(transport);
        transport->bio.in = NULL;
        transport->bio.in_len = 0;
}
