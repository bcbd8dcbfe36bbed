/* Wires store, registry, netmap, api and listeners together on one loop; see the header. */
#include "coordinator/daemon.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "common/env.h"
#include "common/error.h"
#include "common/file.h"
#include "common/grpc/server.h"
#include "common/log.h"
#include "common/net/listener.h"
#include "common/net/tls.h"
#include "common/notify.h"
#include "coordinator/local_prefix.h"
#include "coordinator/registry/registry.h"

enum { TICK_MS = 1000, CERTIFICATE_CHECK_MS = 60000, LOCAL_PREFIXES_MAX = 256 };

struct daemon {
        const struct coordinator_config *config;
        uv_loop_t loop;
        uv_async_t wake;
        uv_timer_t tick;
        uv_timer_t watchdog;
        uv_signal_t signals[3];
        struct notify notify;
        struct api_public public;
        char listener_texts[3][PATH_MAX + 8];
        struct api *api;
        struct netmap *netmap;
        struct registry *registry;
        struct tls_server *tls;
        struct grpc_server *server;
        uint64_t certificate_checked_ms;
        size_t told_members; /* to the service manager */
        bool sick;           /* said in the log: changes cannot be stored */
        bool stopping;
};

/* ---- events ---- */

/* What `systemctl status` shows. */
static void tell_manager(struct daemon *d)
{
        size_t members = registry_node_count(d->registry);
        if (members != d->told_members)
                notify_send(&d->notify, "STATUS=%zu members", members);
        d->told_members = members;
}

/* On the writer thread. */
static void wake_loop(void *user)
{
        struct daemon *d = user;
        (void)uv_async_send(&d->wake);
}

static void reload_certificate(struct daemon *d)
{
        bool changed = false;
        int err = tls_server_reload(d->tls, &changed);
        if (err)
                log_warning("the certificate files changed but cannot be used (%s); the old "
                            "certificate stays",
                            mesh_strerror(err));
        else if (changed)
                log_notice("new certificate loaded");
}

static void tell_health(struct daemon *d)
{
        const char *detail;
        bool sick = !registry_healthy(d->registry, &detail);
        if (sick && !d->sick)
                log_error("cannot store changes: %s. Members stay connected; enrolments, new "
                          "connections and changes are answered UNAVAILABLE until it is possible "
                          "again",
                          detail);
        else if (!sick && d->sick)
                log_notice("changes are stored again");
        d->sick = sick;
}

static void on_wake(uv_async_t *wake)
{
        struct daemon *d = wake->data;
        registry_run(d->registry);
        tell_health(d);
        tell_manager(d);
        api_pump(d->api);
}

static void on_tick(uv_timer_t *tick)
{
        struct daemon *d = tick->data;
        uint64_t now_ms = env_monotonic_ms(env_system());
        registry_tick(d->registry);
        registry_run(d->registry);
        tell_health(d);
        tell_manager(d);
        api_pump(d->api);
        api_tick(d->api);
        if (now_ms - d->certificate_checked_ms >= CERTIFICATE_CHECK_MS) {
                d->certificate_checked_ms = now_ms;
                reload_certificate(d);
        }
}

static void on_watchdog(uv_timer_t *timer)
{
        const struct daemon *d = timer->data;
        notify_send(&d->notify, "WATCHDOG=1");
}

static void on_drained(void *user)
{
        struct daemon *d = user;
        uv_stop(&d->loop);
}

static void stop(struct daemon *d)
{
        if (d->stopping) { /* asked twice: do not wait for clients */
                uv_stop(&d->loop);
                return;
        }
        d->stopping = true;
        notify_send(&d->notify, "STOPPING=1");
        log_notice("stopping");
        api_stop(d->api);
        grpc_server_shutdown(d->server, on_drained, d);
}

static void on_signal(uv_signal_t *handle, int number)
{
        struct daemon *d = handle->data;
        if (number == SIGHUP)
                reload_certificate(d);
        else
                stop(d);
}

/* ---- start ---- */

