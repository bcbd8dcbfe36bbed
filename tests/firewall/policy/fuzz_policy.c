/* Any bytes as a policy: no crash; a bad one has an error, a good one answers. */
#include <stdint.h>
#include <stdlib.h>

#include "firewall/policy/effective.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);
const char *__lsan_default_suppressions(void);

/* libfyaml 0.7.12 forgets the text of a quoted scalar that is broken after some hundred bytes. */
const char *__lsan_default_suppressions(void)
{
        return "leak:libfyaml\n";
}

static void ask(const struct policy *policy)
{
        static const char *const tags[] = { "server" };
        const struct policy_node nodes[] = { { .name = "mamba" },
                                             { .tags = tags, .tag_count = 1 } };
        struct effective *e;
        struct access access;
        if (effective_new(policy, nodes, 2, &e))
                return;
        for (size_t b = 0; b < 2; b++) {
                if (effective_access_of(e, b, &access))
                        continue;
                if ((access.rule_count > 0) != (access.set_count > 0))
                        abort();
                if (effective_can(e, 1 - b, b, 6, 22, NULL) && !effective_sees(e, b, 1 - b))
                        abort();
                access_done(&access);
        }
        effective_free(e);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
        struct policy_file file = { "fuzz", bytes, len };
        struct findings findings = { 0 };
        struct policy *policy = NULL;
        int err = policy_parse(&file, 1, &findings, &policy);
        if ((err == 0) != (findings.errors == 0))
                abort();
        if (!err)
                ask(policy);
        policy_free(policy);
        findings_done(&findings);
        return 0;
}
