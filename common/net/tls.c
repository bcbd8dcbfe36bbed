/* TLS contexts; see the header. The self-signed certificate is made in tls_certificate.c. */
#include "common/net/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/addr.h"
#include "common/error.h"

static const unsigned char alpn_h2[] = { 2, 'h', '2' };

/* What tells that a file is another one than before. */
struct file_mark {
        struct timespec changed;
        off_t size;
        ino_t inode;
};

struct tls_server {
        char *cert_path, *key_path; /* owned */
        struct file_mark cert_mark, key_mark;
        SSL_CTX *ctx; /* owned; connections hold it, too */
};

struct tls_client {
        SSL_CTX *ctx; /* owned */
};

/* What both sides have in common. NULL on failure. */
static SSL_CTX *make_context(const SSL_METHOD *method)
{
        SSL_CTX *ctx = SSL_CTX_new(method);
        if (!ctx)
                return NULL;
        if (SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) != 1) {
                SSL_CTX_free(ctx);
                return NULL;
        }
        (void)SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                            SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
        (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
        (void)SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
        (void)SSL_CTX_set_num_tickets(ctx, 0);
        return ctx;
}

/* ---- server -------------------------------------------------------------------------------------
 */

static int choose_h2(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                     const unsigned char *offered, unsigned int offered_len, void *user)
{
        (void)ssl, (void)user;
        for (unsigned int at = 0; at < offered_len; at += offered[at] + 1U) {
                if (offered_len - at >= sizeof(alpn_h2) &&
                    memcmp(offered + at, alpn_h2, sizeof(alpn_h2)) == 0) {
                        *out = offered + at + 1;
                        *out_len = alpn_h2[0];
                        return SSL_TLSEXT_ERR_OK;
                }
        }
        return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static int mark_file(const char *path, struct file_mark *ret_mark)
{
        struct stat st;
        if (stat(path, &st) != 0)
                return mesh_error_from_errno(errno);
        *ret_mark = (struct file_mark){ st.st_mtim, st.st_size, st.st_ino };
        return 0;
}

static bool same_mark(const struct file_mark *a, const struct file_mark *b)
{
        return a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec &&
               a->size == b->size && a->inode == b->inode;
}

static int load_files(const char *cert_path, const char *key_path, SSL_CTX **ret_ctx)
{
        SSL_CTX *ctx = make_context(TLS_server_method());
        if (!ctx)
                return MESH_ETLS;
        if (SSL_CTX_use_certificate_chain_file(ctx, cert_path) != 1 ||
            SSL_CTX_use_PrivateKey_file(ctx, key_path, SSL_FILETYPE_PEM) != 1 ||
            SSL_CTX_check_private_key(ctx) != 1) {
                ERR_clear_error();
                SSL_CTX_free(ctx);
                return MESH_ETLS;
        }
        SSL_CTX_set_alpn_select_cb(ctx, choose_h2, NULL);
        *ret_ctx = ctx;
        return 0;
}

int tls_server_reload(struct tls_server *server, bool *ret_changed)
{
        struct file_mark cert, key;
        SSL_CTX *ctx = NULL;
        int err = mark_file(server->cert_path, &cert);
        if (!err)
                err = mark_file(server->key_path, &key);
        if (err)
                return err;
        bool changed = !server->ctx || !same_mark(&cert, &server->cert_mark) ||
                       !same_mark(&key, &server->key_mark);
        if (changed) {
                err = load_files(server->cert_path, server->key_path, &ctx);
                if (err)
                        return err;
                SSL_CTX_free(server->ctx);
                server->ctx = ctx;
                server->cert_mark = cert;
                server->key_mark = key;
        }
        if (ret_changed)
                *ret_changed = changed;
        return 0;
}

int tls_server_new(const char *cert_path, const char *key_path, struct tls_server **ret_server)
{
        struct tls_server *server = calloc(1, sizeof(*server));
        if (!server)
                return MESH_ENOMEM;
        server->cert_path = strdup(cert_path);
        server->key_path = strdup(key_path);
        int err = server->cert_path && server->key_path ? tls_server_reload(server, NULL)
                                                        : MESH_ENOMEM;
        if (err) {
                tls_server_free(server);
                return err;
        }
        *ret_server = server;
        return 0;
}

void tls_server_free(struct tls_server *server)
{
        if (!server)
                return;
        SSL_CTX_free(server->ctx);
        free(server->cert_path);
        free(server->key_path);
        free(server);
}

struct ssl_st *tls_server_begin(struct tls_server *server)
{
        SSL *ssl = SSL_new(server->ctx);
        if (ssl)
                SSL_set_accept_state(ssl);
        return ssl;
}

/* ---- client -------------------------------------------------------------------------------------
 */

static const char valid[] = "valid";

/* Notes the first fault and goes on: who is trusted is decided inside the stream. */
static int note_fault(int ok, X509_STORE_CTX *store)
{
        SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
        char *result = SSL_get_app_data(ssl);
        if (!ok && strcmp(result, valid) == 0) {
                int fault = X509_STORE_CTX_get_error(store);
                (void)snprintf(result, TLS_RESULT_MAX, "%s", X509_verify_cert_error_string(fault));
        }
        return 1;
}

int tls_client_new(const char *ca_dir, struct tls_client **ret_client)
{
        struct tls_client *client = calloc(1, sizeof(*client));
        if (!client)
                return MESH_ENOMEM;
        client->ctx = make_context(TLS_client_method());
        /* A directory is read name by name when a chain needs it; the one big file costs 870 KiB
         * that never come back. A missing one only makes every certificate untrusted. */
        if (!client->ctx || SSL_CTX_set_alpn_protos(client->ctx, alpn_h2, sizeof(alpn_h2)) != 0 ||
            SSL_CTX_load_verify_dir(client->ctx, ca_dir ? ca_dir : "/etc/ssl/certs") != 1) {
                ERR_clear_error();
                tls_client_free(client);
                return MESH_ETLS;
        }
        SSL_CTX_set_verify(client->ctx, SSL_VERIFY_PEER, note_fault);
        *ret_client = client;
        return 0;
}

void tls_client_free(struct tls_client *client)
{
        if (!client)
                return;
        SSL_CTX_free(client->ctx);
        free(client);
}

/* What the certificate must be for: an address, or a name, which is also sent as SNI. */
static int expect_name(SSL *ssl, const char *name)
{
        struct ip_addr addr;
        X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
        if (ip_addr_parse(name, &addr) == 0)
                return X509_VERIFY_PARAM_set1_ip(param, addr.bytes, addr.len);
        return SSL_set_tlsext_host_name(ssl, name) == 1 &&
               X509_VERIFY_PARAM_set1_host(param, name, 0) == 1;
}

struct ssl_st *tls_client_begin(struct tls_client *client, const char *name, char *result)
{
        SSL *ssl = SSL_new(client->ctx);
        if (!ssl)
                return NULL;
        (void)snprintf(result, TLS_RESULT_MAX, "%s", valid);
        if (expect_name(ssl, name) != 1 || SSL_set_app_data(ssl, result) != 1) {
                ERR_clear_error();
                SSL_free(ssl);
                return NULL;
        }
        SSL_set_connect_state(ssl);
        return ssl;
}
