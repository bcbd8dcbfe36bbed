/* A certificate of our own, for a coordinator that was given none; see tls.h. */
#include "common/net/tls.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

#include "common/addr.h"
#include "common/env.h"
#include "common/error.h"
#include "common/file.h"

enum { VALID_DAYS = 3650, SERIAL_BYTES = 16, COMMON_NAME_MAX = 64 };

static int set_serial(X509 *cert, const struct env *env)
{
        unsigned char bytes[SERIAL_BYTES];
        env_random(env, bytes, sizeof(bytes));
        bytes[0] &= 0x7f; /* positive */
        BIGNUM *number = BN_bin2bn(bytes, sizeof(bytes), NULL);
        int ok = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert));
        BN_free(number);
        return ok;
}

static int set_validity(X509 *cert, const struct env *env)
{
        time_t now = (time_t)(env_wall_ms(env) / 1000);
        return X509_time_adj_ex(X509_getm_notBefore(cert), -1, 0, &now) &&
               X509_time_adj_ex(X509_getm_notAfter(cert), VALID_DAYS, 0, &now);
}

static int set_subject(X509 *cert, const char *name)
{
        const char *text = strlen(name) <= COMMON_NAME_MAX ? name : "mesh-coordinator";
        X509_NAME *subject = X509_get_subject_name(cert);
        return X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8,
                                          (const unsigned char *)text, -1, -1, 0) &&
               X509_set_issuer_name(cert, subject);
}

/* The subject's alternative name: an address or a DNS name. */
static GENERAL_NAME *make_alternative_name(const char *name)
{
        struct ip_addr addr;
        bool is_addr = ip_addr_parse(name, &addr) == 0;
        GENERAL_NAME *general = GENERAL_NAME_new();
        ASN1_STRING *value = is_addr ? (ASN1_STRING *)ASN1_OCTET_STRING_new()
                                     : (ASN1_STRING *)ASN1_IA5STRING_new();
        const void *bytes = is_addr ? (const void *)addr.bytes : name;
        int len = is_addr ? addr.len : (int)strlen(name);
        if (!general || !value || !ASN1_STRING_set(value, bytes, len)) {
                ASN1_STRING_free(value);
                GENERAL_NAME_free(general);
                return NULL;
        }
        GENERAL_NAME_set0_value(general, is_addr ? GEN_IPADD : GEN_DNS, value);
        return general;
}

static int add_alternative_name(X509 *cert, const char *name)
{
        GENERAL_NAMES *names = GENERAL_NAMES_new();
        GENERAL_NAME *general = make_alternative_name(name);
        int ok = 0;
        if (names && general && sk_GENERAL_NAME_push(names, general) > 0) {
                general = NULL;
                ok = X509_add1_ext_i2d(cert, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT);
        }
        GENERAL_NAME_free(general);
        GENERAL_NAMES_free(names);
        return ok == 1;
}

static X509 *make_certificate(EVP_PKEY *key, const char *name, const struct env *env)
{
        X509 *cert = X509_new();
        if (cert && X509_set_version(cert, X509_VERSION_3) && set_serial(cert, env) &&
            set_validity(cert, env) && set_subject(cert, name) &&
            add_alternative_name(cert, name) && X509_set_pubkey(cert, key) &&
            X509_sign(cert, key, EVP_sha256()) > 0)
                return cert;
        X509_free(cert);
        return NULL;
}

/* Writes what WRITE_PEM puts into a BIO, durably, and wipes it. */
static int write_pem(const char *path, const X509 *cert, const EVP_PKEY *key)
{
        char *text;
        BIO *bio = BIO_new(BIO_s_mem());
        if (!bio)
                return MESH_ENOMEM;
        int ok = cert ? PEM_write_bio_X509(bio, cert)
                      : PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
        long len = BIO_get_mem_data(bio, &text);
        int err = ok == 1 && len > 0 ? file_write(path, text, (size_t)len, 0600) : MESH_ETLS;
        if (len > 0)
                OPENSSL_cleanse(text, (size_t)len);
        BIO_free(bio);
        return err;
}

int tls_make_self_signed(const char *cert_path, const char *key_path, const char *name,
                         const struct env *env)
{
        int err = MESH_ETLS;
        EVP_PKEY *key = EVP_EC_gen("P-256");
        X509 *cert = key ? make_certificate(key, name, env) : NULL;
        if (cert) {
                err = write_pem(key_path, NULL, key);
                if (!err)
                        err = write_pem(cert_path, cert, NULL);
        }
        X509_free(cert);
        EVP_PKEY_free(key);
        ERR_clear_error();
        return err;
}
