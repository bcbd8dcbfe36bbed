/* Text of others; see the header. */
#include "common/printable.h"

void printable_make(char *text)
{
        for (; *text; text++)
                if (*text < ' ' || *text >= 0x7f)
                        *text = '?';
}
