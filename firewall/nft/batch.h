/* One transaction of nf_tables: messages collected in memory, sent at once, refused or done whole.
 *
 * Remembers what each message is for, so that a refusal names the rule. Big sets are spread over
 * many messages of the one transaction. Not here: what the rules are (plan.h), the socket
 * (common/netlink.h). */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "common/buffer.h"
#include "firewall/nft/ruleset.h"

struct netlink;

enum {
        BATCH_BYTES_MAX = 256 << 20,
        BATCH_ERROR_TEXT_MAX = 256,
};

struct batch_item; /* opaque */

struct batch {
        struct buffer bytes;
        struct batch_item *items; /* owned; one per message */
        size_t count, capacity;
        uint64_t *scratch; /* owned; one message being built */
        int error;         /* sticky: MESH_ENOMEM, MESH_ELIMIT */
};

/* An empty transaction. MESH_ENOMEM. */
int batch_init(struct batch *b);
void batch_done(struct batch *b);

/* Appends: delete the table NAME, there or not. */
void batch_put_delete(struct batch *b, const char *table);

/* Appends: the whole table as RS says. RS is borrowed until the batch is done. After
 * batch_put_delete this replaces the table from any state. */
void batch_put_table(struct batch *b, const struct ruleset *rs);

/* Appends: add COUNT elements to, or delete them from, a set that exists. SET gives its name and
 * type; its own elements are not looked at. */
void batch_put_elements(struct batch *b, const struct ruleset *rs, const struct ruleset_set *set,
                        const struct set_element *elements, size_t count);
void batch_put_gone_elements(struct batch *b, const struct ruleset *rs,
                             const struct ruleset_set *set, const struct set_element *elements,
                             size_t count);

/* Sends it. 0 if the kernel took all of it; else nothing was changed, ERROR says in one line what
 * was refused and why, and the result is MESH_EPERM, MESH_ENOENT... by the kernel's errno, or the
 * sticky error. */
int batch_send(struct batch *b, struct netlink *nl, char error[static BATCH_ERROR_TEXT_MAX]);
