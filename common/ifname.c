/* Names of network interfaces; see the header. */
#include "common/ifname.h"

#include <net/if.h>
#include <stddef.h>
#include <string.h>

bool ifname_valid(const char *name)
{
        static const char *const reserved[] = { "", ".", "..", "all", "default" };
        if (!name || strlen(name) >= IFNAMSIZ || strpbrk(name, "/:%*\"\\"))
                return false;
        for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
                if (strcmp(name, reserved[i]) == 0)
                        return false;
        for (const char *at = name; *at; at++)
                if (*at <= ' ' || *at >= 0x7f)
                        return false;
        return true;
}
