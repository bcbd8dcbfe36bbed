/* The prefixes that this host routes already: the overlay must not overlap them. */
#pragma once
#include <stddef.h>

#include "common/addr.h"

/* Fills at most MAX prefixes from the kernel's IPv4 routing table (proc(5), /proc/net/route)
 * without the default route; returns their number, 0 if the table cannot be read. */
size_t local_prefixes_read(struct ip_prefix *ret_prefixes, size_t max);
