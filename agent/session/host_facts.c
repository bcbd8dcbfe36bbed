/* What a host tells of itself; see the header. */
#include "agent/session/host_facts.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "common/buffer.h"
#include "common/file.h"
#include "common/label.h"

enum { OS_RELEASE_MAX = 64 * 1024 };

/* Control characters would be refused by the coordinator. */
static void copy_fact(char out[static HOST_FACT_MAX], const char *text, size_t len)
{
        size_t used = 0;
        for (size_t i = 0; i < len && used + 1 < HOST_FACT_MAX; i++)
                if (text[i] >= 0x20 && text[i] < 0x7f)
                        out[used++] = text[i];
        out[used] = '\0';
}

/* The value of PRETTY_NAME, with or without quotes. os-release(5). */
static void pretty_name(const char *text, char out[static HOST_FACT_MAX])
{
        static const char key[] = "PRETTY_NAME=";
        for (const char *line = text; line; line = strchr(line, '\n')) {
                line += *line == '\n';
                if (strncmp(line, key, sizeof(key) - 1) != 0)
                        continue;
                const char *value = line + sizeof(key) - 1;
                const char *end = value + strcspn(value, "\n");
                if (end - value >= 2 && (*value == '"' || *value == '\'') && end[-1] == *value) {
                        value++;
                        end--;
                }
                copy_fact(out, value, (size_t)(end - value));
                return;
        }
}

static void read_system(char out[static HOST_FACT_MAX])
{
        static const char *const paths[] = { "/etc/os-release", "/usr/lib/os-release" };
        for (size_t i = 0; i < 2 && !out[0]; i++) {
                struct buffer text = buffer_with_max(OS_RELEASE_MAX);
                if (file_read(paths[i], &text) == 0) {
                        buffer_put_u8(&text, 0);
                        if (buffer_error(&text) == 0)
                                pretty_name((const char *)text.bytes, out);
                }
                buffer_done(&text);
        }
}

void host_facts_read(struct host_facts *ret_facts)
{
        struct utsname names;
        struct host_facts facts = { 0 };
        if (uname(&names) == 0) {
                copy_fact(facts.hostname, names.nodename, strlen(names.nodename));
                copy_fact(facts.kernel, names.release, strlen(names.release));
                copy_fact(facts.machine, names.machine, strlen(names.machine));
        }
        read_system(facts.system);
        *ret_facts = facts;
}

void host_label(const char *hostname, char *out)
{
        size_t used = 0;
        for (const char *at = hostname; *at && *at != '.' && used < LABEL_MAX; at++) {
                char c = *at;
                if (c >= 'A' && c <= 'Z')
                        c = (char)(c - 'A' + 'a');
                bool fits = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
                if (fits || used > 0)
                        out[used++] = fits ? c : '-';
        }
        while (used > 0 && out[used - 1] == '-')
                used--;
        out[used] = '\0';
}
