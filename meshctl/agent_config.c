/* Writes the agent's config; see the header. */
#include "meshctl/agent_config.h"

#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buffer.h"
#include "common/error.h"
#include "common/file.h"
#include "common/findings.h"
#include "common/yaml.h"
#include "firewall/local.h"
#include "firewall/ssh_ports.h"
#include "mesh/v1/admin.pb-c.h"
#include "meshctl/output.h"
#include "meshctl/rpc.h"

enum { CONFIG_MAX_BYTES = 1 << 20, SEAL_HEX = 32 };

/* First line of a file that enrolment wrote: a hash of the rest tells whether it was edited. */
static const char marker[] = "# written by `meshctl enroll`, seal ";

static bool flags_given(const struct invocation *in)
{
        return invocation_option(in, "firewall") || invocation_option(in, "no-break-glass") ||
               invocation_options(in, "break-glass-from")->count > 0;
}

static void seal_of(const uint8_t *bytes, size_t len, char ret_hex[static SEAL_HEX + 1])
{
        uint8_t hash[SEAL_HEX / 2];
        crypto_generichash(hash, sizeof(hash), bytes, len, NULL, 0);
        sodium_bin2hex(ret_hex, SEAL_HEX + 1, hash, sizeof(hash));
}

/* Whether the file is as enrolment left it. */
static bool is_untouched(const struct buffer *file)
{
        char seal[SEAL_HEX + 1];
        size_t head = sizeof(marker) - 1 + SEAL_HEX + 1;
        if (file->len < head || memcmp(file->bytes, marker, sizeof(marker) - 1) != 0)
                return false;
        seal_of(file->bytes + head, file->len - head, seal);
        return memcmp(file->bytes + sizeof(marker) - 1, seal, SEAL_HEX) == 0;
}

/* On the coordinator's own host its ports are control-plane ports: no policy can close them. */
static void add_control_plane(const struct invocation *in, struct local_firewall *local)
{
        Mesh__V1__GetHealthRequest request = MESH__V1__GET_HEALTH_REQUEST__INIT;
        struct rpc_reply reply;
        if (access(in->coordinator_socket, F_OK) != 0)
                return;
        int code = rpc_call(in, RPC_COORDINATOR, "/mesh.v1.Admin/GetHealth", &request.base,
                            &mesh__v1__get_health_reply__descriptor, RPC_TIMEOUT_MS, &reply);
        if (code == EXIT_OK) {
                const Mesh__V1__GetHealthReply *health =
                        (const Mesh__V1__GetHealthReply *)reply.message;
                for (size_t i = 0; i < health->n_listeners; i++) {
                        char text[PORT_SPEC_TEXT_MAX];
                        unsigned port;
                        struct port_spec spec;
                        const char *colon = strrchr(health->listeners[i], ':');
                        if (!colon || sscanf(colon, ":%5u", &port) != 1)
                                continue;
                        (void)snprintf(text, sizeof(text), "tcp/%u", port);
                        if (port_spec_parse(text, &spec) == 0)
                                (void)local_firewall_add_control_plane(local, &spec);
                }
        }
        rpc_reply_done(&reply);
}

static int narrow_break_glass(const struct invocation *in, const uint16_t *ports, size_t count,
                              struct local_firewall *local)
{
        const struct option_values *from = invocation_options(in, "break-glass-from");
        struct ip_prefix prefixes[OPTION_VALUES_MAX];
        for (int i = 0; i < from->count; i++)
                if (ip_prefix_parse(from->values[i], &prefixes[i]) != 0)
                        return output_error(in, EXIT_USAGE, NULL,
                                            "--break-glass-from %s: write an address or a prefix, "
                                            "as 192.0.2.7 or 10.20.10.0/24",
                                            from->values[i]);
        if (from->count == 0)
                return EXIT_OK;
        local_firewall_clear_break_glass(local);
        for (size_t i = 0; i < count; i++) {
                struct port_spec spec = { .protocol = 6, .ports = { ports[i], ports[i] } };
                int err =
                        local_firewall_add_break_glass(local, &spec, prefixes, (size_t)from->count);
                if (err)
                        return output_error(in, EXIT_FAILED, NULL, "%s", mesh_strerror(err));
        }
        return EXIT_OK;
}

/* The way in that is in use first of all; then what root sees, since the agent may not read every
 * drop-in of sshd; then what the agent found. */
static size_t find_ssh_ports(const Mesh__V1__DescribeReply *describe,
                             uint16_t ret_ports[static SSH_PORTS_MAX])
{
        uint16_t own[SSH_PORTS_MAX];
        size_t count = 0, own_count = ssh_ports(own);
        ssh_ports_add_connection(getenv("SSH_CONNECTION"), ret_ports, &count);
        for (size_t i = 0; i < own_count; i++)
                ssh_ports_add(own[i], ret_ports, &count);
        for (size_t i = 0; i < describe->n_ssh_ports; i++)
                ssh_ports_add((uint16_t)describe->ssh_ports[i], ret_ports, &count);
        return count;
}

