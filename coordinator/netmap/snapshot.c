/* See snapshot.h. Peers first, then sets, then rules, each until the chunk is full. */
#include "coordinator/netmap/snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/error.h"
#include "coordinator/netmap/access.h"
#include "coordinator/netmap/message.h"
#include "proto/convert.h"

enum {
        CHUNK_ROOM = NETMAP_CHUNK_BYTES - 4096, /* hashes, position and wrapping stay beside it */
        CHUNK_ITEMS_MAX = 4096,
        FIELD_BYTES = 8,   /* tag and length of a message inside another, generously */
        PREFIX_BYTES = 24, /* the longest serialised Prefix with its tag */
};

struct snapshot {
        struct class_ref *class;  /* of the member; one reference */
        struct view_entry *peers; /* whom it sees; one reference to each image and class */
        size_t peer_count;
        uint8_t access_hash[ACCESS_HASH_BYTES];

        size_t next_peer;
        uint64_t *sets; /* owned */
        size_t set_count, next_set, next_in_set;
        size_t rule_cursor;
        bool rules_done;
};

/* Everybody whom SELF sees. */
static int freeze_peers(struct snapshot *s, const struct view *v, const struct view_entry *self)
{
        for (size_t i = 0; i < v->class_count; i++) {
                v->classes[i]->mark = class_sees(self->class, v->classes[i]);
        }
        for (size_t i = 0; i < v->count; i++)
                s->peer_count += v->entries[i].class->mark;
        s->peers = calloc(s->peer_count + 1, sizeof(*s->peers));
        if (!s->peers)
                return MESH_ENOMEM;
        s->peer_count = 0;
        for (size_t i = 0; i < v->count; i++) {
                const struct view_entry *entry = &v->entries[i];
                if (!entry->class->mark || entry == self)
                        continue;
                struct view_entry *copy = &s->peers[s->peer_count++];
                copy->member = member_ref(entry->member);
                copy->class = class_ref_take(entry->class);
        }
        return 0;
}

static int freeze_sets(struct snapshot *s, struct arena *arena)
{
        uint64_t *ids = set_ids_of(s->class, arena, &s->set_count);
        s->sets = calloc(s->set_count + 1, sizeof(*s->sets));
        if (!ids || !s->sets)
                return MESH_ENOMEM;
        memcpy(s->sets, ids, s->set_count * sizeof(*ids));
        return 0;
}

int snapshot_new(const struct view *v, const struct view_entry *self, struct arena *arena,
                 struct snapshot **ret_snapshot)
{
        struct snapshot *s = calloc(1, sizeof(*s));
        if (!s)
                return MESH_ENOMEM;
        s->class = class_ref_take(self->class);
        int err = freeze_peers(s, v, self);
        if (!err)
                err = freeze_sets(s, arena);
        if (!err)
                err = view_access_hash(v, self, s->access_hash);
        if (err) {
                snapshot_free(s);
                return err;
        }
        *ret_snapshot = s;
        return 0;
}

void snapshot_free(struct snapshot *s)
{
        if (!s)
                return;
        for (size_t i = 0; i < s->peer_count; i++) {
                member_unref(s->peers[i].member);
                class_unref(s->peers[i].class);
        }
        class_unref(s->class);
        free(s->peers);
        free(s->sets);
        free(s);
}

/* ---- chunks ---- */

struct chunk {
        struct arena *arena;
        Mesh__V1__Snapshot *message;
        size_t room; /* bytes left, by a generous count */
        bool full;
};

/* Whether a piece of BYTES still fits; takes the room if so. An empty chunk takes any piece. */
static bool take_room(struct chunk *c, size_t bytes)
{
        bytes += FIELD_BYTES;
        if (bytes > c->room && c->room != CHUNK_ROOM) {
                c->full = true;
                return false;
        }
        c->room -= bytes < c->room ? bytes : c->room;
        return true;
}

static int add_peers(struct snapshot *s, struct chunk *c)
{
        Mesh__V1__Snapshot *m = c->message;
        m->peers = arena_alloc(c->arena, CHUNK_ITEMS_MAX * sizeof(*m->peers));
        if (!m->peers)
                return MESH_ENOMEM;
        while (s->next_peer < s->peer_count) {
                Mesh__V1__Peer *peer = peer_message(s->peers[s->next_peer].member, c->arena);
                if (!peer)
                        return MESH_ENOMEM;
                if (m->n_peers == CHUNK_ITEMS_MAX ||
                    !take_room(c, protobuf_c_message_get_packed_size(&peer->base))) {
                        c->full = true;
                        return 0;
                }
                m->peers[m->n_peers++] = peer;
                s->next_peer++;
        }
        return 0;
}

