/* What is refused before libfyaml sees a text.
 *
 * It reads tokens ahead: a megabyte of open brackets, or of items in one line, would take hundreds
 * of megabytes. At a NUL byte and at invalid UTF-8 it just stops (0.7.12). RFC 3629. */
#include <string.h>

#include "common/error.h"
#include "common/yaml_tree.h"

enum {
        OPEN_BRACKETS_MAX = 256,  /* counted in quotes and comments too, so more than the depth */
        LINE_ITEMS_MAX = 1 << 16, /* brackets, commas and colons; a token takes 250 bytes */
};

static void place_of(const uint8_t *bytes, size_t offset, uint32_t *ret_line, uint32_t *ret_column)
{
        *ret_line = *ret_column = 1;
        for (size_t i = 0; i < offset; i++) {
                if (bytes[i] == '\n') {
                        ++*ret_line;
                        *ret_column = 1;
                } else if ((bytes[i] & 0xc0) != 0x80) {
                        ++*ret_column;
                }
        }
}

static int refuse_at(struct yaml *yaml, const uint8_t *bytes, size_t offset, const char *message,
                     int err)
{
        uint32_t line, column;
        place_of(bytes, offset, &line, &column);
        findings_error(yaml->findings, yaml->path, line, column, "%s", message);
        return err;
}

/* Bytes of the UTF-8 sequence at AT, shortest form and no surrogate; 0 if it is none. RFC 3629. */
static size_t utf8_len(const uint8_t *at, size_t left)
{
        static const struct {
                uint8_t first_low, first_high, second_low, second_high, len;
        } forms[] = {
                { 0x00, 0x7f, 0, 0, 1 },       { 0xc2, 0xdf, 0x80, 0xbf, 2 },
                { 0xe0, 0xe0, 0xa0, 0xbf, 3 }, { 0xe1, 0xec, 0x80, 0xbf, 3 },
                { 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
                { 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 },
                { 0xf4, 0xf4, 0x80, 0x8f, 4 },
        };
        for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
                if (at[0] < forms[i].first_low || at[0] > forms[i].first_high)
                        continue;
                if (forms[i].len > left)
                        return 0;
                if (forms[i].len > 1 &&
                    (at[1] < forms[i].second_low || at[1] > forms[i].second_high))
                        return 0;
                for (size_t j = 2; j < forms[i].len; j++)
                        if ((at[j] & 0xc0) != 0x80)
                                return 0;
                return forms[i].len;
        }
        return 0;
}

static const char *bad_character(const uint8_t *at, size_t left)
{
        if (utf8_len(at, left) == 0)
                return "invalid UTF-8";
        if (at[0] == 0)
                return "NUL byte";
        if ((at[0] < 0x20 && !strchr("\t\n\r", at[0])) || at[0] == 0x7f)
                return "control character";
        return NULL;
}

int yaml_check_bytes(struct yaml *yaml, const uint8_t *bytes, size_t len)
{
        size_t open = 0, in_line = 0;
        for (size_t i = 0; i < len; i += utf8_len(bytes + i, len - i)) {
                const char *bad = bad_character(bytes + i, len - i);
                if (bad)
                        return refuse_at(yaml, bytes, i, bad, MESH_EFORMAT);
                if (bytes[i] == '\n')
                        in_line = 0;
                else if (strchr("[]{},:", bytes[i]))
                        in_line++;
                if (bytes[i] == '[' || bytes[i] == '{')
                        open++;
                else if ((bytes[i] == ']' || bytes[i] == '}') && open > 0)
                        open--;
                if (open > OPEN_BRACKETS_MAX)
                        return refuse_at(yaml, bytes, i, "too many open brackets", MESH_ELIMIT);
                if (in_line > LINE_ITEMS_MAX)
                        return refuse_at(yaml, bytes, i, "too many items in one line", MESH_ELIMIT);
        }
        return 0;
}
