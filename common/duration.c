/* Durations; see the header. */
#include "common/duration.h"

#include <stddef.h>

#include "common/error.h"

static const struct {
        char letter;
        uint64_t ms;
} units[] = { { 's', 1000 }, { 'm', 60 * 1000 }, { 'h', 3600 * 1000 }, { 'd', 86400 * 1000 } };

static const uint64_t longest_ms = 3650ULL * 86400 * 1000;

int duration_parse(const char *text, uint64_t *ret_ms)
{
        uint64_t number = 0;
        const char *at = text;
        for (; *at >= '0' && *at <= '9'; at++) {
                number = number * 10 + (uint64_t)(*at - '0');
                if (number > longest_ms)
                        return MESH_EFORMAT;
        }
        if (at == text || number == 0 || at[0] == '\0' || at[1] != '\0')
                return MESH_EFORMAT;
        for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
                if (units[i].letter != at[0] || number > longest_ms / units[i].ms)
                        continue;
                *ret_ms = number * units[i].ms;
                return 0;
        }
        return MESH_EFORMAT;
}
