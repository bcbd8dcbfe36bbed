/* The agent's parts and what holds them together; see the header. */
#include "agent/agent.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/agent_sync.h"
#include "common/env.h"
#include "common/error.h"
#include "common/log.h"
#include "common/net/tls.h"

/* ---- config ---- */

static void warn_config(struct agent *agent)
{
        static const char *const instead[] = {
                [AGENT_CONFIG_FROM_FILE] = "",
                [AGENT_CONFIG_FROM_COPY] = "the last good copy is used",
                [AGENT_CONFIG_BUILT_IN] = "built-in defaults are used",
        };
        if (!agent->config_warning[0])
                return;
        size_t len = strlen(agent->config_warning);
        (void)snprintf(agent->config_warning + len, sizeof(agent->config_warning) - len,
                       "; %s until it is repaired", instead[agent->config.source]);
        log_error("CONFIG NOT IN USE: %s", agent->config_warning);
}

static bool needs_restart(const struct agent_config *a, const struct agent_config *b)
{
        return strcmp(a->interface, b->interface) != 0 || strcmp(a->socket, b->socket) != 0;
}

void agent_reload(struct agent *agent)
{
        struct agent_config config;
        char warning[AGENT_CONFIG_WARNING_MAX];
        int err = agent_config_load(&agent->flags, &config, warning);
        if (err) {
                log_error("config: %s; nothing was changed",
                          warning[0] ? warning : mesh_strerror(err));
                return;
        }
        if (needs_restart(&agent->config, &config))
                log_warning("config: interface and socket change at the next start");
        memcpy(config.interface, agent->config.interface, sizeof(config.interface));
        memcpy(config.socket, agent->config.socket, sizeof(config.socket));
        agent_config_done(&agent->config);
        agent->config = config;
        memcpy(agent->config_warning, warning, sizeof(warning));
        warn_config(agent);
        log_set_level(config.log_level);
        err = agent_config_keep(&agent->config, &agent->state.dir);
        if (err)
                log_warning("config: no copy could be kept: %s", mesh_strerror(err));
        reconcile_request(agent->reconcile);
}

/* ---- membership ---- */

/* What `systemctl status` shows. */
static void tell_manager(struct agent *agent)
{
        const struct agent_state *held = &agent->state;
        const struct session *session = uplink_session(agent->uplink);
        if (held->enrolled)
                notify_send(&agent->notify, "STATUS=%s, %zu peers, coordinator: %s",
                            held->membership.name, held->map ? held->map->peer_count : 0,
                            session_state_name(session_state(session)));
        else
                notify_send(&agent->notify, "STATUS=not enrolled");
}

int agent_joined(struct agent *agent)
{
        int err = reconcile_run(agent->reconcile);
        uplink_start(agent->uplink);
        return err;
}

int agent_left(struct agent *agent, char text[static APPLY_TEXT_MAX])
{
        struct firewall_result result = { 0 };
        uplink_stop(agent->uplink);
        reconcile_forget(agent->reconcile);
        const uint8_t *own_key = agent->state.has_keys ? agent->state.keys.wireguard.secret : NULL;
        int err = apply_remove(agent->config.interface, own_key, text);
        if (err == MESH_EEXIST)
                log_notice("leave: %s", text); /* nothing of ours, nothing to take away */
        else if (err)
                return err;
        err = firewall_remove(NULL, &result);
        if (err) {
                (void)snprintf(text, APPLY_TEXT_MAX, "firewall: %s", result.error);
                return err;
        }
        err = agent_state_forget(&agent->state);
        if (err) {
                (void)snprintf(text, APPLY_TEXT_MAX, "state files: %s", mesh_strerror(err));
                return err;
        }
        agent->map_error[0] = '\0';
        tell_manager(agent);
        log_notice("left the mesh: interface, routes, firewall table and keys are gone");
        return 0;
}

/* ---- what the parts tell ---- */

