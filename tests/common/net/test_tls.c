/* Certificates: made, reloaded, refused. */
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buffer.h"
#include "common/env.h"
#include "common/error.h"
#include "common/file.h"
#include "common/net/tls.h"
#include "tests/support/net_host.h"
#include "tests/support/unit.h"

static X509 *read_certificate(const char *path)
{
        FILE *file = fopen(path, "r");
        assert_non_null(file);
        X509 *cert = PEM_read_X509(file, NULL, NULL, NULL);
        (void)fclose(file);
        assert_non_null(cert);
        return cert;
}

static mode_t mode_of(const char *path)
{
        struct stat st;
        assert_int_equal(stat(path, &st), 0);
        return st.st_mode & 07777;
}

static void test_self_signed(void **state)
{
        static const struct {
                const char *name;
                bool is_ip;
        } cases[] = { { "coordinator.example", false },
                      { "192.0.2.7", true },
                      { "2001:db8::7", true } };
        struct net_host host;
        (void)state;
        net_host_init(&host);
        for (size_t i = 0; i < LENGTH(cases); i++) {
                assert_int_equal(
                        tls_make_self_signed(host.cert, host.key, cases[i].name, env_system()), 0);
                assert_int_equal(mode_of(host.key), 0600);
                assert_int_equal(mode_of(host.cert), 0600);
                X509 *cert = read_certificate(host.cert);
                int match = cases[i].is_ip ? X509_check_ip_asc(cert, cases[i].name, 0)
                                           : X509_check_host(cert, cases[i].name, 0, 0, NULL);
                assert_int_equal(match, 1);
                assert_int_equal(X509_check_host(cert, "other.example", 0, 0, NULL), 0);
                assert_int_equal(X509_cmp_current_time(X509_get0_notBefore(cert)), -1);
                assert_int_equal(X509_cmp_current_time(X509_get0_notAfter(cert)), 1);
                X509_free(cert);
        }
        net_host_done(&host);
}

static void test_files_that_do_not_do(void **state)
{
        struct tls_server *server;
        struct net_host host;
        char other[128], other_key[128];
        (void)state;
        net_host_init(&host);
        (void)snprintf(other, sizeof(other), "%s/other", host.directory);
        (void)snprintf(other_key, sizeof(other_key), "%s/other-key", host.directory);
        assert_int_equal(tls_server_new("/nonexistent/cert", host.key, &server), MESH_ENOENT);
        assert_int_equal(tls_server_new(host.cert, host.cert, &server), MESH_ETLS);
        assert_int_equal(tls_make_self_signed(other, other_key, "x", env_system()), 0);
        assert_int_equal(tls_server_new(host.cert, other_key, &server), MESH_ETLS);
        assert_int_equal(tls_server_new(other, other_key, &server), 0);
        tls_server_free(server);
        (void)unlink(other);
        (void)unlink(other_key);
        net_host_done(&host);
}

static void test_reload(void **state)
{
        struct net_host host;
        bool changed = true;
        (void)state;
        net_host_init(&host);
        assert_int_equal(tls_server_reload(host.server_tls, &changed), 0);
        assert_false(changed);
        assert_int_equal(tls_make_self_signed(host.cert, host.key, "new.test", env_system()), 0);
        assert_int_equal(tls_server_reload(host.server_tls, &changed), 0);
        assert_true(changed);
        /* Half of a new pair: the one in use stays, and the next try succeeds. */
        struct buffer key = buffer_with_max(10000);
        assert_int_equal(file_read(host.key, &key), 0);
        assert_int_equal(file_write(host.key, "junk", 4, 0600), 0);
        assert_int_equal(tls_server_reload(host.server_tls, &changed), MESH_ETLS);
        assert_int_equal(tls_server_reload(host.server_tls, &changed), MESH_ETLS);
        assert_int_equal(file_write(host.key, key.bytes, key.len, 0600), 0);
        assert_int_equal(tls_server_reload(host.server_tls, &changed), 0);
        assert_true(changed);
        buffer_done(&key);
        net_host_done(&host);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_self_signed),
                cmocka_unit_test(test_files_that_do_not_do),
                cmocka_unit_test(test_reload),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
