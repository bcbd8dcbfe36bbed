/* Settings of the coordinator; see the header. */
#include "coordinator/config.h"

#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "common/buffer.h"
#include "common/error.h"
#include "common/file.h"
#include "common/log.h"
#include "common/yaml.h"

enum { EX_USAGE_CODE = 64, EX_CONFIG_CODE = 65 };

static const char usage_text[] =
        "mesh-coordinator [--config FILE] [--state-dir DIR] [--listen ADDR:PORT] [--socket PATH]\n"
        "                 [--public-name FQDN[:PORT]]\n\n"
        "  --config FILE       default " COORDINATOR_CONFIG " (optional)\n"
        "  --state-dir DIR     default " COORDINATOR_STATE_DIR "\n"
        "  --listen ADDR:PORT  API for members, TLS; default " COORDINATOR_LISTEN "\n"
        "  --socket PATH       administration; default " COORDINATOR_SOCKET "\n"
        "  --public-name NAME  where members reach this host; stands in setup keys\n"
        "  --version, --help\n\n"
        "Not built yet: relay, load-datapath, --stun, --relay, --metrics.\n";

enum flag {
        FLAG_CONFIG = 256,
        FLAG_STATE_DIR,
        FLAG_LISTEN,
        FLAG_SOCKET,
        FLAG_PUBLIC_NAME,
        FLAG_NOT_BUILT,
        FLAG_VERSION,
        FLAG_HELP,
};

static const struct option flags[] = {
        { "config", required_argument, NULL, FLAG_CONFIG },
        { "state-dir", required_argument, NULL, FLAG_STATE_DIR },
        { "listen", required_argument, NULL, FLAG_LISTEN },
        { "socket", required_argument, NULL, FLAG_SOCKET },
        { "public-name", required_argument, NULL, FLAG_PUBLIC_NAME },
        { "stun", required_argument, NULL, FLAG_NOT_BUILT },
        { "relay", required_argument, NULL, FLAG_NOT_BUILT },
        { "metrics", required_argument, NULL, FLAG_NOT_BUILT },
        { "version", no_argument, NULL, FLAG_VERSION },
        { "help", no_argument, NULL, FLAG_HELP },
        { 0 },
};

static int wrong_use(const char *what, const char *value)
{
        (void)fprintf(stderr, "mesh-coordinator: %s: %s\nTry --help.\n", value, what);
        return EX_USAGE_CODE;
}

static int set_text(char *to, size_t size, const char *from)
{
        int len = snprintf(to, size, "%s", from);
        return len < 0 || (size_t)len >= size ? MESH_ELIMIT : 0;
}

/* "FQDN", "FQDN:PORT", "192.0.2.1:PORT", "[v6]:PORT" or a literal alone. */
static int set_public_name(struct coordinator_config *config, const char *text)
{
        char host[SETUP_KEY_HOST_MAX + 1];
        struct ip_addr literal;
        unsigned port = 0;
        char rest;
        const char *bracket = text[0] == '[' ? strchr(text, ']') : NULL;
        const char *colon = bracket ? bracket + 1 : strrchr(text, ':');
        size_t len = bracket ? (size_t)(bracket - text - 1) : strlen(text);
        bool bare_v6 = !bracket && ip_addr_parse(text, &literal) == 0 && literal.len == 16;
        if (bare_v6 || (bracket && *colon == '\0'))
                colon = NULL;
        if (colon && (sscanf(colon, ":%5u%c", &port, &rest) != 1 || port == 0 || port > 65535))
                return MESH_EBADPORT;
        if (colon && !bracket)
                len = (size_t)(colon - text);
        if (len == 0 || len >= sizeof(host))
                return MESH_EFORMAT;
        memcpy(host, text + (bracket ? 1 : 0), len);
        host[len] = '\0';
        if (!setup_key_host_valid(host))
                return MESH_EFORMAT;
        memcpy(config->public_name, host, len + 1);
        config->public_port = (uint16_t)port;
        return 0;
}

/* ---- the file ---- */

struct file_values {
        const char *state_dir, *socket, *listen, *h2c, *certificate, *key, *public_name;
        struct ip_prefix ipv4;
        struct yaml_list pins;
        uint64_t log_level;
};

static const char *const level_words[] = { "error", "warning", "notice", "info", "debug", NULL };

#define FIELD(field, kind)                                                                         \
        {                                                                                          \
                .name = #field, .type = kind, .offset = offsetof(struct file_values, field)        \
        }
static const struct yaml_field fields[] = {
        FIELD(state_dir, YAML_TEXT),
        FIELD(socket, YAML_TEXT),
        FIELD(listen, YAML_TEXT),
        FIELD(h2c, YAML_TEXT),
        FIELD(certificate, YAML_TEXT),
        FIELD(key, YAML_TEXT),
        FIELD(public_name, YAML_TEXT),
        FIELD(ipv4, YAML_PREFIX),
        { .name = "pins",
          .type = YAML_ENDPOINT,
          .offset = offsetof(struct file_values, pins),
          .list = true },
        { .name = "log_level",
          .type = YAML_WORD,
          .offset = offsetof(struct file_values, log_level),
          .words = level_words },
        { .name = NULL },
};
#undef FIELD

