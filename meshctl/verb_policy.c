/* meshctl policy check / can / apply. */
#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buffer.h"
#include "common/error.h"
#include "common/label.h"
#include "firewall/policy/files.h"
#include "firewall/policy/policy.h"
#include "firewall/port.h"
#include "mesh/v1/admin.pb-c.h"
#include "meshctl/output.h"
#include "meshctl/rpc.h"
#include "meshctl/verbs.h"

enum { RENDER_MAX_BYTES = 1 << 20 };

/* A policy from disk with what was found in it. */
struct loaded {
        struct policy_files files;
        struct findings findings;
        struct policy *policy; /* NULL if there are errors */
};

static void loaded_done(struct loaded *l)
{
        policy_free(l->policy);
        findings_done(&l->findings);
        policy_files_done(&l->files);
}

static int read_files(const struct invocation *in, const char *path, struct policy_files *ret)
{
        char failed[PATH_MAX] = "";
        int err = policy_files_read(path, ret, failed);
        if (!err)
                return EXIT_OK;
        return output_error(in, EXIT_UNREADABLE, "unreadable", "%s: %s", failed[0] ? failed : path,
                            err == MESH_ENOENT ? "no policy file here" : mesh_strerror(err));
}

static int load(const struct invocation *in, const char *path, struct loaded *ret)
{
        *ret = (struct loaded){ 0 };
        int code = read_files(in, path, &ret->files);
        if (code != EXIT_OK)
                return code;
        int err = policy_parse(ret->files.files, ret->files.count, &ret->findings, &ret->policy);
        if (err && ret->findings.errors == 0)
                return output_error(in, EXIT_FAILED, NULL, "%s: %s", path, mesh_strerror(err));
        return EXIT_OK;
}

static json_t *findings_json(const struct findings *findings)
{
        json_t *array = json_array();
        for (size_t i = 0; i < findings->count; i++) {
                const struct finding *f = &findings->items[i];
                (void)json_array_append_new(array, json_pack("{s:s, s:i, s:i, s:b, s:s}", "path",
                                                             f->path, "line", (int)f->line,
                                                             "column", (int)f->column, "warning",
                                                             f->warning, "message", f->message));
        }
        return array;
}

static void print_findings(const struct policy_files *files, const struct findings *findings,
                           FILE *out)
{
        struct buffer text = buffer_with_max(RENDER_MAX_BYTES);
        policy_files_render(files, findings, &text);
        if (text.len > 0)
                (void)fwrite(text.bytes, 1, text.len, out);
        if (findings->dropped > 0)
                (void)fprintf(out, "and %zu more\n", findings->dropped);
        buffer_done(&text);
}

int verb_policy_check(const struct invocation *in)
{
        struct loaded l;
        int code = load(in, in->arguments[0], &l);
        if (code == EXIT_OK) {
                code = l.findings.errors > 0 ? EXIT_FAILED : EXIT_OK;
                if (in->json) {
                        output_json(json_pack("{s:b, s:o, s:i, s:i}", "ok", code == EXIT_OK,
                                              "findings", findings_json(&l.findings), "rules",
                                              l.policy ? (int)policy_rule_count(l.policy) : 0,
                                              "groups",
                                              l.policy ? (int)policy_group_count(l.policy) : 0));
                } else {
                        print_findings(&l.files, &l.findings, stdout);
                        if (code == EXIT_OK)
                                (void)printf("ok: %zu rules, %zu groups\n",
                                             policy_rule_count(l.policy),
                                             policy_group_count(l.policy));
                }
        }
        loaded_done(&l);
        return code;
}

/* The class of a subject: a node's name or "tag:x". */
static int classify(const struct policy *policy, const char *subject, struct policy_class **ret)
{
        if (strncmp(subject, "tag:", 4) == 0) {
                const char *tag = subject + 4;
                return policy_classify(policy, NULL, &tag, 1, ret);
        }
        return policy_classify(policy, subject, NULL, 0, ret);
}

static bool subject_valid(const char *subject)
{
        return label_valid(strncmp(subject, "tag:", 4) == 0 ? subject + 4 : subject);
}

static int answer(const struct invocation *in, const struct policy *policy,
                  const struct port_spec *port)
{
        struct policy_class *from = NULL, *to = NULL;
        const char *a = in->arguments[0], *b = in->arguments[1], *origin = NULL;
        int err = classify(policy, a, &from);
        if (!err)
                err = classify(policy, b, &to);
        if (err) {
                policy_class_free(from);
                return output_error(in, EXIT_FAILED, NULL, "%s", mesh_strerror(err));
        }
        bool same = strcmp(a, b) == 0 && strncmp(a, "tag:", 4) != 0;
        bool allowed =
                same || policy_can(policy, from, to, port->protocol, port->ports.low, &origin);
        policy_class_free(from);
        policy_class_free(to);
        if (in->json)
                output_json(json_pack("{s:b, s:s, s:s, s:s, s:o}", "allowed", allowed, "from", a,
                                      "to", b, "port", in->arguments[2], "rule",
                                      origin ? json_string(origin) : json_null()));
        else if (allowed)
                (void)printf("allowed: %s\n", same ? "a host may talk to itself" : origin);
        else
                (void)printf("denied: no rule lets %s reach %s on %s\n", a, b, in->arguments[2]);
        return allowed ? EXIT_OK : EXIT_FAILED;
}

