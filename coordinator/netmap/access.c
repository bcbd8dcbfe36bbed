/* See access.h. */
#include "coordinator/netmap/access.h"

#include <stdlib.h>

#include "common/error.h"
#include "firewall/access_sum.h"
#include "firewall/portset.h"

struct class_access {
        struct access_sum sum;
        struct portset own; /* what members of the class may send each other */
};

void class_forget_access(struct class_ref *class)
{
        if (!class->access)
                return;
        portset_done(&class->access->own);
        free(class->access);
        class->access = NULL;
}

/* What MEMBER adds to the sum of one that lets PORTS in from it. */
static struct access_sum rows_of(const struct member *member, const struct portset *ports)
{
        const struct ip_prefix v4 = ip_prefix_of(member->v4), v6 = ip_prefix_of(member->v6);
        struct access_sum rows = access_row(&v4, ports), other = access_row(&v6, ports);
        access_sum_add(&rows, &other);
        return rows;
}

/* ---- as members come and go ---- */

typedef void change_sum(struct access_sum *sum, const struct access_sum *rows);

/* Stays from one class to the next: those that let in the same from the member share its rows. */
struct pass {
        struct portset ports, rows_ports; /* of this class; those that ROWS were made of */
        struct access_sum rows;
};

static int pass_class(struct pass *pass, struct class_ref *to, const struct member *member,
                      const struct class_ref *from, change_sum *change)
{
        int err = policy_ports(to->policy->policy, from->value, to->value, &pass->ports);
        if (err || pass->ports.count == 0)
                return err;
        if (!portset_equal(&pass->ports, &pass->rows_ports)) {
                portset_clear(&pass->rows_ports);
                err = portset_add_set(&pass->rows_ports, &pass->ports);
                if (err)
                        return err;
                pass->rows = rows_of(member, &pass->ports);
        }
        change(&to->access->sum, &pass->rows);
        return 0;
}

static void change_all(struct view *v, const struct member *member, const struct class_ref *from,
                       change_sum *change)
{
        struct pass pass = { 0 };
        for (size_t i = 0; i < v->class_count; i++) {
                struct class_ref *to = v->classes[i];
                if (!to->access || !policy_may_reach(from->value, to->value))
                        continue;
                if (pass_class(&pass, to, member, from, change))
                        class_forget_access(to);
        }
        portset_done(&pass.ports);
        portset_done(&pass.rows_ports);
}

void view_access_add(struct view *v, const struct member *member, const struct class_ref *class)
{
        change_all(v, member, class, access_sum_add);
}

void view_access_remove(struct view *v, const struct member *member, const struct class_ref *class)
{
        change_all(v, member, class, access_sum_remove);
}

/* ---- a sum from nothing ---- */

static void free_ports(const struct view *v, struct portset *ports)
{
        for (size_t i = 0; ports && i < v->class_count; i++)
                portset_done(&ports[i]);
        free(ports);
}

/* What members of each class may send to those of class TO, by place in V->classes; notes the
 * places. Owned: free_ports. NULL when out of memory. */
static struct portset *ports_by_class(const struct view *v, const struct class_ref *to)
{
        struct portset *ports = calloc(v->class_count + 1, sizeof(*ports));
        int err = ports ? 0 : MESH_ENOMEM;
        for (size_t i = 0; i < v->class_count && !err; i++) {
                struct class_ref *from = v->classes[i];
                from->place = i;
                if (policy_may_reach(from->value, to->value))
                        err = policy_ports(to->policy->policy, from->value, to->value, &ports[i]);
        }
        if (!err)
                return ports;
        free_ports(v, ports);
        return NULL;
}

static int make_sum(const struct view *v, struct class_ref *to)
{
        struct class_access *access = calloc(1, sizeof(*access));
        struct portset *ports = access ? ports_by_class(v, to) : NULL;
        if (!ports) {
                free(access);
                return MESH_ENOMEM;
        }
        for (size_t i = 0; i < v->count; i++) {
                const struct portset *allowed = &ports[v->entries[i].class->place];
                if (allowed->count == 0)
                        continue;
                struct access_sum rows = rows_of(v->entries[i].member, allowed);
                access_sum_add(&access->sum, &rows);
        }
        access->own = ports[to->place];
        ports[to->place] = (struct portset){ 0 };
        free_ports(v, ports);
        to->access = access;
        return 0;
}

int view_access_hash(const struct view *v, const struct view_entry *self,
                     uint8_t ret_hash[static ACCESS_HASH_BYTES])
{
        struct class_ref *class = self->class;
        int err = class->access ? 0 : make_sum(v, class);
        if (err)
                return err;
        struct access_sum sum = class->access->sum;
        if (class->access->own.count > 0) {
                struct access_sum rows = rows_of(self->member, &class->access->own);
                access_sum_remove(&sum, &rows);
        }
        access_sum_hash(&sum, ret_hash);
        return 0;
}
