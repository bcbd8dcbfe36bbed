/* C3 and C4 of 10-performance.md, without sockets: one host joins a mesh whose members are all
 * connected.
 *
 * C4 is the coordinator's own work for the join; C3 is what each member then costs: working out and
 * packing its delta, sealing it and handing it to TLS, beside sealing and SSL_write of as many
 * bytes alone. Rounds alternate; medians. Over real sockets: bench_crowd. */
#include <openssl/ssl.h>
#include <sodium.h>

#include "common/buffer.h"
#include "tests/bench/bench.h"
#include "tests/coordinator/netmap/mesh.h"

enum { ROUNDS = 9, GROUPS = 20 };

/* ---- the reference: a secretstream and a TLS connection that writes to memory ---- */

struct sealer {
        crypto_secretstream_xchacha20poly1305_state state;
        SSL_CTX *context;
        SSL *server, *client;
};

static void sealer_certificate(SSL_CTX *context)
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

static void sealer_init(struct sealer *s)
{
        uint8_t key[crypto_secretstream_xchacha20poly1305_KEYBYTES] = { 1 };
        uint8_t header[crypto_secretstream_xchacha20poly1305_HEADERBYTES];
        BIO *up, *down;
        crypto_secretstream_xchacha20poly1305_init_push(&s->state, header, key);
        s->context = SSL_CTX_new(TLS_method());
        sealer_certificate(s->context);
        s->server = SSL_new(s->context);
        s->client = SSL_new(s->context);
        assert_int_equal(BIO_new_bio_pair(&up, 1 << 20, &down, 1 << 20), 1);
        SSL_set_bio(s->server, up, up);
        SSL_set_bio(s->client, down, down);
        SSL_set_accept_state(s->server);
        SSL_set_connect_state(s->client);
        for (int i = 0; i < 4; i++) {
                SSL_do_handshake(s->client);
                SSL_do_handshake(s->server);
        }
        assert_true(SSL_is_init_finished(s->server));
}

static void sealer_done(struct sealer *s)
{
        SSL_free(s->server);
        SSL_free(s->client);
        SSL_CTX_free(s->context);
}

/* Seals and sends LEN bytes; the record is thrown away. */
static void sealer_send(struct sealer *s, const uint8_t *bytes, size_t len)
{
        static uint8_t sealed[NETMAP_CHUNK_BYTES + 64], record[NETMAP_CHUNK_BYTES + 4096];
        unsigned long long sealed_len = 0;
        crypto_secretstream_xchacha20poly1305_push(&s->state, sealed, &sealed_len, bytes, len, NULL,
                                                   0, 0);
        assert_int_equal(SSL_write(s->server, sealed, (int)sealed_len), (int)sealed_len);
        assert_true(BIO_read(SSL_get_rbio(s->client), record, sizeof(record)) > 0);
}

/* ---- ours ---- */

struct crowd {
        struct mesh mesh;
        struct netmap_stream **streams;
        size_t count;
        struct buffer message;
};

static void enroll_next(struct crowd *c)
{
        char name[32], tag[16];
        const char *tags[] = { tag };
        (void)snprintf(name, sizeof(name), "host%u", c->mesh.enrolled);
        (void)snprintf(tag, sizeof(tag), "g%u", c->mesh.enrolled % GROUPS);
        mesh_enroll(&c->mesh, name, tags, 1);
}

static void take_all(struct crowd *c, struct sealer *sealer)
{
        for (size_t i = 0; i < c->count; i++)
                while (buffer_clear(&c->message), netmap_take(c->streams[i], &c->message) > 0)
                        if (sealer)
                                sealer_send(sealer, c->message.bytes, c->message.len);
}

