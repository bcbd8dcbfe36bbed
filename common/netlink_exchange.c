/* Which answer belongs to what; see the header. */
#include "common/netlink_exchange.h"

#include <stdio.h>
#include <string.h>

#include "common/error.h"
#include "common/netlink_attr.h"

static void exchange_fail(struct netlink_exchange *x, int error)
{
        if (x->error == 0)
                x->error = error;
}

static bool exchange_is_ours(const struct netlink_exchange *x, const struct nlmsghdr *message)
{
        return message->nlmsg_pid == x->port_id &&
               message->nlmsg_seq - x->first_seq <= x->last_seq - x->first_seq;
}

static void exchange_refused(struct netlink_exchange *x, const struct nlmsghdr *message,
                             const struct netlink_verdict *verdict)
{
        if (x->on_refusal)
                x->on_refusal(message->nlmsg_seq, verdict->err_no, verdict->attr_offset,
                              verdict->text, x->user);
        if (x->error)
                return;
        exchange_fail(x, mesh_error_from_errno(verdict->err_no));
        x->err_no = verdict->err_no;
        const char *text = verdict->text[0] ? verdict->text : strerrordesc_np(verdict->err_no);
        snprintf(x->text, sizeof(x->text), "%s", text ? text : "unknown error of the kernel");
}

/* An error, an acknowledgement, or the end of a dump. */
static void exchange_verdict(struct netlink_exchange *x, const struct nlmsghdr *message)
{
        struct netlink_verdict verdict;
        int err = netlink_verdict_parse(message, &verdict);
        if (err) {
                exchange_fail(x, err);
                x->over = true;
                return;
        }
        if (verdict.err_no)
                exchange_refused(x, message, &verdict);
        if (x->awaited > 0 && message->nlmsg_type == NLMSG_ERROR)
                x->awaited--;
        /* A refusal ends everything: what else the kernel says of a batch is queued already. */
        if (verdict.err_no || (x->dump ? message->nlmsg_type == NLMSG_DONE : x->awaited == 0))
                x->over = true;
}

static void exchange_message(struct netlink_exchange *x, const struct nlmsghdr *message)
{
        if (!exchange_is_ours(x, message))
                return;
        if (message->nlmsg_flags & NLM_F_DUMP_INTR)
                x->interrupted = true;
        switch (message->nlmsg_type) {
        case NLMSG_NOOP:
                break;
        case NLMSG_OVERRUN:
                x->interrupted = true;
                break;
        case NLMSG_ERROR:
        case NLMSG_DONE:
                exchange_verdict(x, message);
                break;
        default:
                /* After a failure the rest is read and dropped, so that the socket is clean. */
                if (x->on_reply && x->error == 0)
                        exchange_fail(x, x->on_reply(message, x->user));
                break;
        }
}

void netlink_exchange_feed(struct netlink_exchange *x, const void *bytes, size_t len)
{
        size_t at = 0;
        const struct nlmsghdr *message;
        int more;
        while ((more = netlink_message_next(bytes, len, &at, &message)) > 0)
                exchange_message(x, message);
        if (more < 0) {
                exchange_fail(x, more);
                x->over = true;
        }
}
