/* Tree to values: mappings read by a table of fields; see yaml.h. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/addr.h"
#include "common/duration.h"
#include "common/error.h"
#include "common/nearest.h"
#include "common/yaml_tree.h"

enum { FIELDS_MAX = 64 }; /* of one table, for "did you mean" */

const struct yaml_node *yaml_root(const struct yaml *yaml)
{
        return yaml->root;
}

const char *yaml_path(const struct yaml *yaml)
{
        return yaml->path;
}

const struct yaml_node *yaml_get(const struct yaml_node *node, const char *key)
{
        if (node->kind != YAML_MAPPING)
                return NULL;
        for (const struct yaml_node *n = node->first; n; n = n->next)
                if (strcmp(n->key->text, key) == 0)
                        return n;
        return NULL;
}

bool yaml_is_null(const struct yaml_node *node)
{
        if (node->kind != YAML_SCALAR || !node->plain)
                return false;
        return node->text[0] == '\0' || strcmp(node->text, "~") == 0 ||
               strcmp(node->text, "null") == 0;
}

void *yaml_alloc(struct yaml *yaml, size_t len)
{
        return arena_alloc(yaml->arena, len);
}

/* Formats first: findings take a format of their own. */
enum { MESSAGE_MAX = 320 };

void yaml_error(struct yaml *yaml, const struct yaml_node *node, const char *format, ...)
{
        char message[MESSAGE_MAX];
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(message, sizeof(message), format, arguments);
        va_end(arguments);
        findings_error(yaml->findings, yaml->path, node->line, node->column, "%s", message);
}

void yaml_warning(struct yaml *yaml, const struct yaml_node *node, const char *format, ...)
{
        char message[MESSAGE_MAX];
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(message, sizeof(message), format, arguments);
        va_end(arguments);
        findings_warning(yaml->findings, yaml->path, node->line, node->column, "%s", message);
}

/* ---- one scalar ---- */

/* Digits at the start of TEXT; false for none or more than 64 bits. */
static bool take_number(const char **text, uint64_t *ret_number)
{
        const char *at = *text;
        uint64_t number = 0;
        for (; *at >= '0' && *at <= '9'; at++)
                if (__builtin_mul_overflow(number, (uint64_t)10, &number) ||
                    __builtin_add_overflow(number, (uint64_t)(*at - '0'), &number))
                        return false;
        if (at == *text)
                return false;
        *text = at;
        *ret_number = number;
        return true;
}

static bool read_text(const struct yaml_node *node, const struct yaml_field *field, void *ret)
{
        (void)field;
        *(const char **)ret = node->text;
        return node->text[0] != '\0';
}

static bool read_bool(const struct yaml_node *node, const struct yaml_field *field, void *ret)
{
        (void)field;
        bool is_true = strcmp(node->text, "true") == 0;
        if (!node->plain || (!is_true && strcmp(node->text, "false") != 0))
                return false;
        *(bool *)ret = is_true;
        return true;
}

static bool read_unsigned(const struct yaml_node *node, const struct yaml_field *field, void *ret)
{
        (void)field;
        const char *at = node->text;
        return node->plain && take_number(&at, ret) && *at == '\0';
}

static bool read_duration(const struct yaml_node *node, const struct yaml_field *field, void *ret)
{
        (void)field;
        return duration_parse(node->text, ret) == 0;
}

static bool read_addr(const struct yaml_node *node, const struct yaml_field *field, void *ret)
{
        (void)field;
        return ip_addr_parse(node->text, ret) == 0;
}

static bool read_prefix(const struct yaml_node *node, const struct yaml_field *field, void *ret)
{
        (void)field;
        struct ip_prefix prefix;
        if (ip_prefix_parse(node->text, &prefix))
                return false;
        struct ip_prefix masked = ip_prefix_mask(prefix);
        *(struct ip_prefix *)ret = prefix;
        return ip_prefix_compare(&masked, &prefix) == 0;
}

static bool read_endpoint(const struct yaml_node *node, const struct yaml_field *field, void *ret)
{
        (void)field;
        struct ip_endpoint endpoint;
        if (ip_endpoint_parse(node->text, &endpoint) || endpoint.port == 0)
                return false;
        *(struct ip_endpoint *)ret = endpoint;
        return true;
}

static size_t word_count(const struct yaml_field *field)
{
        size_t count = 0;
        while (field->words[count])
                count++;
        return count;
}

static bool read_word(const struct yaml_node *node, const struct yaml_field *field, void *ret)
{
        for (size_t i = 0; field->words[i]; i++) {
                if (strcmp(node->text, field->words[i]) != 0)
                        continue;
                *(uint64_t *)ret = i;
                return true;
        }
        return false;
}

union value {
        const char *text;
        bool boolean;
        uint64_t number;
        struct ip_addr addr;
        struct ip_prefix prefix;
        struct ip_endpoint endpoint;
};

static const struct {
        bool (*read)(const struct yaml_node *node, const struct yaml_field *field, void *ret);
        size_t size;
        const char *expected;
} types[] = {
        [YAML_TEXT] = { read_text, sizeof(const char *), "a text" },
        [YAML_BOOL] = { read_bool, sizeof(bool), "true or false" },
        [YAML_UNSIGNED] = { read_unsigned, sizeof(uint64_t), "a number" },
        [YAML_DURATION] = { read_duration, sizeof(uint64_t), "a duration like 90s, 2m or 24h" },
        [YAML_ADDR] = { read_addr, sizeof(struct ip_addr), "an IP address" },
        [YAML_PREFIX] = { read_prefix, sizeof(struct ip_prefix),
                          "a prefix like 10.1.0.0/16, without host bits" },
        [YAML_ENDPOINT] = { read_endpoint, sizeof(struct ip_endpoint),
                            "an address and port like 192.0.2.1:443 or [2001:db8::1]:443" },
        [YAML_WORD] = { read_word, sizeof(uint64_t), "a known word" },
};

