/* The oneshots; see the header. */
#include "agent/boot.h"

#include "agent/desired.h"
#include "common/error.h"
#include "common/log.h"

/* A host whose membership is damaged is still a member's host: its rules must hold. */
static bool was_member(const struct agent_state *state)
{
        return state->enrolled || state_dir_has_traces(&state->dir, STATE_MEMBERSHIP);
}

static int load_safe(const struct agent_config *config, const struct agent_state *state)
{
        uint16_t port = state->enrolled ? state->membership.wireguard_port : 0;
        struct firewall_input input =
                firewall_safe_input(&config->firewall, config->interface, port);
        struct firewall_result result;
        int err = firewall_apply(&input, &result);
        if (err)
                log_error("the safe ruleset could not be loaded: %s", result.error);
        else
                log_warning("the built-in safe ruleset is loaded, mode %s",
                            firewall_mode_name(config->firewall.mode));
        return err;
}

static int load(const struct agent_config *config, const struct agent_state *state)
{
        struct firewall_input input = desired_firewall(state, config);
        struct firewall_result result;
        if (state->warning[0])
                log_error("%s", state->warning);
        int err = firewall_apply(&input, &result);
        if (!err) {
                log_info("the firewall is loaded from disk, mode %s",
                         firewall_mode_name(config->firewall.mode));
                return 0;
        }
        log_error("the last good ruleset could not be loaded: %s", result.error);
        return load_safe(config, state);
}

static int load_config(const struct agent_flags *flags, struct agent_config *ret_config)
{
        char warning[AGENT_CONFIG_WARNING_MAX];
        int err = agent_config_load(flags, ret_config, warning);
        if (err)
                log_error("config: %s", warning[0] ? warning : mesh_strerror(err));
        else if (warning[0])
                log_error("CONFIG NOT IN USE: %s", warning);
        return err;
}

int boot_load_safe(const struct agent_flags *flags)
{
        static struct agent_state state;
        struct agent_config config;
        const struct agent_flags fewer = { .config = flags->config }; /* which cannot be bad */
        int err = load_config(&fewer, &config);
        if (err)
                return 1;
        (void)agent_state_open(config.state_dir, false, &state); /* for its port, if it is there */
        err = load_safe(&config, &state);
        agent_state_done(&state);
        agent_config_done(&config);
        return err ? 1 : 0;
}

int boot_load_firewall(const struct agent_flags *flags)
{
        static struct agent_state state;
        struct agent_config config;
        int err = load_config(flags, &config);
        if (err)
                return boot_load_safe(flags);
        err = agent_state_open(config.state_dir, false, &state);
        if (err) {
                log_error("%s: %s", config.state_dir, mesh_strerror(err));
                err = load_safe(&config, &state); /* what is there cannot even be read */
        } else if (was_member(&state)) {
                err = load(&config, &state);
        } else {
                log_info("this host is in no mesh; nothing is loaded");
        }
        agent_state_done(&state);
        agent_config_done(&config);
        return err ? 1 : 0;
}

int boot_unload_firewall(const struct agent_flags *flags)
{
        struct firewall_result result;
        (void)flags;
        int err = firewall_remove(NULL, &result);
        if (err)
                log_error("the firewall table could not be removed: %s", result.error);
        else
                log_notice("the firewall table is removed");
        return err ? 1 : 0;
}
