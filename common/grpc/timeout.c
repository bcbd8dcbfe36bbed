/* grpc-timeout; see the header. */
#include "common/grpc/timeout.h"

#include <stdio.h>

#include "common/error.h"

/* How many of the unit make one, or one makes how many, milliseconds. */
static const struct {
        char unit;
        uint64_t ms_per_unit, units_per_ms;
} units[] = {
        { 'm', 1, 1 },           { 'S', 1000, 1 }, { 'M', 60 * 1000, 1 },
        { 'H', 3600 * 1000, 1 }, { 'u', 1, 1000 }, { 'n', 1, 1000 * 1000 },
};

enum { DIGITS_MAX = 8, UNIT_COUNT = sizeof(units) / sizeof(units[0]), COARSE_UNITS = 4 };

static const uint64_t value_max = 99999999;

int grpc_timeout_parse(const char *text, size_t len, uint64_t *ret_ms)
{
        uint64_t value = 0;
        if (len < 2 || len > DIGITS_MAX + 1)
                return MESH_EFORMAT;
        for (size_t i = 0; i + 1 < len; i++) {
                if (text[i] < '0' || text[i] > '9')
                        return MESH_EFORMAT;
                value = value * 10 + (uint64_t)(text[i] - '0');
        }
        for (size_t i = 0; i < UNIT_COUNT; i++) {
                if (units[i].unit != text[len - 1])
                        continue;
                uint64_t per_ms = units[i].units_per_ms;
                *ret_ms = (value * units[i].ms_per_unit + per_ms - 1) / per_ms;
                return 0;
        }
        return MESH_EFORMAT;
}

const char *grpc_timeout_format(uint64_t ms, char out[static GRPC_TIMEOUT_TEXT_MAX])
{
        uint64_t value = value_max;
        char unit = 'H';
        for (size_t i = 0; i < COARSE_UNITS; i++) {
                uint64_t per = units[i].ms_per_unit;
                uint64_t rounded_up = ms / per + (ms % per != 0);
                if (rounded_up <= value_max) {
                        value = rounded_up;
                        unit = units[i].unit;
                        break;
                }
        }
        (void)snprintf(out, GRPC_TIMEOUT_TEXT_MAX, "%u%c", (unsigned)value, unit);
        return out;
}
