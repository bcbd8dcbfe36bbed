/* Makes the host what the desired state says; see the header. */
#include "agent/reconcile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/session/backoff.h"
#include "agent/session/netwatch.h"
#include "common/env.h"
#include "common/error.h"
#include "common/log.h"

enum { RETRY_MIN_MS = 1000, RETRY_MAX_MS = 60 * 1000, GREET_MS = 5000 };

struct reconcile {
        struct reconcile_options options;
        struct desired_peers asked; /* of the kernel, in the last pass that succeeded */
        bool has_asked;
        bool greeting; /* see reconcile_greet */
        bool had_ipv6; /* the host, in the last pass */
        struct backoff backoff;
        struct reconcile_report report;
        uv_idle_t soon;
        uv_timer_t retry, greeted;
        unsigned handles;
};

static const struct reconcile_doors kernel = { firewall_apply, apply_reconcile };

static void on_soon(uv_idle_t *idle)
{
        (void)uv_idle_stop(idle);
        (void)reconcile_run(idle->data);
}

static void on_retry(uv_timer_t *timer)
{
        (void)reconcile_run(timer->data);
}

int reconcile_new(const struct reconcile_options *options, struct reconcile **ret_reconcile)
{
        struct reconcile *r = calloc(1, sizeof(*r));
        if (!r)
                return MESH_ENOMEM;
        r->options = *options;
        if (!r->options.doors)
                r->options.doors = &kernel;
        r->report.backend = "";
        r->backoff = (struct backoff){ .min_ms = RETRY_MIN_MS,
                                       .max_ms = RETRY_MAX_MS,
                                       .late_ms = RETRY_MAX_MS,
                                       .late_after_ms = UINT64_MAX };
        r->handles = 3;
        (void)uv_idle_init(options->loop, &r->soon);
        (void)uv_timer_init(options->loop, &r->retry);
        (void)uv_timer_init(options->loop, &r->greeted);
        r->soon.data = r;
        r->retry.data = r;
        r->greeted.data = r;
        *ret_reconcile = r;
        return 0;
}

static void on_closed(uv_handle_t *handle)
{
        struct reconcile *r = handle->data;
        if (--r->handles > 0)
                return;
        desired_peers_done(&r->asked);
        free(r);
}

void reconcile_close(struct reconcile *r)
{
        if (!r)
                return;
        uv_close((uv_handle_t *)&r->soon, on_closed);
        uv_close((uv_handle_t *)&r->retry, on_closed);
        uv_close((uv_handle_t *)&r->greeted, on_closed);
}

void reconcile_request(struct reconcile *r)
{
        (void)uv_idle_start(&r->soon, on_soon);
}

static bool host_has_ipv6(const char *interface)
{
        struct ip_addr addresses[HOST_ADDRESSES_MAX];
        size_t count = host_addresses(interface, addresses);
        for (size_t i = 0; i < count; i++)
                if (addresses[i].len == 16)
                        return true;
        return false;
}

void reconcile_host_changed(struct reconcile *r)
{
        if (host_has_ipv6(r->options.config->interface) != r->had_ipv6)
                reconcile_request(r);
}

static void on_greeted(uv_timer_t *timer)
{
        struct reconcile *r = timer->data;
        r->greeting = false;
        reconcile_request(r);
}

void reconcile_greet(struct reconcile *r)
{
        r->greeting = true;
        (void)uv_timer_start(&r->greeted, on_greeted, GREET_MS, 0);
}

void reconcile_forget(struct reconcile *r)
{
        uint64_t passes = r->report.passes;
        (void)uv_idle_stop(&r->soon);
        (void)uv_timer_stop(&r->retry);
        desired_peers_done(&r->asked);
        r->has_asked = false;
        r->report = (struct reconcile_report){ .passes = passes, .backend = "" };
}