int verb_policy_can(const struct invocation *in)
{
        const char *path = invocation_option(in, "policy");
        struct port_spec port;
        struct loaded l;
        if (!path)
                return output_error(in, EXIT_USAGE, NULL,
                                    "asking the live policy is not built yet; give --policy PATH");
        for (int i = 0; i < 2; i++)
                if (!subject_valid(in->arguments[i]))
                        return output_error(in, EXIT_USAGE, NULL,
                                            "`%s` is no node name and no tag:NAME",
                                            in->arguments[i]);
        if (port_spec_parse(in->arguments[2], &port) != 0 || port.ports.low != port.ports.high ||
            port.protocol == ACCESS_PROTOCOL_ANY)
                return output_error(
                        in, EXIT_USAGE, NULL,
                        "`%s` is no single port; write tcp/22, udp/53, icmp or proto/47",
                        in->arguments[2]);
        int code = load(in, path, &l);
        if (code == EXIT_OK && !l.policy) {
                print_findings(&l.files, &l.findings, stderr);
                code = output_error(in, EXIT_UNREADABLE, "findings", "%s has findings", path);
        } else if (code == EXIT_OK) {
                code = answer(in, l.policy, &port);
        }
        loaded_done(&l);
        return code;
}

/* Who applies: shown in the history. SUDO_USER names the person behind root. */
static const char *author(void)
{
        const char *sudo = getenv("SUDO_USER");
        const struct passwd *user = sudo ? NULL : getpwuid(geteuid());
        return sudo ? sudo : user ? user->pw_name : "unknown";
}

static void remote_findings(const Mesh__V1__ApplyPolicyReply *reply, struct findings *ret)
{
        for (size_t i = 0; i < reply->n_findings; i++) {
                const Mesh__V1__Finding *f = reply->findings[i];
                if (f->warning)
                        findings_warning(ret, f->path, f->line, f->column, "%s", f->message);
                else
                        findings_error(ret, f->path, f->line, f->column, "%s", f->message);
        }
}

static int show_applied(const struct invocation *in, const struct policy_files *files,
                        const Mesh__V1__ApplyPolicyReply *reply)
{
        struct findings findings = { 0 };
        char hash[OUTPUT_TEXT_MAX];
        bool ok = reply->applied || reply->unchanged;
        remote_findings(reply, &findings);
        if (in->json)
                output_json(json_pack("{s:b, s:b, s:I, s:I, s:o, s:o}", "applied", reply->applied,
                                      "unchanged", reply->unchanged, "version",
                                      (json_int_t)reply->version, "generation",
                                      (json_int_t)reply->generation, "policy_hash",
                                      output_json_hex(&reply->policy_hash), "findings",
                                      findings_json(&findings)));
        else
                print_findings(files, &findings, ok ? stderr : stdout);
        if (!in->json && ok)
                (void)printf("%s: version %llu, hash %s\n",
                             reply->unchanged ? "unchanged" : "applied",
                             (unsigned long long)reply->version,
                             output_hex(&reply->policy_hash, 8, hash));
        if (!in->json && !ok)
                (void)fprintf(stderr, "meshctl: nothing was applied\n");
        findings_done(&findings);
        return ok ? EXIT_OK : EXIT_FAILED;
}

int verb_policy_apply(const struct invocation *in)
{
        const char *commit = invocation_option(in, "commit");
        struct policy_files files = { 0 };
        struct rpc_reply reply;
        int code = read_files(in, in->arguments[0], &files);
        if (code != EXIT_OK)
                return code;
        Mesh__V1__ApplyPolicyRequest request = MESH__V1__APPLY_POLICY_REQUEST__INIT;
        Mesh__V1__PolicyFile *rows = calloc(files.count + 1, sizeof(*rows));
        Mesh__V1__PolicyFile **pointers = calloc(files.count + 1, sizeof(*pointers));
        if (!rows || !pointers) {
                code = output_error(in, EXIT_FAILED, NULL, "out of memory");
                goto out;
        }
        for (size_t i = 0; i < files.count; i++) {
                mesh__v1__policy_file__init(&rows[i]);
                rows[i].path = (char *)files.files[i].path;
                rows[i].text.data = (uint8_t *)files.files[i].bytes;
                rows[i].text.len = files.files[i].len;
                pointers[i] = &rows[i];
        }
        request.files = pointers;
        request.n_files = files.count;
        request.author = (char *)author();
        request.commit = (char *)(commit ? commit : "");
        code = rpc_call(in, RPC_COORDINATOR, "/mesh.v1.Admin/ApplyPolicy", &request.base,
                        &mesh__v1__apply_policy_reply__descriptor, RPC_TIMEOUT_MS, &reply);
        if (code == EXIT_OK)
                code = show_applied(in, &files, (const Mesh__V1__ApplyPolicyReply *)reply.message);
        rpc_reply_done(&reply);
out:
        free(pointers);
        free(rows);
        policy_files_done(&files);
        return code;
}