/* The members of the set SET from next_in_set on, as many as fit. */
static int fill_part(struct snapshot *s, struct chunk *c, Mesh__V1__Set *set)
{
        const struct policy *policy = s->class->policy->policy;
        size_t most = 2 * (s->peer_count - s->next_in_set);
        size_t fit = c->room / PREFIX_BYTES + 2;
        set->prefixes = arena_alloc(c->arena, (most < fit ? most : fit) * sizeof(*set->prefixes));
        if (!set->prefixes)
                return MESH_ENOMEM;
        for (; s->next_in_set < s->peer_count; s->next_in_set++) {
                const struct view_entry *entry = &s->peers[s->next_in_set];
                if (!policy_in_set(policy, entry->class->value, set->id))
                        continue;
                if (c->room < 2 * PREFIX_BYTES) {
                        c->full = true;
                        return 0;
                }
                c->room -= 2 * PREFIX_BYTES;
                for (int i = 0; i < 2; i++) {
                        const struct ip_addr *addr = i ? &entry->member->v6 : &entry->member->v4;
                        Mesh__V1__Prefix *prefix = address_message(addr, c->arena);
                        if (!prefix)
                                return MESH_ENOMEM;
                        set->prefixes[set->n_prefixes++] = prefix;
                }
        }
        return 0;
}

static int add_sets(struct snapshot *s, struct chunk *c)
{
        Mesh__V1__Snapshot *m = c->message;
        m->sets = arena_alloc(c->arena, CHUNK_ITEMS_MAX * sizeof(*m->sets));
        if (!m->sets)
                return MESH_ENOMEM;
        while (!c->full && s->next_set < s->set_count) {
                if (m->n_sets == CHUNK_ITEMS_MAX || !take_room(c, 16)) {
                        c->full = true;
                        break;
                }
                Mesh__V1__Set *set = arena_alloc(c->arena, sizeof(*set));
                if (!set)
                        return MESH_ENOMEM;
                *set = (Mesh__V1__Set)MESH__V1__SET__INIT;
                set->id = s->sets[s->next_set];
                m->sets[m->n_sets++] = set;
                int err = fill_part(s, c, set);
                if (err)
                        return err;
                if (!c->full) {
                        s->next_set++;
                        s->next_in_set = 0;
                }
        }
        return 0;
}

static int add_rules(struct snapshot *s, struct chunk *c)
{
        Mesh__V1__Snapshot *m = c->message;
        const struct access_rule *rule;
        m->rules = arena_alloc(c->arena, CHUNK_ITEMS_MAX * sizeof(*m->rules));
        if (!m->rules)
                return MESH_ENOMEM;
        for (;;) {
                size_t cursor = s->rule_cursor;
                rule = policy_next_rule(s->class->policy->policy, s->class->value, &cursor);
                if (!rule) {
                        s->rules_done = true;
                        return 0;
                }
                Mesh__V1__Rule *message = rule_message(rule, c->arena);
                if (!message)
                        return MESH_ENOMEM;
                if (m->n_rules == CHUNK_ITEMS_MAX ||
                    !take_room(c, protobuf_c_message_get_packed_size(&message->base))) {
                        c->full = true;
                        return 0;
                }
                m->rules[m->n_rules++] = message;
                s->rule_cursor = cursor;
        }
}

int snapshot_next(struct snapshot *s, struct arena *arena, Mesh__V1__Snapshot **ret_chunk)
{
        struct chunk c = { .arena = arena, .room = CHUNK_ROOM };
        c.message = arena_alloc(arena, sizeof(*c.message));
        if (!c.message)
                return MESH_ENOMEM;
        *c.message = (Mesh__V1__Snapshot)MESH__V1__SNAPSHOT__INIT;
        int err = add_peers(s, &c);
        if (!err && !c.full)
                err = add_sets(s, &c);
        if (!err && !c.full)
                err = add_rules(s, &c);
        if (err)
                return err;
        c.message->last = s->rules_done;
        if (s->rules_done) {
                c.message->policy_hash = policy_hash_of(s->class->policy);
                c.message->access_hash = binary_of(s->access_hash, sizeof(s->access_hash));
        }
        *ret_chunk = c.message;
        return 0;
}
