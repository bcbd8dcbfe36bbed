/* The limit to compare with: bare OpenSSL over TCP on loopback, server side, and libsodium.
 *
 * Only the server's share of CPU is counted. TLS 1.3, X25519, ECDSA P-256, no tickets, released
 * buffers, as ours. */
#pragma once
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/bench/bench.h"

enum { BARE_CONNECTIONS = 200, BARE_WRITE_MAX = 16384 };

struct bare_tls {
        SSL_CTX *context;
        SSL *servers[BARE_CONNECTIONS], *clients[BARE_CONNECTIONS];
        crypto_secretstream_xchacha20poly1305_state seals[BARE_CONNECTIONS];
        double handshake_s; /* median */
};

static inline void bare_certificate(SSL_CTX *context)
{
        EVP_PKEY *key = EVP_EC_gen("P-256");
        X509 *cert = X509_new();
        assert_non_null(key);
        assert_non_null(cert);
        X509_gmtime_adj(X509_getm_notBefore(cert), 0);
        X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
        X509_set_pubkey(cert, key);
        assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
        assert_int_equal(SSL_CTX_use_certificate(context, cert), 1);
        assert_int_equal(SSL_CTX_use_PrivateKey(context, key), 1);
        X509_free(cert);
        EVP_PKEY_free(key);
}

static inline int bare_listen(struct sockaddr_in *at)
{
        socklen_t len = sizeof(*at);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        *at = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001) };
        assert_int_equal(bind(fd, (struct sockaddr *)at, len), 0);
        assert_int_equal(listen(fd, 16), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *)at, &len), 0);
        return fd;
}

/* Connects pair I; returns the server's seconds of CPU for it. */
static inline double bare_connect(struct bare_tls *b, size_t i, int listener,
                                  const struct sockaddr_in *at)
{
        int one = 1, to = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(to, (const struct sockaddr *)at, sizeof(*at)), 0);
        fcntl(to, F_SETFL, O_NONBLOCK);
        SSL *client = b->clients[i] = SSL_new(b->context);
        SSL_set_fd(client, to);
        SSL_set_connect_state(client);
        SSL_do_handshake(client);

        double spent = -bench_clock(CLOCK_THREAD_CPUTIME_ID);
        int from = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        assert_true(from >= 0);
        setsockopt(from, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        SSL *server = b->servers[i] = SSL_new(b->context);
        SSL_set_fd(server, from);
        SSL_set_accept_state(server);
        for (;;) {
                SSL_do_handshake(server);
                spent += bench_clock(CLOCK_THREAD_CPUTIME_ID);
                if (SSL_is_init_finished(server) && SSL_is_init_finished(client))
                        return spent;
                SSL_do_handshake(client);
                spent -= bench_clock(CLOCK_THREAD_CPUTIME_ID);
        }
}

static inline void bare_init(struct bare_tls *b)
{
        double spent[BARE_CONNECTIONS];
        struct sockaddr_in at;
        uint8_t key[crypto_secretstream_xchacha20poly1305_KEYBYTES] = { 1 };
        uint8_t header[crypto_secretstream_xchacha20poly1305_HEADERBYTES];
        int listener = bare_listen(&at);
        memset(b, 0, sizeof(*b));
        b->context = SSL_CTX_new(TLS_method());
        SSL_CTX_set_min_proto_version(b->context, TLS1_3_VERSION);
        SSL_CTX_set_num_tickets(b->context, 0);
        SSL_CTX_set_session_cache_mode(b->context, SSL_SESS_CACHE_OFF);
        SSL_CTX_set_mode(b->context, SSL_MODE_RELEASE_BUFFERS);
        bare_certificate(b->context);
        for (size_t i = 0; i < BARE_CONNECTIONS; i++) {
                spent[i] = bare_connect(b, i, listener, &at);
                crypto_secretstream_xchacha20poly1305_init_push(&b->seals[i], header, key);
        }
        b->handshake_s = bench_median(spent, BARE_CONNECTIONS);
        close(listener);
}

/* Seals LEN bytes and writes them, for each connection; returns the seconds of CPU for one. */
static inline double bare_send(struct bare_tls *b, size_t len)
{
        static uint8_t plain[BARE_WRITE_MAX], sealed[BARE_WRITE_MAX + 64];
        double spent = 0;
        assert_true(len <= BARE_WRITE_MAX);
        for (size_t i = 0; i < BARE_CONNECTIONS; i++) {
                unsigned long long sealed_len = 0;
                spent -= bench_clock(CLOCK_THREAD_CPUTIME_ID);
                crypto_secretstream_xchacha20poly1305_push(&b->seals[i], sealed, &sealed_len, plain,
                                                           len, NULL, 0, 0);
                int wrote = SSL_write(b->servers[i], sealed, (int)sealed_len);
                spent += bench_clock(CLOCK_THREAD_CPUTIME_ID);
                assert_int_equal(wrote, (int)sealed_len);
                assert_int_equal(SSL_read(b->clients[i], sealed, sizeof(sealed)), wrote);
        }
        return spent / BARE_CONNECTIONS;
}

static inline void bare_done(struct bare_tls *b)
{
        for (size_t i = 0; i < BARE_CONNECTIONS; i++) {
                close(SSL_get_fd(b->servers[i]));
                close(SSL_get_fd(b->clients[i]));
                SSL_free(b->servers[i]);
                SSL_free(b->clients[i]);
        }
        SSL_CTX_free(b->context);
}