static void on_network(void *user, bool host, bool mesh)
{
        struct agent *agent = user;
        if (mesh && if_nametoindex(agent->config.interface) == 0)
                reconcile_greet(agent->reconcile); /* removed: sessions with peers are lost */
        if (mesh)
                reconcile_request(agent->reconcile); /* somebody may have changed it */
        if (host) {
                reconcile_host_changed(agent->reconcile);
                uplink_network_changed(agent->uplink);
                agent_sync_report(agent);
        }
}

static void on_entered(void *user, enum session_state state)
{
        struct agent *agent = user;
        const struct session *session = uplink_session(agent->uplink);
        const struct session_route *route = session_route(session);
        bool refused;
        if (state == SESSION_CONNECTED && route) {
                char remote[IP_TEXT_MAX];
                log_notice("connected to the coordinator at %s by %s (certificate: %s)",
                           ip_endpoint_format(&route->remote, remote), route->via,
                           route->certificate);
                agent_sync_begin(agent);
                control_connected(agent);
        } else if (state == SESSION_BACKOFF) {
                const char *error = session_error(session, &refused);
                if (refused)
                        log_error("the coordinator refuses this node: %s", error);
                else
                        log_info("not connected to the coordinator: %s", error);
        }
        if (state == SESSION_CONNECTED || state == SESSION_BACKOFF || state == SESSION_IDLE)
                tell_manager(agent);
}

static void on_welcomed(void *user)
{
        struct agent *agent = user;
        reconcile_request(agent->reconcile); /* addresses or prefixes may be new */
}

static void on_received(void *user, const Mesh__V1__CoordinatorMessage *message)
{
        struct agent *agent = user;
        if (message->body_case == MESH__V1__COORDINATOR_MESSAGE__BODY_LEFT)
                control_left(agent);
        else
                agent_sync_take(agent, message);
}

static void on_beat(void *user)
{
        struct agent *agent = user;
        if (++agent->beats % AGENT_REPORT_BEATS == 0)
                agent_sync_report(agent);
}

static void on_reconciled(void *user)
{
        struct agent *agent = user;
        int err = agent_state_save_map(&agent->state);
        if (err)
                log_error("the map could not be stored: %s", mesh_strerror(err));
        agent_sync_applied(agent);
        tell_manager(agent);
}

static const struct uplink_events uplink_events = {
        .welcomed = on_welcomed, .received = on_received, .beat = on_beat, .entered = on_entered
};

/* ---- life cycle ---- */

static int open_state(struct agent *agent)
{
        int err = agent_config_load(&agent->flags, &agent->config, agent->config_warning);
        if (err) {
                log_error("config: %s",
                          agent->config_warning[0] ? agent->config_warning : mesh_strerror(err));
                return err;
        }
        log_set_level(agent->config.log_level);
        warn_config(agent);
        err = agent_state_open(agent->config.state_dir, true, &agent->state);
        if (err == MESH_EBUSY)
                log_error("another agent runs with %s", agent->config.state_dir);
        else if (err)
                log_error("%s: %s", agent->config.state_dir, mesh_strerror(err));
        if (err)
                return err;
        if (agent->state.warning[0])
                log_error("%s", agent->state.warning);
        int keep_err = agent_config_keep(&agent->config, &agent->state.dir);
        if (keep_err)
                log_warning("config: no copy could be kept: %s", mesh_strerror(keep_err));
        return 0;
}

static int make_parts(struct agent *agent)
{
        struct reconcile_options reconcile = { .loop = agent->loop,
                                               .env = agent->env,
                                               .state = &agent->state,
                                               .config = &agent->config,
                                               .done = on_reconciled,
                                               .user = agent };
        struct uplink_options uplink = { .loop = agent->loop,
                                         .env = agent->env,
                                         .state = &agent->state,
                                         .config = &agent->config,
                                         .events = &uplink_events,
                                         .user = agent };
        int err = tls_client_new(NULL, &agent->tls);
        uplink.tls = agent->tls;
        if (!err)
                err = reconcile_new(&reconcile, &agent->reconcile);
        if (!err)
                err = uplink_new(&uplink, &agent->uplink);
        if (err)
                log_error("start: %s", mesh_strerror(err));
        return err;
}

