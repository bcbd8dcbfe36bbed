/* sshd's ports; see the header. */
#include "firewall/ssh_ports.h"

#include <glob.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/buffer.h"
#include "common/file.h"

enum { CONFIG_BYTES_MAX = 256 * 1024, SSH_PORT_DEFAULT = 22, WORD_MAX = 128 };

/* The next word of *AT, copied to OUT; false if there is none or it is too long. */
static bool take_word(const char **at, char out[static WORD_MAX])
{
        static const char between[] = " \t=\"";
        *at += strspn(*at, between);
        size_t len = strcspn(*at, between);
        if (len == 0 || len >= WORD_MAX)
                return false;
        memcpy(out, *at, len);
        out[len] = '\0';
        *at += len;
        return true;
}

void ssh_ports_add(uint16_t port, uint16_t out[static SSH_PORTS_MAX], size_t *count)
{
        if (port == 0 || *count == SSH_PORTS_MAX)
                return;
        for (size_t i = 0; i < *count; i++)
                if (out[i] == port)
                        return;
        out[(*count)++] = port;
}

static void add(uint16_t out[static SSH_PORTS_MAX], size_t *count, unsigned long port)
{
        if (port <= UINT16_MAX)
                ssh_ports_add((uint16_t)port, out, count);
}

void ssh_ports_add_connection(const char *connection, uint16_t out[static SSH_PORTS_MAX],
                              size_t *count)
{
        char client[WORD_MAX], client_port[WORD_MAX], server[WORD_MAX], port[WORD_MAX];
        if (connection && take_word(&connection, client) && take_word(&connection, client_port) &&
            take_word(&connection, server) && take_word(&connection, port) && !*connection)
                add(out, count, strtoul(port, NULL, 10));
}

/* The port of "host:port", "[v6]:port"; 0 for an address alone. */
static unsigned long port_of_address(const char *value)
{
        const char *colon = strrchr(value, ':');
        bool alone = !colon || (value[0] != '[' && strchr(value, ':') != colon);
        return alone || (value[0] == '[' && colon[-1] != ']') ? 0 : strtoul(colon + 1, NULL, 10);
}

static void parse_line(const char *line, uint16_t out[static SSH_PORTS_MAX], size_t *count)
{
        char key[WORD_MAX], value[WORD_MAX];
        if (!take_word(&line, key) || !take_word(&line, value))
                return;
        if (strcasecmp(key, "Port") == 0)
                add(out, count, strtoul(value, NULL, 10));
        else if (strcasecmp(key, "ListenAddress") == 0)
                add(out, count, port_of_address(value));
}

void ssh_ports_parse(const char *text, uint16_t out[static SSH_PORTS_MAX], size_t *count)
{
        while (*text) {
                char line[256];
                size_t len = strcspn(text, "\r\n");
                if (len < sizeof(line)) {
                        memcpy(line, text, len);
                        line[len] = '\0';
                        parse_line(line, out, count);
                }
                text += len;
                text += strspn(text, "\r\n");
        }
}

static void parse_file(const char *path, uint16_t out[static SSH_PORTS_MAX], size_t *count)
{
        struct buffer text = buffer_with_max(CONFIG_BYTES_MAX);
        if (file_read(path, &text) == 0) {
                buffer_put_u8(&text, 0);
                if (buffer_error(&text) == 0)
                        ssh_ports_parse((const char *)text.bytes, out, count);
        }
        buffer_done(&text);
}

size_t ssh_ports(uint16_t out[static SSH_PORTS_MAX])
{
        size_t count = 0;
        glob_t found;
        parse_file("/etc/ssh/sshd_config", out, &count);
        if (glob("/etc/ssh/sshd_config.d/*.conf", 0, NULL, &found) == 0) {
                for (size_t i = 0; i < found.gl_pathc; i++)
                        parse_file(found.gl_pathv[i], out, &count);
                globfree(&found);
        }
        if (count == 0)
                out[count++] = SSH_PORT_DEFAULT;
        return count;
}
