/* Nearest known word; see the header. */
#include "common/nearest.h"

#include <string.h>

enum { WORD_MAX = 64 };

static size_t smaller(size_t a, size_t b)
{
        return a < b ? a : b;
}

/* Optimal string alignment: like Levenshtein, but two swapped letters are one slip. */
static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
        size_t rows[3][WORD_MAX + 1];
        for (size_t j = 0; j <= b_len; j++)
                rows[0][j] = j;
        for (size_t i = 1; i <= a_len; i++) {
                size_t *row = rows[i % 3];
                const size_t *above = rows[(i - 1) % 3], *two_above = rows[(i + 1) % 3];
                row[0] = i;
                for (size_t j = 1; j <= b_len; j++) {
                        size_t changed = above[j - 1] + (a[i - 1] != b[j - 1]);
                        row[j] = smaller(changed, smaller(above[j], row[j - 1]) + 1);
                        if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                                row[j] = smaller(row[j], two_above[j - 2] + 1);
                }
        }
        return rows[a_len % 3][b_len];
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