static void close_parts(struct agent *agent)
{
        control_stop(agent);
        netwatch_close(agent->netwatch);
        uplink_close(agent->uplink);
        reconcile_close(agent->reconcile);
        agent->netwatch = NULL;
        agent->uplink = NULL;
        agent->reconcile = NULL;
}

static void on_signal(uv_signal_t *handle, int number)
{
        struct agent *agent = handle->data;
        if (number == SIGHUP) {
                log_notice("reloading the config");
                agent_reload(agent);
                return;
        }
        log_notice("stopping; interface and firewall stay");
        notify_send(&agent->notify, "STOPPING=1");
        uv_stop(agent->loop);
}

static void on_watchdog(uv_timer_t *timer)
{
        const struct agent *agent = timer->data;
        notify_send(&agent->notify, "WATCHDOG=1");
}

static void watch_signals(struct agent *agent)
{
        static const int numbers[] = { SIGTERM, SIGINT, SIGHUP };
        for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
                (void)uv_signal_init(agent->loop, &agent->signals[i]);
                agent->signals[i].data = agent;
                (void)uv_signal_start(&agent->signals[i], on_signal, numbers[i]);
        }
}

static void watch_dog(struct agent *agent)
{
        (void)uv_timer_init(agent->loop, &agent->watchdog);
        agent->watchdog.data = agent;
        if (agent->notify.watchdog_ms)
                (void)uv_timer_start(&agent->watchdog, on_watchdog, agent->notify.watchdog_ms,
                                     agent->notify.watchdog_ms);
}

/* From disk first, before any network call; then the socket; then the network. */
static int begin(struct agent *agent)
{
        reconcile_greet(agent->reconcile);
        (void)reconcile_run(agent->reconcile); /* a failure is repeated, and shown in status */
        int err = control_start(agent);
        if (err) {
                log_error("control socket %s: %s", agent->config.socket, mesh_strerror(err));
                return err;
        }
        int watch_err = netwatch_new(agent->loop, agent->config.interface, on_network, agent,
                                     &agent->netwatch);
        if (watch_err)
                log_warning("changes of the network are not seen: %s", mesh_strerror(watch_err));
        notify_send(&agent->notify, "READY=1");
        tell_manager(agent);
        uplink_start(agent->uplink);
        return 0;
}

static void close_handle(uv_handle_t *handle, void *user)
{
        (void)user;
        if (!uv_is_closing(handle))
                uv_close(handle, NULL);
}

static void note_handle(uv_handle_t *handle, void *user)
{
        bool *ret_any = user;
        (void)handle;
        *ret_any = true;
}

static bool has_handles(uv_loop_t *loop)
{
        bool any = false;
        uv_walk(loop, note_handle, &any);
        return any;
}

/* What the parts close goes with the loop; what is left are our own handles. False: a look-up of a
 * name still hangs in its thread, and is not waited for. */
static bool drain(struct agent *agent)
{
        for (size_t i = 0; i < 3; i++)
                close_handle((uv_handle_t *)&agent->signals[i], NULL);
        close_handle((uv_handle_t *)&agent->watchdog, NULL);
        while (has_handles(agent->loop) && uv_run(agent->loop, UV_RUN_ONCE))
                ;
        return uv_loop_close(agent->loop) == 0;
}

int agent_run(const struct agent_flags *flags)
{
        static struct agent agent; /* large, and there is one */
        uv_loop_t loop;
        agent.flags = *flags;
        agent.env = env_system();
        agent.started_ms = env_monotonic_ms(agent.env);
        agent.loop = &loop;
        notify_init(&agent.notify);
        if (open_state(&agent) != 0 || uv_loop_init(&loop) != 0)
                return 1;
        watch_signals(&agent);
        watch_dog(&agent);
        int err = make_parts(&agent);
        if (!err)
                err = begin(&agent);
        if (!err)
                (void)uv_run(&loop, UV_RUN_DEFAULT);
        close_parts(&agent);
        bool drained = drain(&agent);
        tls_client_free(agent.tls);
        agent_state_done(&agent.state);
        agent_config_done(&agent.config);
        notify_done(&agent.notify);
        if (!drained)
                _exit(err ? 1 : 0); /* exit(3) would join libuv's threads */
        return err ? 1 : 0;
}
