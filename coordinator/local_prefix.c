/* Reads the IPv4 routing table; see the header. */
#include "coordinator/local_prefix.h"

#include <stdio.h>
#include <string.h>

/* One line: interface, destination and mask as hex in the machine's byte order. */
static bool parse_line(const char *line, struct ip_prefix *ret_prefix)
{
        unsigned destination, mask;
        if (sscanf(line, "%*s %8x %*8x %*x %*u %*u %*u %8x", &destination, &mask) != 2 || mask == 0)
                return false;
        struct ip_prefix prefix = { .addr = { .len = 4 } };
        uint32_t network = destination;
        memcpy(prefix.addr.bytes, &network, 4);
        prefix.bits = (uint8_t)__builtin_popcount(mask);
        *ret_prefix = prefix;
        return true;
}

size_t local_prefixes_read(struct ip_prefix *ret_prefixes, size_t max)
{
        char line[512];
        size_t count = 0;
        FILE *file = fopen("/proc/net/route", "re");
        if (!file)
                return 0;
        while (count < max && fgets(line, sizeof(line), file))
                if (parse_line(line, &ret_prefixes[count]))
                        count++;
        (void)fclose(file);
        return count;
}
