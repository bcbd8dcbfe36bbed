/* The agent's config file; see the header. */
#include "agent/config.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/apply/apply.h"
#include "agent/state/keyring.h"
#include "common/buffer.h"
#include "common/error.h"
#include "common/file.h"
#include "common/ifname.h"
#include "common/yaml.h"

/* What yaml_read fills; borrowed from the parsed file. */
struct fields {
        const char *interface, *socket;
        uint64_t log;
        struct {
                struct yaml_list addresses;
        } pin;
        const struct yaml_node *firewall, *control_plane;
};

static const char *const log_words[] = { "error", "warning", "notice", "info", "debug", NULL };

static const struct yaml_field pin_fields[] = {
        { .name = "addresses",
          .type = YAML_TEXT,
          .list = true,
          .offset = offsetof(struct fields, pin.addresses) - offsetof(struct fields, pin) },
        { 0 },
};

static const struct yaml_field config_fields[] = {
        { .name = "interface", .type = YAML_TEXT, .offset = offsetof(struct fields, interface) },
        { .name = "socket", .type = YAML_TEXT, .offset = offsetof(struct fields, socket) },
        { .name = "log",
          .type = YAML_WORD,
          .words = log_words,
          .offset = offsetof(struct fields, log) },
        { .name = "pin",
          .type = YAML_FIELDS,
          .fields = pin_fields,
          .offset = offsetof(struct fields, pin) },
        { .name = "firewall", .type = YAML_NODE, .offset = offsetof(struct fields, firewall) },
        { .name = "control_plane",
          .type = YAML_NODE,
          .offset = offsetof(struct fields, control_plane) },
        { 0 },
};

/* The part of a config that is not the firewall. */
static struct agent_config defaults(void)
{
        return (struct agent_config){ .interface = AGENT_INTERFACE,
                                      .state_dir = AGENT_STATE_DIR,
                                      .socket = AGENT_SOCKET,
                                      .log_level = LOG_LEVEL_INFO,
                                      .source = AGENT_CONFIG_BUILT_IN };
}

/* Copies TEXT (NULL: leaves OUT) or says why not at the key's place. */
static int take_text(struct yaml *yaml, const char *key, const char *text, char *out, size_t size)
{
        if (!text)
                return 0;
        size_t len = strlen(text);
        if (len == 0 || len >= size) {
                yaml_error(yaml, yaml_get(yaml_root(yaml), key), "%s needs 1 to %zu bytes", key,
                           size - 1);
                return MESH_EFORMAT;
        }
        memcpy(out, text, len + 1);
        return 0;
}

static int check_interface(struct yaml *yaml, const char *name)
{
        if (ifname_valid(name))
                return 0;
        yaml_error(yaml, yaml_get(yaml_root(yaml), "interface"), "no name for an interface");
        return MESH_EFORMAT;
}

/* An address with or without a port; without one it is the coordinator's. */
static int parse_pin(const char *text, struct ip_endpoint *ret_pin)
{
        struct ip_endpoint pin = { 0 };
        int err = ip_addr_parse(text, &pin.addr);
        if (err)
                err = ip_endpoint_parse(text, &pin);
        if (!err && ip_addr_is_unspecified(&pin.addr))
                err = MESH_EFORMAT;
        if (!err)
                *ret_pin = pin;
        return err;
}

static int take_pins(struct yaml *yaml, const struct fields *fields, struct agent_config *config)
{
        const struct yaml_list *list = &fields->pin.addresses;
        const struct yaml_node *node = yaml_get(yaml_root(yaml), "pin");
        if (list->count > AGENT_CONFIG_PINS_MAX) {
                yaml_error(yaml, node, "more than %d pins", AGENT_CONFIG_PINS_MAX);
                return MESH_EFORMAT;
        }
        const char *const *texts = list->items;
        for (size_t i = 0; i < list->count; i++) {
                if (parse_pin(texts[i], &config->pins[config->pin_count]) != 0) {
                        yaml_error(yaml, node, "'%s' is no address, nor one with a port", texts[i]);
                        return MESH_EFORMAT;
                }
                config->pin_count++;
        }
        return 0;
}

