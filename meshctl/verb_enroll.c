/* meshctl enroll: from a setup key to a member.
 *
 * The key is checked before anything is asked or written; then the agent's config is written, and
 * the agent does the rest. Idempotent. 11-cli.md. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/label.h"
#include "mesh/v1/local.pb-c.h"
#include "meshctl/agent_config.h"
#include "meshctl/output.h"
#include "meshctl/rpc.h"
#include "meshctl/setup_key_source.h"
#include "meshctl/verbs.h"

enum { ENROLL_TIMEOUT_MS = 60000 };

static int describe(const struct invocation *in, struct rpc_reply *reply)
{
        Mesh__V1__DescribeRequest request = MESH__V1__DESCRIBE_REQUEST__INIT;
        return rpc_call(in, RPC_AGENT, "/mesh.v1.Local/Describe", &request.base,
                        &mesh__v1__describe_reply__descriptor, RPC_TIMEOUT_MS, reply);
}

/* Mode `host` closes every port that is not listed: a person at a terminal is asked. */
static int confirm_host_mode(const struct invocation *in)
{
        const char *mode = invocation_option(in, "firewall");
        char answer[8] = "";
        if (!mode || strcmp(mode, "host") != 0 || invocation_option(in, "yes") ||
            !isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
                return EXIT_OK;
        (void)fprintf(stderr,
                      "Firewall mode `host` denies everything that enters this host, on any "
                      "interface, but the mesh's own ports%s. Go on? [y/N] ",
                      invocation_option(in, "no-break-glass") ? "" : " and sshd's");
        if (!fgets(answer, sizeof(answer), stdin) || (answer[0] != 'y' && answer[0] != 'Y'))
                return output_error(in, EXIT_FAILED, NULL, "nothing was done");
        return EXIT_OK;
}

static void show(const struct invocation *in, const Mesh__V1__LocalEnrollReply *reply,
                 const char *config_path, enum agent_config_outcome outcome)
{
        char addresses[OUTPUT_TEXT_MAX];
        bool written = outcome == AGENT_CONFIG_WRITTEN;
        if (in->json) {
                output_json(json_pack(
                        "{s:b, s:s, s:b, s:o, s:o, s:s, s:i, s:s, s:s, s:s, s:b}", "changed",
                        !reply->unchanged, "name", reply->name, "name_pending", reply->name_pending,
                        "id", output_json_hex(&reply->node_id), "addresses",
                        output_json_prefixes(reply->addresses, reply->n_addresses, false),
                        "interface", reply->interface, "wireguard_port", (int)reply->wireguard_port,
                        "backend", reply->backend, "firewall", reply->firewall, "config_path",
                        config_path, "config_written", written));
                return;
        }
        output_addresses(reply->addresses, reply->n_addresses, addresses);
        (void)printf("%s: %s, %s\n", reply->unchanged ? "unchanged" : "enrolled", reply->name,
                     addresses);
        if (reply->name_pending)
                (void)printf("  the wanted name is not given yet; on the coordinator: "
                             "meshctl node approve %s\n",
                             reply->name);
        (void)printf("  interface %s, WireGuard by %s on udp/%u\n  firewall mode %s\n  %s %s\n",
                     reply->interface, reply->backend, reply->wireguard_port, reply->firewall,
                     written ? "wrote" : "kept", config_path);
}

static int enroll(const struct invocation *in, const char *key,
                  const Mesh__V1__DescribeReply *described)
{
        Mesh__V1__LocalEnrollRequest request = MESH__V1__LOCAL_ENROLL_REQUEST__INIT;
        enum agent_config_outcome outcome = AGENT_CONFIG_KEPT;
        const struct option_values *tags = invocation_options(in, "tag");
        const char *name = invocation_option(in, "name");
        struct rpc_reply reply;
        int code = confirm_host_mode(in);
        if (code == EXIT_OK)
                code = agent_config_write(in, described, &outcome);
        if (code != EXIT_OK)
                return code;
        request.setup_key = (char *)key;
        request.name = (char *)(name ? name : "");
        request.tags = (char **)(void *)tags->values;
        request.n_tags = (size_t)tags->count;
        code = rpc_call(in, RPC_AGENT, "/mesh.v1.Local/Enroll", &request.base,
                        &mesh__v1__local_enroll_reply__descriptor, ENROLL_TIMEOUT_MS, &reply);
        if (code == EXIT_OK)
                show(in, (const Mesh__V1__LocalEnrollReply *)reply.message, described->config_path,
                     outcome);
        rpc_reply_done(&reply);
        return code;
}

/* Whether the host is in the mesh of another coordinator. */
static bool in_other_mesh(const Mesh__V1__DescribeReply *described, const struct setup_key *key)
{
        char mesh[2 * KEY_BYTES + 1];
        sodium_bin2hex(mesh, sizeof(mesh), key->coordinator, KEY_BYTES);
        return described->enrolled && strcmp(described->mesh, mesh) != 0;
}

/* What can be said of the flags before the key is read. */
static int check_flags(const struct invocation *in)
{
        const char *name = invocation_option(in, "name");
        if (name && (!label_valid(name) || label_reserved(name)))
                return output_error(in, EXIT_USAGE, NULL,
                                    "--name %s: write 1 to %d of a-z, 0-9 and '-', not beginning "
                                    "or ending with '-', and not `all`",
                                    name, LABEL_MAX);
        if (invocation_option(in, "no-break-glass") &&
            invocation_options(in, "break-glass-from")->count > 0)
                return output_error(in, EXIT_USAGE, NULL,
                                    "give --no-break-glass or --break-glass-from, not both");
        return EXIT_OK;
}

int verb_enroll(const struct invocation *in)
{
        char text[SETUP_KEY_TEXT_MAX];
        struct setup_key key;
        struct rpc_reply reply;
        int code = check_flags(in);
        if (code == EXIT_OK)
                code = setup_key_source_read(in, text, &key);
        if (code != EXIT_OK)
                return code;
        code = describe(in, &reply);
        if (code == EXIT_OK) {
                const Mesh__V1__DescribeReply *described =
                        (const Mesh__V1__DescribeReply *)reply.message;
                if (in_other_mesh(described, &key))
                        code = output_error(in, EXIT_REFUSED, "other_mesh",
                                            "this host is a member of another mesh; leave it "
                                            "first: meshctl leave");
                else
                        code = enroll(in, text, described);
        }
        rpc_reply_done(&reply);
        setup_key_done(&key);
        sodium_memzero(text, sizeof(text));
        return code;
}
