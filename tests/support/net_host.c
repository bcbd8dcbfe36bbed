/* Loop and files for tests of sockets; see the header. */
#include "tests/support/net_host.h"

#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/env.h"
#include "common/net/tls.h"
#include "tests/support/unit.h"

enum { DEADLINE_MS = 10000 };

void net_host_init(struct net_host *host)
{
        assert_true(sodium_init() >= 0);
        (void)signal(SIGPIPE, SIG_IGN);
        assert_int_equal(uv_loop_init(&host->loop), 0);
        assert_int_equal(uv_timer_init(&host->loop, &host->deadline), 0);
        (void)snprintf(host->directory, sizeof(host->directory), "/tmp/mesh-net-XXXXXX");
        assert_non_null(mkdtemp(host->directory));
        (void)snprintf(host->cert, sizeof(host->cert), "%s/cert.pem", host->directory);
        (void)snprintf(host->key, sizeof(host->key), "%s/key.pem", host->directory);
        (void)snprintf(host->socket, sizeof(host->socket), "%s/socket", host->directory);
        assert_int_equal(
                tls_make_self_signed(host->cert, host->key, "coordinator.test", env_system()), 0);
        assert_int_equal(tls_server_new(host->cert, host->key, &host->server_tls), 0);
        assert_int_equal(tls_client_new(host->directory, &host->client_tls), 0);
}

static void on_deadline(uv_timer_t *timer)
{
        uv_stop(timer->loop);
}

void net_host_run(struct net_host *host, const bool *done)
{
        (void)uv_timer_start(&host->deadline, on_deadline, DEADLINE_MS, 0);
        while (!*done && uv_is_active((uv_handle_t *)&host->deadline))
                (void)uv_run(&host->loop, UV_RUN_ONCE);
        (void)uv_timer_stop(&host->deadline);
        assert_true(*done);
}

void net_host_done(struct net_host *host)
{
        uv_close((uv_handle_t *)&host->deadline, NULL);
        (void)uv_run(&host->loop, UV_RUN_DEFAULT);
        assert_int_equal(uv_loop_close(&host->loop), 0);
        tls_server_free(host->server_tls);
        tls_client_free(host->client_tls);
        (void)unlink(host->cert);
        (void)unlink(host->key);
        (void)unlink(host->socket);
        assert_int_equal(rmdir(host->directory), 0); /* nothing was left in it */
}
