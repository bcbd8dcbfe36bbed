/* Names are claims to access: who gets which, and what a removal keeps reserved. 02-protocol.md,
 * "Names" and "Removal". See private.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/error.h"
#include "common/label.h"
#include "coordinator/registry/private.h"

bool name_from_text(const char *text, char ret_name[static LABEL_MAX + 1])
{
        size_t len = 0;
        for (; *text && *text != '.' && len < LABEL_MAX; text++) {
                char c = *text;
                if (c >= 'A' && c <= 'Z')
                        c = (char)(c - 'A' + 'a');
                bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
                if (plain)
                        ret_name[len++] = c;
                else if (len > 0 && ret_name[len - 1] != '-')
                        ret_name[len++] = '-';
        }
        while (len > 0 && ret_name[len - 1] == '-')
                len--;
        ret_name[len] = 0;
        return label_valid(ret_name) && !label_reserved(ret_name);
}

static bool held(const struct registry *r, const char *name)
{
        return node_table_by_name(&r->state.nodes, name) != NULL;
}

/* Whether somebody has to say that a newcomer may have it. */
static bool guarded(const struct registry *r, const char *name)
{
        return bar_has_name(&r->state.bars, name) ||
               policy_mentions_node(r->state.policy->policy, name);
}

/* BASE-2, BASE-3...: the first that nobody holds and nobody guards. */
static void next_free(const struct registry *r, const char *base,
                      char ret_name[static LABEL_MAX + 1])
{
        for (unsigned number = 2;; number++) {
                char suffix[16];
                int suffix_len = snprintf(suffix, sizeof(suffix), "-%u", number);
                int room = LABEL_MAX - suffix_len;
                int len = (int)strnlen(base, (size_t)room);
                while (len > 1 && base[len - 1] == '-')
                        len--;
                snprintf(ret_name, LABEL_MAX + 1, "%.*s%s", len, base, suffix);
                if (!held(r, ret_name) && !guarded(r, ret_name))
                        return;
        }
}

void name_choose(const struct registry *r, const char *wanted, bool granted,
                 char ret_name[static LABEL_MAX + 1], char ret_claimed[static LABEL_MAX + 1])
{
        bool taken = held(r, wanted);
        bool pending = !taken && !granted && guarded(r, wanted);
        if (taken || pending)
                next_free(r, wanted, ret_name);
        else
                snprintf(ret_name, LABEL_MAX + 1, "%s", wanted);
        snprintf(ret_claimed, LABEL_MAX + 1, "%s", pending ? wanted : "");
}

/* ---- reservations and bars ---- */

static const void *name_key(const void *item)
{
        return item;
}

static const void *identity_key(const void *item)
{
        return ((const struct removal_record *)item)->identity;
}

static const void *removed_key(const void *item)
{
        return ((const struct removal_record *)item)->node_id;
}

void bar_table_init(struct bar_table *t, const struct env *env)
{
        index_init(&t->names, env, LABEL_MAX + 1, name_key);
        index_init(&t->identities, env, KEY_BYTES, identity_key);
        index_init(&t->removed, env, NODE_ID_BYTES, removed_key);
}

static void free_items(struct index *index)
{
        size_t cursor = 0;
        void *item;
        while ((item = index_next(index, &cursor)))
                free(item);
        index_done(index);
}

void bar_table_done(struct bar_table *t)
{
        free_items(&t->names);
        index_done(&t->removed);
        free_items(&t->identities);
}

/* Names are looked up by all of their bytes, the zeroes behind them too. */
static bool padded(const char *name, char ret_key[static LABEL_MAX + 1])
{
        size_t len = strnlen(name, LABEL_MAX + 1);
        if (len > LABEL_MAX)
                return false;
        memset(ret_key, 0, LABEL_MAX + 1);
        memcpy(ret_key, name, len);
        return true;
}

int bar_name(struct bar_table *t, const char *name)
{
        char key[LABEL_MAX + 1];
        if (!padded(name, key))
                return MESH_EINVAL;
        if (index_find(&t->names, key))
                return 0;
        char *copy = malloc(sizeof(key));
        if (!copy)
                return MESH_ENOMEM;
        memcpy(copy, key, sizeof(key));
        int err = index_put(&t->names, copy);
        if (err)
                free(copy);
        return err;
}

bool bar_has_name(const struct bar_table *t, const char *name)
{
        char key[LABEL_MAX + 1];
        return padded(name, key) && index_find(&t->names, key);
}

void unbar_name(struct bar_table *t, const char *name)
{
        char key[LABEL_MAX + 1];
        if (padded(name, key))
                free(index_remove(&t->names, key));
}

int bar_identity(struct bar_table *t, const struct removal_record *removal)
{
        if (index_find(&t->identities, removal->identity))
                return 0;
        struct removal_record *copy = malloc(sizeof(*copy));
        if (!copy)
                return MESH_ENOMEM;
        *copy = *removal;
        int err = index_reserve(&t->removed, 1);
        if (!err)
                err = index_put(&t->identities, copy);
        if (err) {
                free(copy);
                return err;
        }
        if (!index_find(&t->removed, copy->node_id))
                (void)index_put(&t->removed, copy); /* room was reserved */
        return 0;
}

const struct removal_record *registry_find_removal(const struct registry *r,
                                                   const uint8_t id[static NODE_ID_BYTES])
{
        return index_find(&r->state.bars.removed, id);
}
