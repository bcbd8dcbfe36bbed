/* Words for failures; see the header. */
#include "agent/apply/reason.h"

#include <stdarg.h>
#include <stdio.h>

#include "common/netlink.h"

int reason_set(struct reason *why, int err, const char *format, ...)
{
        va_list args;
        va_start(args, format);
        vsnprintf(why->text, sizeof(why->text), format, args);
        va_end(args);
        return err;
}

int reason_netlink(struct reason *why, int err, const struct netlink *nl, const char *object)
{
        return reason_set(why, err, "%s: %s", object, netlink_error_text(nl));
}