/* COUNT connected members that have their snapshots, by the shortest way: each resumes. */
static void crowd_init(struct crowd *c, const char *policy, size_t count)
{
        enum netmap_resume resume;
        mesh_init(&c->mesh, policy);
        c->message = buffer_with_max(1 << 20);
        c->count = count;
        c->streams = calloc(count, sizeof(struct netmap_stream *));
        assert_non_null(c->streams);
        while (c->mesh.count < count)
                enroll_next(c);
        struct position now = { .epoch_start_ms = 1000,
                                .epoch_random = 7,
                                .generation = c->mesh.generation };
        memcpy(now.log_hash, c->mesh.log_hash, KEY_BYTES);
        position_seal(&now, &c->mesh.key);
        for (size_t i = 0; i < count; i++) {
                assert_int_equal(netmap_attach(c->mesh.nm, c->mesh.members[i]->id, &now, NULL,
                                               &c->streams[i], &resume),
                                 0);
                assert_int_equal(resume, NETMAP_RESUMED);
        }
        enroll_next(c); /* makes the sums: once after a start */
        take_all(c, NULL);
}

static void crowd_done(struct crowd *c)
{
        for (size_t i = 0; i < c->count; i++)
                netmap_detach(c->streams[i]);
        free(c->streams);
        buffer_done(&c->message);
        mesh_done(&c->mesh);
}

/* The length of what the first member that is told anything is told. */
static size_t message_length(struct crowd *c)
{
        size_t len = 0;
        for (size_t i = 0; i < c->count && len == 0; i++) {
                buffer_clear(&c->message);
                if (netmap_take(c->streams[i], &c->message) > 0)
                        len = c->message.len;
        }
        assert_true(len > 0);
        take_all(c, NULL);
        return len;
}

struct figures {
        double join[ROUNDS], each[ROUNDS], reference[ROUNDS]; /* us */
};

static void one_round(struct crowd *c, struct sealer *sealer, struct figures *f, size_t round)
{
        static const uint8_t bytes[NETMAP_CHUNK_BYTES];
        double at = bench_cpu_s();
        enroll_next(c);
        f->join[round] = (bench_cpu_s() - at) * 1e6;

        size_t len = message_length(c), before = c->mesh.dirty_calls;
        enroll_next(c);
        size_t told = c->mesh.dirty_calls - before;
        assert_true(told > 0);
        at = bench_cpu_s();
        take_all(c, sealer);
        f->each[round] = (bench_cpu_s() - at) * 1e6 / (double)told;
        at = bench_cpu_s();
        for (size_t i = 0; i < told; i++)
                sealer_send(sealer, bytes, len);
        f->reference[round] = (bench_cpu_s() - at) * 1e6 / (double)told;
}

static void bench_policy(const char *name, const char *policy, size_t count)
{
        static struct crowd crowd;
        struct sealer sealer;
        struct figures f;
        char label[64];
        sealer_init(&sealer);
        crowd_init(&crowd, policy, count);
        for (size_t round = 0; round < ROUNDS; round++)
                one_round(&crowd, &sealer, &f, round);
        (void)snprintf(label, sizeof(label), "C4_join_%s_%zu", name, count);
        bench_print(label, bench_median(f.join, ROUNDS), "us", "target", 5000);
        (void)snprintf(label, sizeof(label), "C3_memory_%s_%zu", name, count);
        bench_print(label, bench_median(f.each, ROUNDS), "us/member", "seal+SSL_write",
                    bench_median(f.reference, ROUNDS));
        crowd_done(&crowd);
        sealer_done(&sealer);
}

static const char *groups_policy(void)
{
        static char text[8192];
        size_t at = (size_t)snprintf(text, sizeof(text), "version: 1\nallow:\n");
        for (unsigned g = 0; g < GROUPS; g++)
                at += (size_t)snprintf(text + at, sizeof(text) - at,
                                       "  - { from: [\"tag:g%u\"], to: [\"tag:g%u\", \"tag:g0\"], "
                                       "ports: [tcp/%u, icmp] }\n",
                                       g, g, 1000 + g);
        return text;
}

int main(void)
{
        if (sodium_init() < 0)
                return 1;
        const size_t sizes[] = { 100, 1000, 10000 };
        for (size_t i = 0; i < LENGTH(sizes); i++) {
                bench_policy("all",
                             "version: 1\nallow:\n  - { from: [all], to: [all], ports: [any] }\n",
                             sizes[i]);
                bench_policy("groups", groups_policy(), sizes[i]);
        }
        return 0;
}