static int take_fields(struct yaml *yaml, const struct fields *fields, struct agent_config *config)
{
        int err = take_text(yaml, "interface", fields->interface, config->interface,
                            sizeof(config->interface));
        if (!err)
                err = check_interface(yaml, config->interface);
        if (!err)
                err = take_text(yaml, "socket", fields->socket, config->socket,
                                sizeof(config->socket));
        if (!err)
                err = take_pins(yaml, fields, config);
        if (!err)
                err = log_level_parse(log_words[fields->log], &config->log_level);
        if (!err)
                err = local_firewall_parse(yaml, fields->firewall, fields->control_plane,
                                           &config->firewall);
        return err;
}

/* The first error of FINDINGS as one line. */
static void describe(const struct findings *findings, const char *path, int err,
                     char warning[static AGENT_CONFIG_WARNING_MAX])
{
        for (size_t i = 0; i < findings->count; i++) {
                const struct finding *finding = &findings->items[i];
                if (finding->warning)
                        continue;
                (void)snprintf(warning, AGENT_CONFIG_WARNING_MAX, "%s:%u:%u: %s", finding->path,
                               finding->line, finding->column, finding->message);
                return;
        }
        (void)snprintf(warning, AGENT_CONFIG_WARNING_MAX, "%s: %s", path, mesh_strerror(err));
}

int agent_config_parse(const char *path, const void *text, size_t len,
                       struct agent_config *ret_config,
                       char warning[static AGENT_CONFIG_WARNING_MAX])
{
        struct findings findings = { 0 };
        struct fields fields = { .log = LOG_LEVEL_INFO - LOG_LEVEL_ERROR };
        struct agent_config config = defaults();
        struct yaml *yaml = NULL;
        int err = yaml_parse(path, text, len, AGENT_CONFIG_BYTES_MAX, &findings, &yaml);
        if (!err)
                err = yaml_read(yaml, yaml_root(yaml), config_fields, &fields);
        if (!err)
                err = take_fields(yaml, &fields, &config);
        if (err)
                describe(&findings, path, err, warning);
        else
                *ret_config = config;
        yaml_free(yaml);
        findings_done(&findings);
        if (err == MESH_ELIMIT)
                err = MESH_EFORMAT;
        return err;
}

/* Keeps the text that made CONFIG. */
static int keep_text(struct agent_config *config, const struct buffer *bytes)
{
        config->text = malloc(bytes->len + 1);
        if (!config->text)
                return MESH_ENOMEM;
        if (bytes->len > 0)
                memcpy(config->text, bytes->bytes, bytes->len);
        config->text[bytes->len] = '\0';
        config->text_len = bytes->len;
        return 0;
}

/* An interface of somebody else is refused here, before any rule of ours is about it: the ruleset
 * would judge what comes in there as mesh traffic and lock everybody out, break-glass included. */
static int check_owner(const struct agent_flags *flags, const char *interface, const char *where,
                       char warning[static AGENT_CONFIG_WARNING_MAX])
{
        struct state_dir dir;
        struct keyring keys = { 0 };
        char text[APPLY_TEXT_MAX];
        bool has_keys =
                state_dir_init(&dir, flags->state_dir ? flags->state_dir : AGENT_STATE_DIR) == 0 &&
                keyring_read(&dir, &keys) == 0;
        int err = apply_may_use(interface, has_keys ? keys.wireguard.secret : NULL, text);
        if (err)
                (void)snprintf(warning, AGENT_CONFIG_WARNING_MAX, "%s: %s", where, text);
        keyring_done(&keys);
        return err;
}

static int load_file(const struct agent_flags *flags, struct agent_config *ret_config,
                     char warning[static AGENT_CONFIG_WARNING_MAX])
{
        const char *path = flags->config ? flags->config : AGENT_CONFIG_PATH;
        struct buffer bytes = buffer_with_max(AGENT_CONFIG_BYTES_MAX);
        int err = file_read(path, &bytes);
        if (err)
                (void)snprintf(warning, AGENT_CONFIG_WARNING_MAX, "%s: %s", path,
                               mesh_strerror(err));
        if (!err)
                err = agent_config_parse(path, bytes.bytes, bytes.len, ret_config, warning);
        if (!err)
                err = check_owner(flags, ret_config->interface, path, warning);
        if (!err) {
                ret_config->source = AGENT_CONFIG_FROM_FILE;
                err = keep_text(ret_config, &bytes);
        }
        buffer_done(&bytes);
        return err;
}