/* Takes over what the file says; findings for values that do not fit. */
static void take_values(struct yaml *yaml, const struct file_values *v,
                        struct coordinator_config *config)
{
        const struct {
                const char *name, *value;
                char *to;
                size_t size;
        } texts[] = {
                { "state_dir", v->state_dir, config->state_dir, sizeof(config->state_dir) },
                { "socket", v->socket, config->socket, sizeof(config->socket) },
                { "listen", v->listen, config->listen, sizeof(config->listen) },
                { "h2c", v->h2c, config->h2c, sizeof(config->h2c) },
                { "certificate", v->certificate, config->certificate, sizeof(config->certificate) },
                { "key", v->key, config->key, sizeof(config->key) },
        };
        const struct yaml_node *root = yaml_root(yaml);
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
                if (texts[i].value && set_text(texts[i].to, texts[i].size, texts[i].value) != 0)
                        yaml_error(yaml, yaml_get(root, texts[i].name), "too long");
        if (v->public_name && set_public_name(config, v->public_name) != 0)
                yaml_error(yaml, yaml_get(root, "public_name"),
                           "write a lower-case FQDN or an address, with :PORT if it is not that of "
                           "`listen`");
        if ((v->certificate == NULL) != (v->key == NULL))
                yaml_error(yaml, root, "`certificate` and `key` belong together");
        if (v->ipv4.addr.len == 4 && v->ipv4.bits >= 8 && v->ipv4.bits <= 24)
                config->ipv4 = v->ipv4;
        else if (v->ipv4.addr.len)
                yaml_error(yaml, yaml_get(root, "ipv4"), "write an IPv4 prefix from /8 to /24");
        if (v->pins.count > API_PINS_MAX)
                yaml_error(yaml, yaml_get(root, "pins"), "at most %d pins", API_PINS_MAX);
        else if (v->pins.count > 0)
                memcpy(config->pins, v->pins.items, v->pins.count * sizeof(config->pins[0]));
        config->pin_count = v->pins.count;
        log_set_level((enum log_level)(LOG_LEVEL_ERROR + v->log_level));
}

static int read_file(struct coordinator_config *config)
{
        struct buffer bytes = buffer_with_max(YAML_BYTES_MAX);
        struct buffer text = buffer_with_max(YAML_BYTES_MAX);
        struct findings findings = { 0 };
        struct yaml *yaml = NULL;
        struct file_values values = { .log_level = LOG_LEVEL_INFO - LOG_LEVEL_ERROR };
        int code = -1;
        int err = file_read(config->path, &bytes);
        if (err == MESH_ENOENT && !config->path_given)
                goto out;
        if (!err)
                err = yaml_parse(config->path, bytes.bytes, bytes.len, YAML_BYTES_MAX, &findings,
                                 &yaml);
        if (!err)
                err = yaml_read(yaml, yaml_root(yaml), fields, &values);
        if (!err)
                take_values(yaml, &values, config);
        if (err || findings.errors > 0)
                code = EX_CONFIG_CODE;
        if (err && findings.errors == 0)
                (void)fprintf(stderr, "mesh-coordinator: %s: %s\n", config->path,
                              mesh_strerror(err));
        for (size_t i = 0; i < findings.count; i++)
                finding_render(&findings.items[i], bytes.bytes, bytes.len, &text);
        if (text.len > 0)
                (void)fwrite(text.bytes, 1, text.len, stderr);
out:
        yaml_free(yaml);
        findings_done(&findings);
        buffer_done(&text);
        buffer_done(&bytes);
        return code;
}

/* ---- flags ---- */

static int take_flag(struct coordinator_config *config, int flag, const char *name,
                     const char *value)
{
        int err = 0;
        switch (flag) {
        case FLAG_CONFIG:
                config->path_given = true;
                err = set_text(config->path, sizeof(config->path), value);
                break;
        case FLAG_STATE_DIR:
                err = set_text(config->state_dir, sizeof(config->state_dir), value);
                break;
        case FLAG_LISTEN:
                err = set_text(config->listen, sizeof(config->listen), value);
                break;
        case FLAG_SOCKET:
                err = set_text(config->socket, sizeof(config->socket), value);
                break;
        case FLAG_PUBLIC_NAME:
                err = set_public_name(config, value);
                break;
        case FLAG_NOT_BUILT:
                (void)fprintf(stderr, "mesh-coordinator: --%s: not built yet\n", name);
                return EX_USAGE_CODE;
        case FLAG_VERSION:
                (void)printf("mesh-coordinator %s\n", MESH_VERSION);
                return 0;
        case FLAG_HELP:
                (void)fputs(usage_text, stdout);
                return 0;
        default: /* getopt_long printed what is wrong */
                return EX_USAGE_CODE;
        }
        return err ? wrong_use(mesh_strerror(err), value) : -1;
}

static int take_flags(int argc, char **argv, struct coordinator_config *config, bool only_config)
{
        int flag, at = 0;
        optind = 1;
        while ((flag = getopt_long(argc, argv, "", flags, &at)) != -1) {
                if (only_config && flag != FLAG_CONFIG && flag < FLAG_NOT_BUILT && flag != '?')
                        continue;
                int code = take_flag(config, flag, flags[at].name, optarg);
                if (code != -1)
                        return code;
        }
        if (optind < argc &&
            (strcmp(argv[optind], "relay") == 0 || strcmp(argv[optind], "load-datapath") == 0)) {
                (void)fprintf(stderr, "mesh-coordinator: %s: not built yet\n", argv[optind]);
                return EX_USAGE_CODE;
        }
        return optind < argc ? wrong_use("unknown word", argv[optind]) : -1;
}

int coordinator_config_read(int argc, char **argv, struct coordinator_config *ret_config)
{
        struct coordinator_config config = { .path = COORDINATOR_CONFIG,
                                             .state_dir = COORDINATOR_STATE_DIR,
                                             .socket = COORDINATOR_SOCKET,
                                             .listen = COORDINATOR_LISTEN };
        int code = take_flags(argc, argv, &config, true); /* finds --config */
        if (code == -1)
                code = read_file(&config);
        if (code == -1)
                code = take_flags(argc, argv, &config, false); /* flags win over the file */
        if (code == -1)
                *ret_config = config;
        return code;
}
