/* Any bytes as YAML: no crash; either a tree whose nodes hang together, or a finding. */
#include <stdint.h>
#include <stdlib.h>

#include "common/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);
const char *__lsan_default_suppressions(void);

/* libfyaml 0.7.12 forgets the text of a quoted scalar that is broken after some hundred bytes. */
const char *__lsan_default_suppressions(void)
{
        return "leak:libfyaml\n";
}

static size_t walk(const struct yaml_node *node, size_t depth)
{
        if (depth > YAML_DEPTH_MAX || (node->kind == YAML_SCALAR) != (node->text != NULL))
                abort();
        size_t count = 0;
        for (const struct yaml_node *n = node->first; n; n = n->next, count++)
                walk(n, depth + 1);
        if (count != node->count)
                abort();
        return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
        struct findings findings = { 0 };
        struct yaml *yaml = NULL;
        if (yaml_parse("fuzz", bytes, len, YAML_BYTES_MAX, &findings, &yaml) == 0)
                walk(yaml_root(yaml), 0);
        else if (findings.errors == 0)
                abort();
        yaml_free(yaml);
        findings_done(&findings);
        return 0;
}