/* The last good copy, or the one before it. */
static int load_copy(const char *state_dir, struct agent_config *ret_config)
{
        struct state_dir dir;
        struct buffer bytes = { 0 };
        char ignored[AGENT_CONFIG_WARNING_MAX];
        int err = state_dir_init(&dir, state_dir);
        if (!err)
                err = state_dir_read(&dir, STATE_CONFIG, &bytes, NULL);
        if (!err)
                err = agent_config_parse("copy", bytes.bytes, bytes.len, ret_config, ignored);
        if (err == MESH_EFORMAT) {
                err = state_dir_read_previous(&dir, STATE_CONFIG, &bytes);
                if (!err)
                        err = agent_config_parse("copy", bytes.bytes, bytes.len, ret_config,
                                                 ignored);
        }
        if (!err)
                ret_config->source = AGENT_CONFIG_FROM_COPY;
        buffer_done(&bytes);
        return err;
}

static int override(const struct agent_flags *flags, struct agent_config *config,
                    char warning[static AGENT_CONFIG_WARNING_MAX])
{
        const struct {
                const char *flag, *text;
                char *out;
                size_t size;
        } rows[] = {
                { "--interface", flags->interface, config->interface, sizeof(config->interface) },
                { "--state-dir", flags->state_dir, config->state_dir, sizeof(config->state_dir) },
                { "--socket", flags->socket, config->socket, sizeof(config->socket) },
        };
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                if (!rows[i].text)
                        continue;
                size_t len = strlen(rows[i].text);
                if (len == 0 || len >= rows[i].size) {
                        (void)snprintf(warning, AGENT_CONFIG_WARNING_MAX, "%s needs 1 to %zu bytes",
                                       rows[i].flag, rows[i].size - 1);
                        return MESH_EINVAL;
                }
                memcpy(rows[i].out, rows[i].text, len + 1);
        }
        if (!flags->interface)
                return 0;
        if (ifname_valid(flags->interface))
                return check_owner(flags, flags->interface, "--interface", warning);
        (void)snprintf(warning, AGENT_CONFIG_WARNING_MAX, "--interface: no name for an interface");
        return MESH_EINVAL;
}

/* What holds instead of the file. Without a file and without a copy, nothing is wrong. */
static int load_instead(const struct agent_flags *flags, bool missing,
                        struct agent_config *ret_config,
                        char warning[static AGENT_CONFIG_WARNING_MAX])
{
        struct agent_config config = { 0 };
        int err = load_copy(flags->state_dir ? flags->state_dir : AGENT_STATE_DIR, &config);
        if (err) {
                if (missing && err == MESH_ENOENT)
                        warning[0] = '\0';
                config = defaults();
                err = local_firewall_default(FIREWALL_MODE_MESH, NULL, 0, &config.firewall);
        }
        if (!err)
                *ret_config = config;
        return err;
}

int agent_config_load(const struct agent_flags *flags, struct agent_config *ret_config,
                      char warning[static AGENT_CONFIG_WARNING_MAX])
{
        struct agent_config config = { 0 };
        warning[0] = '\0';
        int err = load_file(flags, &config, warning);
        if (err && err != MESH_ENOMEM) {
                agent_config_done(&config);
                err = load_instead(flags, err == MESH_ENOENT, &config, warning);
        }
        if (!err)
                err = override(flags, &config, warning);
        if (err)
                agent_config_done(&config);
        else
                *ret_config = config;
        return err;
}

int agent_config_keep(const struct agent_config *config, const struct state_dir *dir)
{
        if (config->source != AGENT_CONFIG_FROM_FILE)
                return 0;
        struct buffer kept = { 0 };
        int err = state_dir_read(dir, STATE_CONFIG, &kept, NULL);
        bool same = !err && kept.len == config->text_len &&
                    memcmp(kept.bytes, config->text, kept.len) == 0;
        buffer_done(&kept);
        return same ? 0 : state_dir_write(dir, STATE_CONFIG, config->text, config->text_len);
}

void agent_config_done(struct agent_config *config)
{
        local_firewall_done(&config->firewall);
        free(config->text);
        config->text = NULL;
}
