/* See view.h. */
#include "coordinator/netmap/view.h"

#include <stdlib.h>
#include <string.h>

#include "common/error.h"
#include "coordinator/netmap/access.h"

enum { IDLE_CLASSES_MAX = 64 };

/* ---- policies and classes ---- */

struct netmap_policy *netmap_policy_new(struct policy *policy, uint64_t version)
{
        struct netmap_policy *p = malloc(sizeof(*p));
        if (!p) {
                policy_free(policy);
                return NULL;
        }
        *p = (struct netmap_policy){ .refs = 1, .version = version, .policy = policy };
        return p;
}

struct netmap_policy *netmap_policy_ref(struct netmap_policy *policy)
{
        if (policy)
                policy->refs++;
        return policy;
}

void netmap_policy_unref(struct netmap_policy *policy)
{
        if (!policy || --policy->refs)
                return;
        policy_free(policy->policy);
        free(policy);
}

struct class_ref *class_ref_take(struct class_ref *class)
{
        if (class)
                class->refs++;
        return class;
}

void class_unref(struct class_ref *class)
{
        if (!class || --class->refs)
                return;
        policy_class_free(class->value);
        class_forget_access(class);
        netmap_policy_unref(class->policy);
        free(class);
}

bool class_sees(const struct class_ref *a, const struct class_ref *b)
{
        return policy_sees(a->value, b->value);
}

/* The first class that is not before VALUE. */
static size_t class_place(const struct view *v, const struct policy_class *value)
{
        size_t low = 0, high = v->class_count;
        while (low < high) {
                size_t middle = low + (high - low) / 2;
                if (policy_class_compare(v->classes[middle]->value, value) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

/* Forgets classes that nobody has any more, once there are many. */
static void drop_idle_classes(struct view *v)
{
        size_t kept = 0;
        if (v->class_count <= 2 * v->count + IDLE_CLASSES_MAX)
                return;
        for (size_t i = 0; i < v->class_count; i++) {
                if (v->classes[i]->refs > 1)
                        v->classes[kept++] = v->classes[i];
                else
                        class_unref(v->classes[i]);
        }
        v->class_count = kept;
}

static int class_make_room(struct view *v)
{
        drop_idle_classes(v);
        if (v->class_count < v->class_capacity)
                return 0;
        size_t capacity = v->class_capacity ? 2 * v->class_capacity : 16;
        struct class_ref **grown = realloc(v->classes, capacity * sizeof(*grown));
        if (!grown)
                return MESH_ENOMEM;
        v->classes = grown;
        v->class_capacity = capacity;
        return 0;
}

int view_classify(struct view *v, const struct member *member, struct class_ref **ret_class)
{
        struct policy_class *value = NULL;
        int err = class_make_room(v);
        if (!err)
                err = policy_classify(v->policy->policy, member->name_pending ? NULL : member->name,
                                      member->tags, member->tag_count, &value);
        if (err)
                return err;
        size_t place = class_place(v, value);
        if (place < v->class_count && !policy_class_compare(v->classes[place]->value, value)) {
                policy_class_free(value);
                *ret_class = class_ref_take(v->classes[place]);
                return 0;
        }
        struct class_ref *class = malloc(sizeof(*class));
        if (!class) {
                policy_class_free(value);
                return MESH_ENOMEM;
        }
        *class = (struct class_ref){ .refs = 2, .value = value };
        class->policy = netmap_policy_ref(v->policy);
        memmove(&v->classes[place + 1], &v->classes[place],
                (v->class_count - place) * sizeof(*v->classes));
        v->classes[place] = class;
        v->class_count++;
        *ret_class = class;
        return 0;
}

static void forget_classes(struct view *v)
{
        for (size_t i = 0; i < v->class_count; i++)
                class_unref(v->classes[i]);
        v->class_count = 0;
}

/* ---- members ---- */

void view_init(struct view *v, struct netmap_policy *policy)
{
        *v = (struct view){ .policy = netmap_policy_ref(policy) };
}

void view_done(struct view *v)
{
        for (size_t i = 0; i < v->count; i++) {
                member_unref(v->entries[i].member);
                class_unref(v->entries[i].class);
        }
        forget_classes(v);
        free(v->entries);
        free(v->classes);
        netmap_policy_unref(v->policy);
        *v = (struct view){ 0 };
}

/* The first place whose id is not before ID. */
static size_t place_of(const struct view *v, const uint8_t id[static NODE_ID_BYTES])
{
        size_t low = 0, high = v->count;
        while (low < high) {
                size_t middle = low + (high - low) / 2;
                if (memcmp(v->entries[middle].member->id, id, NODE_ID_BYTES) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

struct view_entry *view_find(const struct view *v, const uint8_t id[static NODE_ID_BYTES])
{
        size_t place = place_of(v, id);
        if (place < v->count && !memcmp(v->entries[place].member->id, id, NODE_ID_BYTES))
                return &v->entries[place];
        return NULL;
}

static int make_room(struct view *v)
{
        if (v->count < v->capacity)
                return 0;
        size_t capacity = v->capacity ? 2 * v->capacity : 16;
        struct view_entry *grown = realloc(v->entries, capacity * sizeof(*grown));
        if (!grown)
                return MESH_ENOMEM;
        v->entries = grown;
        v->capacity = capacity;
        return 0;
}

int view_put(struct view *v, const struct member *member)
{
        struct class_ref *class;
        int err = make_room(v);
        if (!err)
                err = view_classify(v, member, &class);
        if (err)
                return err;
        struct view_entry *entry = view_find(v, member->id);
        if (entry) {
                member_unref(entry->member);
                class_unref(entry->class);
        } else {
                size_t place = place_of(v, member->id);
                memmove(&v->entries[place + 1], &v->entries[place],
                        (v->count - place) * sizeof(*v->entries));
                v->count++;
                entry = &v->entries[place];
                *entry = (struct view_entry){ 0 };
        }
        entry->member = member_ref(member);
        entry->class = class;
        return 0;
}

void view_remove(struct view *v, const uint8_t id[static NODE_ID_BYTES])
{
        struct view_entry *entry = view_find(v, id);
        if (!entry)
                return;
        member_unref(entry->member);
        class_unref(entry->class);
        size_t place = (size_t)(entry - v->entries);
        v->count--;
        memmove(entry, entry + 1, (v->count - place) * sizeof(*entry));
}

int view_set_policy(struct view *v, struct netmap_policy *policy)
{
        struct view fresh;
        int err = 0;
        view_init(&fresh, policy);
        for (size_t i = 0; !err && i < v->count; i++)
                err = view_put(&fresh, v->entries[i].member);
        if (err) {
                view_done(&fresh);
                return err;
        }
        for (size_t i = 0; i < v->count; i++) { /* the same members in the same order */
                fresh.entries[i].wanted_generation = v->entries[i].wanted_generation;
                fresh.entries[i].streams = v->entries[i].streams;
        }
        view_done(v);
        *v = fresh;
        return 0;
}