static int open_state(struct daemon *d)
{
        static struct ip_prefix local[LOCAL_PREFIXES_MAX];
        char path[PATH_MAX], detail[REGISTRY_DETAIL_MAX] = "";
        const struct netmap_callbacks callbacks = api_netmap_callbacks(d->api);
        int err = directory_make(d->config->state_dir, 0700);
        if (!err)
                err = path_join(path, sizeof(path), d->config->state_dir, "coordinator.db");
        if (!err)
                err = netmap_new(&callbacks, &d->netmap);
        if (err) {
                log_error("%s: %s", d->config->state_dir, mesh_strerror(err));
                return err;
        }
        const struct registry_options options = {
                .path = path,
                .env = env_system(),
                .netmap = d->netmap,
                .ipv4 = d->config->ipv4,
                .local_prefixes = local,
                .local_prefix_count = local_prefixes_read(local, LOCAL_PREFIXES_MAX),
                .threaded = true,
                .wake = wake_loop,
                .wake_user = d,
        };
        err = registry_open(&options, detail, &d->registry);
        if (err)
                log_error("%s: %s%s%s", path, mesh_strerror(err), detail[0] ? ": " : "", detail);
        else
                api_attach(d->api, d->registry, d->netmap);
        return err;
}

static int open_certificate(struct daemon *d)
{
        char cert[PATH_MAX], key[PATH_MAX];
        bool own = d->config->certificate[0] == '\0';
        int err = 0;
        if (own) {
                err = path_join(cert, sizeof(cert), d->config->state_dir, "certificate.pem");
                if (!err)
                        err = path_join(key, sizeof(key), d->config->state_dir, "key.pem");
        } else {
                (void)snprintf(cert, sizeof(cert), "%s", d->config->certificate);
                (void)snprintf(key, sizeof(key), "%s", d->config->key);
        }
        if (!err && own && (access(cert, F_OK) != 0 || access(key, F_OK) != 0)) {
                const char *name =
                        d->config->public_name[0] ? d->config->public_name : "mesh-coordinator";
                err = tls_make_self_signed(cert, key, name, env_system());
                if (!err)
                        log_notice("made a self-signed certificate, %s: members pin the "
                                   "coordinator's identity, not the certificate",
                                   cert);
        }
        if (!err)
                err = tls_server_new(cert, key, &d->tls);
        if (err)
                log_error("certificate %s: %s", cert, mesh_strerror(err));
        return err;
}

static void explain_listen(const char *address, bool is_unix, int err)
{
        if (is_unix && err == MESH_EADDRINUSE)
                log_error("cannot listen on %s: another process does; stop it, or choose another "
                          "place with --socket",
                          address);
        else if (is_unix && err == MESH_ELIMIT)
                log_error("cannot listen on %s: the path of a socket has at most 107 bytes; choose "
                          "a shorter one with --socket",
                          address);
        else if (!is_unix && err == MESH_EFORMAT)
                log_error("cannot listen on %s: write ADDRESS:PORT, as in 0.0.0.0:443 or [::]:443",
                          address);
        else if (err == MESH_EADDRINUSE)
                log_error("cannot listen on %s: %s. Two ways out: --listen with another port (it "
                          "becomes part of new setup keys), or `h2c: 127.0.0.1:8444` in the config "
                          "behind the proxy that has the port",
                          address, mesh_strerror(err));
        else if (!is_unix && err == MESH_EPERM)
                log_error("cannot listen on %s: %s; ports below 1024 need root or "
                          "CAP_NET_BIND_SERVICE",
                          address, mesh_strerror(err));
        else
                log_error("cannot listen on %s: %s", address, mesh_strerror(err));
}

/* Listens, and notes it for health. */
static int listen_on(struct daemon *d, const char *kind, const char *address,
                     const struct listener_options *options, uint16_t *ret_port)
{
        struct listener *listener;
        int err = grpc_server_listen(d->server, options, &listener);
        if (err) {
                explain_listen(address, options->unix_path != NULL, err);
                return err;
        }
        uint16_t port = listener_port(listener);
        char *text = d->listener_texts[d->public.listener_count];
        size_t size = sizeof(d->listener_texts[0]);
        const char *colon = port ? strrchr(address, ':') : NULL;
        if (colon) /* port 0 became a real one */
                (void)snprintf(text, size, "%s %.*s:%u", kind, (int)(colon - address), address,
                               port);
        else
                (void)snprintf(text, size, "%s %s", kind, address);
        d->public.listeners[d->public.listener_count++] = text;
        log_notice("listening: %s", text);
        if (ret_port)
                *ret_port = port;
        return 0;
}

