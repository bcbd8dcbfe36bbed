/* TLS 1.3 contexts: the server's certificate and the client's check of one.
 *
 * TLS is only the transport here: what decides whether a coordinator is the right one is its pinned
 * identity inside the stream (02-protocol.md, "TLS is the transport"). So a client checks the
 * certificate against the system's trust store, records the result as text and goes on. ALPN is
 * "h2". No session tickets, no resumption, no early data. The byte stream itself is transport.h. */
#pragma once
#include <stdbool.h>

struct env;
struct ssl_st;     /* OpenSSL's SSL */
struct tls_server; /* opaque */
struct tls_client; /* opaque */

enum { TLS_RESULT_MAX = 96 };

/* Makes an ECDSA P-256 key and a certificate of its own for NAME (a host name or an IP address),
 * valid for ten years from a day before ENV's wall clock, and writes both durably with mode 0600.
 * Existing files are replaced. MESH_ETLS, MESH_EIO... */
int tls_make_self_signed(const char *cert_path, const char *key_path, const char *name,
                         const struct env *env);

/* Returns owned in *RET_SERVER. The paths are copied. MESH_ENOENT if a file is missing, MESH_ETLS
 * if they are no PEM certificate chain and key that fit together. */
int tls_server_new(const char *cert_path, const char *key_path, struct tls_server **ret_server);

/* Drops the caller's hold; connections in progress keep what they need. NULL is allowed. */
void tls_server_free(struct tls_server *server);

/* Reads the files again if their time, size or inode changed since they were last read; new
 * connections get the new certificate. Call it from a timer (a minute is fine). On failure, which a
 * half-written pair causes, the old certificate stays in use and the next call tries again.
 * *RET_CHANGED may be NULL. MESH_ENOENT, MESH_ETLS. */
int tls_server_reload(struct tls_server *server, bool *ret_changed);

/* A context for connections to servers. CA_DIR is a hashed directory of trusted certificates, read
 * lazily; NULL: the system's, /etc/ssl/certs. Returns owned. MESH_ETLS. */
int tls_client_new(const char *ca_dir, struct tls_client **ret_client);
void tls_client_free(struct tls_client *client);

/* For transport.c: a new connection, returned owned; NULL when out of memory. RESULT
 * (TLS_RESULT_MAX bytes, borrowed until the SSL is freed) gets the outcome of the check against
 * NAME: "valid", or why not, e.g. "self-signed certificate". NAME is also sent as SNI unless it is
 * an address. */
struct ssl_st *tls_server_begin(struct tls_server *server);
struct ssl_st *tls_client_begin(struct tls_client *client, const char *name, char *result);
