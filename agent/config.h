/* The agent's config file, /etc/mesh/agent.yaml: strict, and never a reason not to start.
 *
 * Written by `meshctl enroll` and by people; the agent only reads it. A file that is bad, or has
 * gone, keeps the last good copy (in the state directory) and says so; when that is unreadable,
 * too, the built-in defaults hold: mode mesh, break-glass for ssh. The state directory is named by
 * the command line only: a file cannot say where the copy of itself is when it has gone. `meshctl
 * leave` forgets the copy. 04-firewall.md, "Break glass and local rules". */
#pragma once
#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>

#include "agent/state/disk.h"
#include "common/addr.h"
#include "common/log.h"
#include "firewall/local.h"

#define AGENT_CONFIG_PATH "/etc/mesh/agent.yaml"
#define AGENT_STATE_DIR   "/var/lib/mesh-agent"
#define AGENT_SOCKET      "/run/mesh-agent/control.sock"
#define AGENT_INTERFACE   "mesh0"

enum {
        AGENT_CONFIG_BYTES_MAX = 256 * 1024,
        AGENT_CONFIG_PINS_MAX = 16,
        AGENT_SOCKET_MAX = 108, /* sockaddr_un.sun_path */
        AGENT_CONFIG_WARNING_MAX = 512,
};

/* From the command line; NULL: not given. They win over the file. */
struct agent_flags {
        const char *config;
        const char *state_dir;
        const char *interface;
        const char *socket;
};

enum agent_config_source {
        AGENT_CONFIG_FROM_FILE,
        AGENT_CONFIG_FROM_COPY, /* the last good one */
        AGENT_CONFIG_BUILT_IN,
};

struct agent_config {
        char interface[IFNAMSIZ];
        char state_dir[STATE_PATH_MAX];
        char socket[AGENT_SOCKET_MAX];
        enum log_level log_level;
        struct ip_endpoint pins[AGENT_CONFIG_PINS_MAX]; /* port 0: the coordinator's */
        size_t pin_count;
        struct local_firewall firewall;
        enum agent_config_source source;
        char *text; /* owned; the file's text, if it came from the file and was good */
        size_t text_len;
};

/* Reads the config as FLAGS say. Always yields one, returned owned; WARNING tells if it is not the
 * file's, with the first finding ("PATH:LINE:COL: message"), else "". An interface of that name
 * that is no WireGuard, or somebody else's (apply_may_use), makes a file bad. MESH_ENOMEM; for a
 * flag MESH_EINVAL or MESH_EEXIST, with WARNING saying why. */
int agent_config_load(const struct agent_flags *flags, struct agent_config *ret_config,
                      char warning[static AGENT_CONFIG_WARNING_MAX]);

/* Keeps a config that came from the file as the last good copy, if it differs from the one that is
 * kept. Errors of state_dir_write. */
int agent_config_keep(const struct agent_config *config, const struct state_dir *dir);

/* Frees; a zeroed struct is fine. */
void agent_config_done(struct agent_config *config);

/* Reads LEN bytes of TEXT over the defaults; PATH is for the messages. Returned owned. MESH_EFORMAT
 * with WARNING set; MESH_ENOMEM. */
int agent_config_parse(const char *path, const void *text, size_t len,
                       struct agent_config *ret_config,
                       char warning[static AGENT_CONFIG_WARNING_MAX]);