static int open_listeners(struct daemon *d)
{
        const struct coordinator_config *config = d->config;
        const struct listener_options api = { .address = config->listen, .tls = d->tls };
        const struct listener_options h2c = { .address = config->h2c };
        const struct listener_options admin = { .unix_path = config->socket, .unix_mode = 0600 };
        char directory[PATH_MAX];
        const char *slash = strrchr(config->socket, '/');
        uint16_t port = 0;
        size_t service_count;
        struct grpc_server_options options = { .services = api_services(d->api, &service_count),
                                               .env = env_system() };
        options.service_count = service_count;
        if (slash && slash != config->socket) {
                (void)snprintf(directory, sizeof(directory), "%.*s", (int)(slash - config->socket),
                               config->socket);
                int err = directory_make(directory, 0755);
                if (err) {
                        log_error("%s: %s", directory, mesh_strerror(err));
                        return err;
                }
        }
        int err = grpc_server_new(&d->loop, &options, &d->server);
        if (!err)
                err = listen_on(d, "tls", config->listen, &api, &port);
        if (!err && config->h2c[0])
                err = listen_on(d, "h2c", config->h2c, &h2c, NULL);
        if (!err)
                err = listen_on(d, "unix", config->socket, &admin, NULL);
        d->public.port = config->public_port ? config->public_port : port;
        return err;
}

/* Addresses that members should pin: the configured ones, and the public name if it is one. */
static void fill_public(struct daemon *d)
{
        struct ip_endpoint endpoint = { .port = d->public.port };
        d->public.name = d->config->public_name;
        memcpy(d->public.pins, d->config->pins, sizeof(d->public.pins));
        d->public.pin_count = d->config->pin_count;
        if (ip_addr_parse(d->config->public_name, &endpoint.addr) == 0 &&
            d->public.pin_count < API_PINS_MAX)
                d->public.pins[d->public.pin_count++] = endpoint;
        if (!d->config->public_name[0])
                log_warning("no public name: members enrol only with one; start with --public-name "
                            "FQDN[:PORT]");
}

static void arm(struct daemon *d)
{
        static const int numbers[] = { SIGTERM, SIGINT, SIGHUP };
        uint64_t watchdog_ms = d->notify.watchdog_ms;
        (void)uv_timer_init(&d->loop, &d->tick);
        d->tick.data = d;
        (void)uv_timer_start(&d->tick, on_tick, TICK_MS, TICK_MS);
        (void)uv_timer_init(&d->loop, &d->watchdog);
        d->watchdog.data = d;
        if (watchdog_ms)
                (void)uv_timer_start(&d->watchdog, on_watchdog, watchdog_ms, watchdog_ms);
        for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
                (void)uv_signal_init(&d->loop, &d->signals[i]);
                d->signals[i].data = d;
                (void)uv_signal_start(&d->signals[i], on_signal, numbers[i]);
        }
}

static int start(struct daemon *d)
{
        int err = api_new(env_system(), &d->public, &d->api);
        if (!err)
                err = open_state(d);
        if (!err)
                err = open_certificate(d);
        if (!err)
                err = open_listeners(d);
        if (err)
                return err;
        fill_public(d);
        arm(d);
        d->told_members = registry_node_count(d->registry);
        notify_send(&d->notify, "READY=1\nSTATUS=%zu members", d->told_members);
        log_notice("mesh-coordinator %s is ready: %zu members", MESH_VERSION, d->told_members);
        return 0;
}

/* ---- end ---- */

static void close_handle(uv_handle_t *handle, void *unused)
{
        (void)unused;
        if (!uv_is_closing(handle))
                uv_close(handle, NULL);
}

static void finish(struct daemon *d)
{
        grpc_server_free(d->server); /* calls end here */
        registry_close(d->registry); /* and pending changes here */
        netmap_free(d->netmap);
        api_free(d->api);
        tls_server_free(d->tls);
        (void)uv_run(&d->loop, UV_RUN_NOWAIT); /* what the server's closing needs */
        uv_walk(&d->loop, close_handle, NULL);
        (void)uv_run(&d->loop, UV_RUN_DEFAULT);
        (void)uv_loop_close(&d->loop);
}

int coordinator_run(const struct coordinator_config *config)
{
        static struct daemon daemon; /* too large for the stack; there is one */
        struct daemon *d = &daemon;
        d->config = config;
        notify_init(&d->notify);
        int err = mesh_error_from_errno(uv_loop_init(&d->loop));
        if (err) {
                log_error("no event loop: %s", mesh_strerror(err));
                return 1;
        }
        (void)uv_async_init(&d->loop, &d->wake, on_wake);
        d->wake.data = d;
        err = start(d);
        if (!err)
                (void)uv_run(&d->loop, UV_RUN_DEFAULT);
        finish(d);
        notify_done(&d->notify);
        return err ? 1 : 0;
}