/* Notes an error once, when it begins or changes. */
static void note(char *kept, size_t size, const char *what, const char *text)
{
        if (text[0] && strcmp(kept, text) != 0)
                log_error("%s: %s", what, text);
        else if (kept[0] && !text[0])
                log_notice("%s: works again", what);
        (void)snprintf(kept, size, "%s", text);
}

static int run_firewall(struct reconcile *r)
{
        const struct agent_state *state = r->options.state;
        struct firewall_input input = desired_firewall(state, r->options.config);
        struct firewall_result result = { 0 };
        int err = r->options.doors->firewall(&input, &result);
        const char *text = result.error;
        if (err && !text[0])
                text = mesh_strerror(err);
        note(r->report.firewall_error, sizeof(r->report.firewall_error), "firewall",
             err ? text : "");
        r->report.has_ruleset = result.loaded;
        memcpy(r->report.ruleset_hash, result.hash, sizeof(result.hash));
        if (err)
                return err;
        if (result.changed)
                log_info("firewall: mode %s is loaded",
                         firewall_mode_name(r->options.config->firewall.mode));
        static const struct access nothing;
        const struct access *access = input.access ? input.access : &nothing;
        err = access_hash(access, r->report.access_hash);
        if (state->map)
                memcpy(r->report.policy_hash, state->map->policy_hash, KEY_BYTES);
        return err;
}

static int run_interface(struct reconcile *r)
{
        const struct agent_state *state = r->options.state;
        struct apply_result result = { 0 };
        struct apply_desired desired;
        struct desired_peers peers;
        r->had_ipv6 = host_has_ipv6(r->options.config->interface);
        struct desired_how how = { .before = r->has_asked ? &r->asked : NULL,
                                   .has_ipv6 = r->had_ipv6,
                                   .greet = r->greeting };
        int err = desired_interface(state, r->options.config, &how, &desired, &peers);
        if (err)
                return err;
        err = r->options.doors->interface(&desired, &result);
        note(r->report.apply_error, sizeof(r->report.apply_error), "interface",
             err ? (result.text[0] ? result.text : mesh_strerror(err)) : "");
        if (result.backend)
                r->report.backend = result.backend;
        r->report.listen_port = result.listen_port;
        if (!err && result.changes > 0)
                log_info("interface %s: %zu changes, %zu peers added, %zu changed, %zu removed",
                         desired.ifname, result.changes, result.peers_added, result.peers_changed,
                         result.peers_removed);
        desired_done(&desired);
        if (err) {
                desired_peers_done(&peers);
                return err;
        }
        desired_peers_done(&r->asked);
        r->asked = peers;
        r->has_asked = true;
        return 0;
}

/* Without rules of ours in the kernel nothing may come in over the mesh, so there is no mesh. */
static bool may_run_interface(const struct reconcile *r, int firewall_err)
{
        return !firewall_err || r->report.has_ruleset ||
               r->options.config->firewall.mode == FIREWALL_MODE_OFF;
}

int reconcile_run(struct reconcile *r)
{
        const struct agent_state *state = r->options.state;
        (void)uv_idle_stop(&r->soon);
        (void)uv_timer_stop(&r->retry);
        if (!state->enrolled)
                return 0;
        uint64_t now_ms = env_monotonic_ms(r->options.env);
        int err = run_firewall(r);
        if (may_run_interface(r, err)) {
                int interface_err = run_interface(r);
                err = err ? err : interface_err;
        }
        r->report.passes++;
        if (err) {
                (void)uv_timer_start(
                        &r->retry, on_retry,
                        RETRY_MIN_MS + backoff_draw(&r->backoff, false, r->options.env, now_ms), 0);
        } else {
                backoff_reset(&r->backoff, now_ms);
                r->report.generation = state->map ? state->map->position.generation : 0;
        }
        if (r->options.done)
                r->options.done(r->options.user);
        return err;
}

const struct reconcile_report *reconcile_report(const struct reconcile *r)
{
        return &r->report;
}
