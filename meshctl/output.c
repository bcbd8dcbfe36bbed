/* Tables, times and JSON; see the header. */
#include "meshctl/output.h"

#include <libsmartcols/libsmartcols.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/env.h"
#include "proto/convert.h"

void output_json(json_t *object)
{
        json_t *whole = json_pack("{s:i}", "schema", 1);
        if (whole && object)
                (void)json_object_update(whole, object);
        if (whole && json_dumpf(whole, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER) == 0)
                (void)fputc('\n', stdout);
        json_decref(whole);
        json_decref(object);
}

int output_error(const struct invocation *in, int code, const char *reason, const char *format, ...)
{
        char text[1200];
        va_list args;
        va_start(args, format);
        (void)vsnprintf(text, sizeof(text), format, args);
        va_end(args);
        (void)fprintf(stderr, "meshctl: %s\n", text);
        if (!in->json)
                return code;
        json_t *object = json_pack("{s:s}", "error", text);
        if (object && reason && reason[0])
                (void)json_object_set_new(object, "reason", json_string(reason));
        output_json(object);
        return code;
}

struct output_table {
        struct libscols_table *table;
        size_t columns;
};

struct output_table *output_table_new(const char *const *columns)
{
        struct output_table *t = calloc(1, sizeof(*t));
        if (!t)
                return NULL;
        t->table = scols_new_table();
        if (!t->table) {
                free(t);
                return NULL;
        }
        for (; columns[t->columns]; t->columns++)
                (void)scols_table_new_column(t->table, columns[t->columns], 0, 0);
        return t;
}

void output_table_row(struct output_table *t, const char *const *cells)
{
        struct libscols_line *line = t ? scols_table_new_line(t->table, NULL) : NULL;
        for (size_t i = 0; line && i < t->columns; i++)
                (void)scols_line_set_data(line, i, cells[i] && cells[i][0] ? cells[i] : "-");
}

void output_table_print(struct output_table *t)
{
        if (!t)
                return;
        (void)scols_print_table(t->table);
        scols_unref_table(t->table);
        free(t);
}

const char *output_relative(uint64_t unix_ms, char out[static OUTPUT_TEXT_MAX])
{
        static const struct {
                uint64_t seconds;
                char unit;
        } units[] = { { 86400, 'd' }, { 3600, 'h' }, { 60, 'm' }, { 1, 's' } };
        if (unix_ms == 0) {
                (void)snprintf(out, OUTPUT_TEXT_MAX, "never");
                return out;
        }
        int64_t apart = env_wall_ms(env_system()) - (int64_t)unix_ms;
        /* What was just set to 24 h from now is not 23 h away. */
        uint64_t seconds = apart < 0 ? ((uint64_t)-apart + 999) / 1000 : (uint64_t)apart / 1000;
        size_t i = 0;
        while (i < 3 && seconds < 2 * units[i].seconds)
                i++;
        (void)snprintf(out, OUTPUT_TEXT_MAX, "%s%llu%c%s", apart < 0 ? "in " : "",
                       (unsigned long long)(seconds / units[i].seconds), units[i].unit,
                       apart < 0 ? "" : " ago");
        return out;
}

json_t *output_json_time(uint64_t unix_ms)
{
        char text[32];
        time_t seconds = (time_t)(unix_ms / 1000);
        struct tm tm;
        if (unix_ms == 0 || !gmtime_r(&seconds, &tm))
                return json_null();
        (void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
        return json_string(text);
}

const char *output_hex(const ProtobufCBinaryData *field, size_t bytes_max,
                       char out[static OUTPUT_TEXT_MAX])
{
        size_t len = bytes_max && field->len > bytes_max ? bytes_max : field->len;
        if (len * 2 + 1 > OUTPUT_TEXT_MAX)
                len = (OUTPUT_TEXT_MAX - 1) / 2;
        return sodium_bin2hex(out, OUTPUT_TEXT_MAX, field->data, len);
}

json_t *output_json_hex(const ProtobufCBinaryData *field)
{
        char text[OUTPUT_TEXT_MAX];
        return field->len ? json_string(output_hex(field, 0, text)) : json_null();
}

json_t *output_json_key(const ProtobufCBinaryData *field)
{
        char text[64];
        if (field->len != 32)
                return json_null();
        return json_string(sodium_bin2base64(text, sizeof(text), field->data, field->len,
                                             sodium_base64_VARIANT_ORIGINAL));
}

const char *output_addresses(Mesh__V1__Prefix *const *prefixes, size_t count,
                             char out[static OUTPUT_TEXT_MAX])
{
        size_t used = 0;
        out[0] = '\0';
        for (size_t i = 0; i < count; i++) {
                struct ip_prefix prefix;
                char text[IP_TEXT_MAX];
                if (prefix_from_message(prefixes[i], &prefix) != 0)
                        continue;
                ip_addr_format(&prefix.addr, text);
                if (used + strlen(text) + 2 >= OUTPUT_TEXT_MAX)
                        break;
                used += (size_t)snprintf(out + used, OUTPUT_TEXT_MAX - used, "%s%s",
                                         used ? "," : "", text);
        }
        return out;
}

json_t *output_json_prefixes(Mesh__V1__Prefix *const *prefixes, size_t count, bool with_length)
{
        json_t *array = json_array();
        for (size_t i = 0; i < count; i++) {
                struct ip_prefix prefix;
                char text[IP_TEXT_MAX];
                if (prefix_from_message(prefixes[i], &prefix) != 0)
                        continue;
                (void)json_array_append_new(
                        array, json_string(with_length ? ip_prefix_format(&prefix, text)
                                                       : ip_addr_format(&prefix.addr, text)));
        }
        return array;
}

const char *output_endpoint(const Mesh__V1__Endpoint *endpoint, char out[static OUTPUT_TEXT_MAX])
{
        struct ip_endpoint value;
        char text[IP_TEXT_MAX];
        if (!endpoint || endpoint_from_message(endpoint, &value) != 0)
                (void)snprintf(out, OUTPUT_TEXT_MAX, "-");
        else
                (void)snprintf(out, OUTPUT_TEXT_MAX, "%s", ip_endpoint_format(&value, text));
        return out;
}

json_t *output_json_endpoints(Mesh__V1__Endpoint *const *endpoints, size_t count)
{
        json_t *array = json_array();
        char text[OUTPUT_TEXT_MAX];
        for (size_t i = 0; i < count; i++)
                (void)json_array_append_new(array,
                                            json_string(output_endpoint(endpoints[i], text)));
        return array;
}
