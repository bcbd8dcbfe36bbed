/* A loop with a deadline, a temporary directory and listeners, for tests of common/net and of what
 * stands on it. Real sockets on loopback; no waiting but for events. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct listener;
struct tls_client;
struct tls_server;

struct net_host {
        uv_loop_t loop;
        uv_timer_t deadline;
        char directory[64];
        char cert[96], key[96], socket[96];
        struct tls_server *server_tls; /* self-signed for "coordinator.test" */
        struct tls_client *client_tls; /* trusts nothing */
};

/* Makes all of it. */
void net_host_init(struct net_host *host);

/* Runs the loop until *DONE; fails the test after 10 s. */
void net_host_run(struct net_host *host, const bool *done);

/* Runs until the loop has nothing more to do, and frees everything. */
void net_host_done(struct net_host *host);
