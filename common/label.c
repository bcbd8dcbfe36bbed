/* The rule for names; see the header. */
#include "common/label.h"

#include <string.h>

bool label_valid(const char *text)
{
        size_t len = strlen(text);
        if (len == 0 || len > LABEL_MAX || text[0] == '-' || text[len - 1] == '-')
                return false;
        return strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

bool label_reserved(const char *text)
{
        return strcmp(text, "all") == 0;
}