static int wrong_word(struct yaml *yaml, const struct yaml_node *node,
                      const struct yaml_field *field)
{
        const char *near = nearest_name(node->text, field->words, word_count(field));
        char known[160] = "";
        size_t used = 0;
        for (size_t i = 0; field->words[i] && used < sizeof(known); i++)
                used += (size_t)snprintf(known + used, sizeof(known) - used, "%s%s",
                                         i > 0 ? ", " : "", field->words[i]);
        if (near)
                yaml_error(yaml, node, "unknown word `%.64s`, did you mean `%s`?", node->text,
                           near);
        else
                yaml_error(yaml, node, "unknown word `%.64s`, expected one of: %s", node->text,
                           known);
        return MESH_EFORMAT;
}

static int check_range(struct yaml *yaml, const struct yaml_node *node,
                       const struct yaml_field *field, uint64_t number)
{
        const char *unit = field->type == YAML_DURATION ? " ms" : "";
        if (number < field->min) {
                yaml_error(yaml, node, "must be at least %llu%s", (unsigned long long)field->min,
                           unit);
                return MESH_EFORMAT;
        }
        if (field->max > 0 && number > field->max) {
                yaml_error(yaml, node, "must be at most %llu%s", (unsigned long long)field->max,
                           unit);
                return MESH_EFORMAT;
        }
        return 0;
}

int yaml_read_value(struct yaml *yaml, const struct yaml_node *node, const struct yaml_field *field,
                    void *ret)
{
        if (field->type >= sizeof(types) / sizeof(types[0]))
                return MESH_EINVAL;
        union value value = { 0 };
        if (node->kind != YAML_SCALAR || yaml_is_null(node) ||
            !types[field->type].read(node, field, &value)) {
                if (field->type == YAML_WORD && node->kind == YAML_SCALAR && !yaml_is_null(node))
                        return wrong_word(yaml, node, field);
                yaml_error(yaml, node, "expected %s", types[field->type].expected);
                return MESH_EFORMAT;
        }
        if (field->type == YAML_UNSIGNED || field->type == YAML_DURATION) {
                int err = check_range(yaml, node, field, value.number);
                if (err)
                        return err;
        }
        memcpy(ret, &value, types[field->type].size);
        return 0;
}

/* ---- a mapping ---- */

static int read_list(struct yaml *yaml, const struct yaml_node *node,
                     const struct yaml_field *field, struct yaml_list *ret_list)
{
        if (node->kind != YAML_SEQUENCE) {
                yaml_error(yaml, node, "expected a list");
                return MESH_EFORMAT;
        }
        if (field->type >= sizeof(types) / sizeof(types[0]))
                return MESH_EINVAL;
        size_t size = types[field->type].size;
        uint8_t *items = yaml_alloc(yaml, node->count * size);
        if (!items)
                return MESH_ENOMEM;
        int err = 0;
        size_t i = 0;
        for (const struct yaml_node *n = node->first; n; n = n->next, i++) {
                int item_err = yaml_read_value(yaml, n, field, items + i * size);
                err = err ? err : item_err;
        }
        if (!err)
                *ret_list = (struct yaml_list){ .items = items, .count = node->count };
        return err;
}

static int read_field(struct yaml *yaml, const struct yaml_node *node,
                      const struct yaml_field *field, void *target)
{
        void *place = (uint8_t *)target + field->offset;
        if (field->type == YAML_NODE) {
                *(const struct yaml_node **)place = node;
                return 0;
        }
        if (field->type == YAML_FIELDS)
                return yaml_read(yaml, node, field->fields, place);
        if (field->list)
                return read_list(yaml, node, field, place);
        return yaml_read_value(yaml, node, field, place);
}

static const struct yaml_field *find_field(const struct yaml_field *fields, const char *name)
{
        for (; fields->name; fields++)
                if (strcmp(fields->name, name) == 0)
                        return fields;
        return NULL;
}

static void unknown_key(struct yaml *yaml, const struct yaml_node *key,
                        const struct yaml_field *fields)
{
        const char *names[FIELDS_MAX];
        size_t count = 0;
        for (; fields->name && count < FIELDS_MAX; fields++)
                names[count++] = fields->name;
        const char *near = nearest_name(key->text, names, count);
        if (near)
                yaml_error(yaml, key, "unknown key `%.64s`, did you mean `%s`?", key->text, near);
        else
                yaml_error(yaml, key, "unknown key `%.64s`", key->text);
}

int yaml_read(struct yaml *yaml, const struct yaml_node *node, const struct yaml_field *fields,
              void *target)
{
        if (node->kind != YAML_MAPPING) {
                yaml_error(yaml, node, "expected a mapping (`key: value`)");
                return MESH_EFORMAT;
        }
        size_t errors = yaml->findings->errors;
        for (const struct yaml_node *n = node->first; n; n = n->next) {
                const struct yaml_field *field = find_field(fields, n->key->text);
                if (!field) {
                        unknown_key(yaml, n->key, fields);
                        continue;
                }
                int err = read_field(yaml, n, field, target);
                if (err && err != MESH_EFORMAT)
                        return err;
        }
        for (const struct yaml_field *field = fields; field->name; field++)
                if (field->required && !yaml_get(node, field->name))
                        yaml_error(yaml, node, "key `%s` is missing", field->name);
        return yaml->findings->errors > errors ? MESH_EFORMAT : 0;
}