/* What an earlier enrolment wrote; MESH_EFORMAT if it cannot be read. */
static int parse_old(const char *path, const struct buffer *file, struct local_firewall *ret_local)
{
        struct findings findings = { 0 };
        struct yaml *yaml = NULL;
        int err = yaml_parse(path, file->bytes, file->len, CONFIG_MAX_BYTES, &findings, &yaml);
        if (!err)
                err = local_firewall_parse(yaml, yaml_get(yaml_root(yaml), "firewall"),
                                           yaml_get(yaml_root(yaml), "control_plane"), ret_local);
        yaml_free(yaml);
        findings_done(&findings);
        return err;
}

/* Starts from OLD (NULL: there is none), so that a flag changes what it says and nothing else. */
static int build(const struct invocation *in, const Mesh__V1__DescribeReply *describe,
                 const struct buffer *old, struct local_firewall *ret_local)
{
        const char *mode_text = invocation_option(in, "firewall");
        enum firewall_mode mode = FIREWALL_MODE_MESH;
        uint16_t ports[SSH_PORTS_MAX];
        size_t count = find_ssh_ports(describe, ports);
        if (mode_text && firewall_mode_parse(mode_text, &mode) != 0)
                return output_error(in, EXIT_USAGE, NULL, "--firewall %s: write host, mesh or off",
                                    mode_text);
        int err = old ? parse_old(describe->config_path, old, ret_local)
                      : local_firewall_default(mode, ports, count, ret_local);
        if (err)
                return output_error(in, EXIT_FAILED, NULL, "%s: %s", describe->config_path,
                                    mesh_strerror(err));
        if (mode_text)
                ret_local->mode = mode;
        int code = narrow_break_glass(in, ports, count, ret_local);
        if (invocation_option(in, "no-break-glass"))
                local_firewall_clear_break_glass(ret_local);
        if (code == EXIT_OK && !old)
                add_control_plane(in, ret_local);
        return code;
}

static int write_file(const struct invocation *in, const char *path,
                      const struct local_firewall *local)
{
        struct buffer body = buffer_with_max(CONFIG_MAX_BYTES);
        struct buffer file = buffer_with_max(CONFIG_MAX_BYTES);
        char seal[SEAL_HEX + 1], directory[PATH_MAX];
        buffer_printf(&body, "# This host's own settings: no policy and no coordinator can change "
                             "them.\n# Edit freely; then: systemctl reload mesh-agent\n");
        local_firewall_write(local, &body);
        seal_of(body.bytes, body.len, seal);
        buffer_printf(&file, "%s%s\n", marker, seal);
        buffer_put(&file, body.bytes, body.len);
        int err = buffer_error(&body) ? buffer_error(&body) : buffer_error(&file);
        const char *slash = strrchr(path, '/');
        if (!err && slash && slash != path) {
                (void)snprintf(directory, sizeof(directory), "%.*s", (int)(slash - path), path);
                err = directory_make(directory, 0755);
        }
        if (!err)
                err = file_write(path, file.bytes, file.len, 0644);
        buffer_done(&file);
        buffer_done(&body);
        return err ? output_error(in, EXIT_FAILED, NULL, "%s: %s", path, mesh_strerror(err))
                   : EXIT_OK;
}

int agent_config_write(const struct invocation *in, const Mesh__V1__DescribeReply *describe,
                       enum agent_config_outcome *ret_outcome)
{
        const char *path = describe->config_path;
        struct buffer old = buffer_with_max(CONFIG_MAX_BYTES);
        struct local_firewall local = { 0 };
        enum agent_config_outcome outcome = AGENT_CONFIG_KEPT;
        int code = EXIT_OK, err = file_read(path, &old);
        bool exists = err != MESH_ENOENT;
        if (exists && err) {
                code = output_error(in, EXIT_FAILED, NULL, "%s: %s", path, mesh_strerror(err));
        } else if (exists && flags_given(in) && !is_untouched(&old)) {
                code = output_error(in, EXIT_FAILED, "config_edited",
                                    "%s was edited by hand, so the firewall flags are not written "
                                    "over it; change it there, or move it away and enrol again",
                                    path);
        } else if (!exists || flags_given(in)) {
                outcome = AGENT_CONFIG_WRITTEN;
                code = build(in, describe, exists ? &old : NULL, &local);
                if (code == EXIT_OK)
                        code = write_file(in, path, &local);
        }
        local_firewall_done(&local);
        buffer_done(&old);
        if (code == EXIT_OK)
                *ret_outcome = outcome;
        return code;
}
