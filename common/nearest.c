/* Nearest known word; see the header. */
#include "common/nearest.h"

#include <string.h>

enum { WORD_MAX = 64 };

static size_t smaller(size_t a, size_t b)
{
        return a < b ? a : b;
}

static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
        size_t row[WORD_MAX + 1];
        for (size_t j = 0; j <= b_len; j++)
                row[j] = j;
        for (size_t i = 1; i <= a_len; i++) {
                size_t diagonal = row[0];
                row[0] = i;
                for (size_t j = 1; j <= b_len; j++) {
                        size_t changed = diagonal + (a[i - 1] != b[j - 1]);
                        diagonal = row[j];
                        row[j] = smaller(changed, smaller(row[j], row[j - 1]) + 1);
                }
        }
        return row[b_len];
}

const char *nearest_name(const char *typed, const char *const *names, size_t count)
{
        size_t len = strlen(typed);
        if (len == 0 || len > WORD_MAX)
                return NULL;
        size_t best = len / 3 > 1 ? len / 3 : 1;
        const char *found = NULL;
        for (size_t i = 0; i < count; i++) {
                size_t name_len = strlen(names[i]);
                if (name_len > WORD_MAX)
                        continue;
                size_t d = distance(typed, len, names[i], name_len);
                if (d < best || (d == best && !found)) {
                        best = d;
                        found = names[i];
                }
        }
        return found;
}
