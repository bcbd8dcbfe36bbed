/* What the members of each class let in, kept up as members come and go. Inside netmap only.
 *
 * All members of a class let in the same but for themselves: a class has one sum
 * (firewall/access_sum.h) over everybody who may reach it, made when it is first asked for, and a
 * change of one member adds and takes out that member's rows. So the hash for one member costs its
 * own rows, whatever the size of the mesh. Only the classes of the live view have sums. */
#pragma once
#include "coordinator/netmap/view.h"
#include "firewall/access.h"

/* MEMBER, of class CLASS, comes into V or goes out of it: every sum in V follows. Call it with each
 * member image that the view takes up or drops. A sum that finds no memory is forgotten. */
void view_access_add(struct view *v, const struct member *member, const struct class_ref *class);
void view_access_remove(struct view *v, const struct member *member, const struct class_ref *class);

/* The hash of what SELF, of V, lets in (access_hash of the same). MESH_ENOMEM. */
int view_access_hash(const struct view *v, const struct view_entry *self,
                     uint8_t ret_hash[static ACCESS_HASH_BYTES]);

/* Frees the class's sum; it is made anew when asked for. */
void class_forget_access(struct class_ref *class);
