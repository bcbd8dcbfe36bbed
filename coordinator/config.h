/* The coordinator's settings: defaults, then /etc/mesh/coordinator.yaml, then flags.
 *
 * The config file is optional; with --config it must exist. Unknown keys are findings with their
 * place. 06-boot.md, "Where things are". */
#pragma once
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/addr.h"
#include "coordinator/api/api.h"
#include "proto/setup_key.h"

#define COORDINATOR_CONFIG    "/etc/mesh/coordinator.yaml"
#define COORDINATOR_STATE_DIR "/var/lib/mesh-coordinator"
#define COORDINATOR_SOCKET    "/run/mesh-coordinator/admin.sock"
#define COORDINATOR_LISTEN    "[::]:443"

enum { CONFIG_LISTEN_MAX = 80 };

struct coordinator_config {
        char path[PATH_MAX]; /* of the config file */
        bool path_given;
        char state_dir[PATH_MAX];
        char socket[PATH_MAX];
        char listen[CONFIG_LISTEN_MAX];
        char h2c[CONFIG_LISTEN_MAX];               /* cleartext for a reverse proxy; empty: none */
        char certificate[PATH_MAX], key[PATH_MAX]; /* empty: self-signed, in the state directory */
        char public_name[SETUP_KEY_HOST_MAX + 1];
        uint16_t public_port;  /* 0: that of `listen` */
        struct ip_prefix ipv4; /* addr.len 0: choose at first start */
        struct ip_endpoint pins[API_PINS_MAX];
        size_t pin_count;
};

/* Reads flags and file. Returns -1 to go on, else the exit code, after help or an error was
 * printed. */
int coordinator_config_read(int argc, char **argv, struct coordinator_config *ret_config);
