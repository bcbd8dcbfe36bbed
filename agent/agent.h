/* The agent: its parts, and what holds them together.
 *
 * What comes from the session goes to the state, then to the reconciler, then back to the
 * coordinator as Applied. The control service (local/) sees this struct; nobody else does. */
#pragma once
#include <uv.h>

#include "agent/config.h"
#include "agent/local/control.h"
#include "agent/reconcile.h"
#include "agent/session/netwatch.h"
#include "agent/session/uplink.h"
#include "agent/state/state.h"
#include "common/notify.h"

struct grpc_server;
struct tls_client;

enum { AGENT_REPORT_BEATS = 30 }; /* peers are reported every so many heartbeats: 5 minutes */

struct agent {
        uv_loop_t *loop;
        const struct env *env;
        struct agent_flags flags;
        struct agent_config config;
        char config_warning[AGENT_CONFIG_WARNING_MAX]; /* "" if the file is in use */
        struct agent_state state;
        struct tls_client *tls;
        struct uplink *uplink;
        struct reconcile *reconcile;
        struct netwatch *netwatch;
        struct grpc_server *server;
        struct notify notify;
        struct control control;       /* calls in progress */
        char map_error[MAP_TEXT_MAX]; /* why the last message of the coordinator was refused */
        bool snapshot_wanted;         /* asked for, not here yet */
        unsigned beats;
        uint64_t started_ms;
        uv_signal_t signals[3];
        uv_timer_t watchdog;
};

/* Runs the daemon until SIGTERM or SIGINT, which leave interface, firewall and wireguard-go as they
 * are. Returns the exit code; errors were logged. */
int agent_run(const struct agent_flags *flags);

/* Reads the config again and reconciles; what needs a restart is said. */
void agent_reload(struct agent *agent);

/* After an enrolment: makes the host what the new membership says, and begins to sync. Returns the
 * first error of the pass. */
int agent_joined(struct agent *agent);

/* Ends the membership on this host: session, interface, routes, firewall table, files. Nothing
 * there is fine. TEXT says what failed. */
int agent_left(struct agent *agent, char text[static APPLY_TEXT_MAX]);
