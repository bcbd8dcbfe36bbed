/* The local firewall config from any bytes: what parses is written to text that parses again. */
#include <stdlib.h>

#include "common/buffer.h"
#include "common/yaml.h"
#include "firewall/local.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{ /* the library's own leak, as in tests/common/fuzz_yaml.c */
        return "leak:libfyaml\n";
}

static int parse(const void *bytes, size_t len, struct local_firewall *ret_local)
{
        struct findings findings = { 0 };
        struct yaml *yaml = NULL;
        int err = yaml_parse("f", bytes, len, YAML_BYTES_MAX, &findings, &yaml);
        if (!err)
                err = local_firewall_parse(yaml, yaml_get(yaml_root(yaml), "firewall"),
                                           yaml_get(yaml_root(yaml), "control_plane"), ret_local);
        yaml_free(yaml);
        findings_done(&findings);
        return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct local_firewall local, again = { 0 };
        struct buffer text = buffer_with_max(YAML_BYTES_MAX);
        if (parse(data, size, &local))
                return 0;
        local_firewall_write(&local, &text);
        if (!buffer_error(&text) && parse(text.bytes, text.len, &again))
                abort();
        local_firewall_done(&again);
        buffer_done(&text);
        local_firewall_done(&local);
        return 0;
}
