/* Random policies and random changes: a member that applies what it is told always has exactly what
 * a fresh snapshot says, and was never told of anybody whom it may not see. */
#include "tests/coordinator/netmap/mesh.h"
#include "tests/coordinator/netmap/sim.h"

#include "tests/support/seeded_env.h"

enum { RUNS = 60, STEPS = 120, WATCHERS = 4, MEMBERS_MAX = 14 };

struct watcher {
        struct sim_map map;
        struct netmap_stream *stream; /* NULL: not connected */
        uint8_t id[NODE_ID_BYTES];
        bool used;
};

struct world {
        struct mesh mesh;
        struct seeded_env random;
        struct watcher watchers[WATCHERS];
        size_t resumed, partial;
};

static const char *const names[] = { "ant", "bee", "cat", "dog", "elk", "fox", "gnu", "hen" };
static const char *const tags[] = { "server", "work", "db" };
static const char *const subjects[] = { "all", "one", "two", "\"tag:server\"", "\"tag:work\"",
                                        "ant", "bee", "cat", "\"tag:db\"",     "\"group:one\"" };
static const char *const ports[] = { "tcp/22",        "udp/53", "icmp",
                                     "tcp/8000-8099", "any",    "tcp/22, icmp" };

static size_t pick(struct world *w, size_t limit)
{
        return (size_t)env_random_below(&w->random.env, limit);
}

static void random_policy(struct world *w, char *out, size_t size)
{
        static const char *const members[] = { "ant",         "bee", "cat", "dog", "\"tag:server\"",
                                               "\"tag:work\"" };
        size_t len = (size_t)snprintf(
                out, size, "version: 1\ngroups:\n  one: [%s]\n  two: [%s, elk]\n",
                members[pick(w, LENGTH(members))], members[pick(w, LENGTH(members) - 1) + 1]);
        size_t rules = pick(w, 5);
        if (rules)
                len += (size_t)snprintf(out + len, size - len, "allow:\n");
        for (size_t i = 0; i < rules; i++)
                len += (size_t)snprintf(
                        out + len, size - len, "  - {from: %s, to: %s, ports: [%s]}\n",
                        subjects[pick(w, LENGTH(subjects))], subjects[pick(w, LENGTH(subjects))],
                        ports[pick(w, LENGTH(ports))]);
        assert_true(len < size);
}

static bool name_free(const struct mesh *m, const char *name)
{
        for (size_t i = 0; i < m->count; i++)
                if (!strcmp(m->members[i]->name, name))
                        return false;
        return true;
}

static const char *random_name(struct world *w, char out[static LABEL_MAX + 1])
{
        snprintf(out, LABEL_MAX + 1, "%s", names[pick(w, LENGTH(names))]);
        if (!name_free(&w->mesh, out))
                snprintf(out, LABEL_MAX + 1, "host-%u",
                         w->mesh.enrolled + 1000 * (unsigned)pick(w, 9999));
        return out;
}

static size_t random_tags(struct world *w, const char *out[static 3])
{
        size_t count = 0;
        for (size_t i = 0; i < LENGTH(tags); i++)
                if (pick(w, 3) == 0)
                        out[count++] = tags[i];
        return count;
}

/* ---- steps ---- */

static void step_enroll(struct world *w)
{
        char name[LABEL_MAX + 1];
        const char *list[3];
        if (w->mesh.count < MEMBERS_MAX)
                mesh_enroll(&w->mesh, random_name(w, name), list, random_tags(w, list));
}

static void step_remove(struct world *w)
{
        if (w->mesh.count > 2)
                mesh_remove(&w->mesh, pick(w, w->mesh.count));
}

static void step_edit(struct world *w)
{
        const char *list[3];
        struct ip_endpoint endpoints[2] = { 0 };
        size_t i = pick(w, w->mesh.count);
        struct member edited = *w->mesh.members[i];
        switch (pick(w, 5)) {
        case 0:
                random_name(w, edited.name);
                break;
        case 1:
                edited.tags = list;
                edited.tag_count = random_tags(w, list);
                break;
        case 2:
                edited.name_pending = !edited.name_pending;
                break;
        case 3:
                edited.recreate++;
                break;
        default:
                edited.endpoint_count = pick(w, 3);
                edited.endpoints = endpoints;
                for (size_t j = 0; j < edited.endpoint_count; j++)
                        endpoints[j] = (struct ip_endpoint){
                                .addr = { .len = 4, .bytes = { 192, 0, 2, (uint8_t)pick(w, 3) } },
                                .port = (uint16_t)(1000 + pick(w, 3))
                        };
        }
        mesh_edit(&w->mesh, i, &edited);
}

static void step_policy(struct world *w)
{
        char text[2048];
        random_policy(w, text, sizeof(text));
        mesh_policy(&w->mesh, text);
}

static void let_go(struct watcher *watcher)
{
        netmap_detach(watcher->stream);
        watcher->stream = NULL;
}

static const struct member *member_of(const struct mesh *m, const uint8_t *id)
{
        for (size_t i = 0; i < m->count; i++)
                if (!memcmp(m->members[i]->id, id, NODE_ID_BYTES))
                        return m->members[i];
        return NULL;
}

/* Connects, with its position if it has one; or another member begins to watch. */
static void step_connect(struct world *w, struct watcher *watcher)
{
        enum netmap_resume resume;
        if (!watcher->used || !member_of(&w->mesh, watcher->id)) {
                sim_done(&watcher->map);
                sim_init(&watcher->map);
                memcpy(watcher->id, w->mesh.members[pick(w, w->mesh.count)]->id, NODE_ID_BYTES);
                watcher->used = true;
        }
        if (watcher->map.filling) { /* cut in the middle: the agent keeps the old map, here: none */
                sim_empty(&watcher->map);
                watcher->map.filling = false;
                watcher->map.has_position = false;
        }
        bool has = watcher->map.has_position && pick(w, 8) > 0;
        assert_int_equal(netmap_attach(w->mesh.nm, watcher->id, has ? &watcher->map.position : NULL,
                                       watcher, &watcher->stream, &resume),
                         0);
        assert_int_equal(resume, has ? NETMAP_RESUMED : NETMAP_SNAPSHOT);
        w->resumed += resume == NETMAP_RESUMED;
}

/* What the watcher has, against a fresh snapshot and against the naive oracle. */
static void check(struct world *w, struct watcher *watcher)
{
        static struct policy_node nodes[MESH_MAX];
        static struct ip_prefix prefixes[MESH_MAX][2];
        const struct mesh *m = &w->mesh;
        struct sim_map fresh;
        struct netmap_stream *stream;
        enum netmap_resume resume;
        sim_init(&fresh);
        assert_int_equal(netmap_attach(m->nm, watcher->id, NULL, NULL, &stream, &resume), 0);
        sim_drain(&fresh, stream);
        netmap_detach(stream);
        sim_assert_equal(&watcher->map, &fresh);
        sim_done(&fresh);

        struct effective *e = mesh_effective(m, nodes, prefixes);
        size_t self = 0, seen = 0;
        while (memcmp(m->members[self]->id, watcher->id, NODE_ID_BYTES))
                self++;
        for (size_t i = 0; i < m->count; i++) {
                bool sees = effective_sees(e, self, i);
                assert_int_equal(sim_peer(&watcher->map, m->members[i]->id) != NULL, sees);
                assert_int_equal(netmap_sees(m->nm, watcher->id, m->members[i]->id), sees);
                seen += sees;
        }
        assert_int_equal(watcher->map.peer_count, seen);
        struct access access;
        uint8_t hash[ACCESS_HASH_BYTES];
        assert_int_equal(effective_access_of(e, self, &access), 0);
        assert_int_equal(access_hash(&access, hash), 0);
        assert_memory_equal(hash, watcher->map.access_hash, sizeof(hash));
        access_done(&access);
        effective_free(e);
}

static void step_watch(struct world *w)
{
        struct watcher *watcher = &w->watchers[pick(w, WATCHERS)];
        if (!watcher->stream) {
                step_connect(w, watcher);
                return;
        }
        if (!member_of(&w->mesh, watcher->id)) { /* gone: nothing more comes */
                struct buffer bytes = buffer_with_max(NETMAP_CHUNK_BYTES);
                assert_int_equal(netmap_take(watcher->stream, &bytes), 0);
                buffer_done(&bytes);
                let_go(watcher);
                return;
        }
        switch (pick(w, 8)) {
        case 0:
                let_go(watcher);
                break;
        case 1:
                netmap_want_snapshot(watcher->stream);
                break;
        case 2:
                w->partial += sim_take(&watcher->map, watcher->stream);
                break;
        default:
                sim_drain(&watcher->map, watcher->stream);
                check(w, watcher);
        }
}

static void run(uint64_t seed, size_t *resumed, size_t *partial)
{
        static struct world w;
        char text[2048];
        memset(&w, 0, sizeof(w));
        seeded_env_init(&w.random, seed);
        random_policy(&w, text, sizeof(text));
        mesh_init(&w.mesh, text);
        for (int i = 0; i < 4; i++)
                step_enroll(&w);
        for (int i = 0; i < STEPS; i++) {
                size_t dice = pick(&w, 20);
                if (dice < 2)
                        step_enroll(&w);
                else if (dice < 3)
                        step_remove(&w);
                else if (dice < 7)
                        step_edit(&w);
                else if (dice < 8)
                        step_policy(&w);
                else
                        step_watch(&w);
        }
        for (size_t i = 0; i < WATCHERS; i++) {
                struct watcher *watcher = &w.watchers[i];
                if (watcher->stream && member_of(&w.mesh, watcher->id)) {
                        sim_drain(&watcher->map, watcher->stream);
                        check(&w, watcher);
                }
                let_go(watcher);
                sim_done(&watcher->map);
        }
        *resumed += w.resumed;
        *partial += w.partial;
        mesh_done(&w.mesh);
}

static void told_is_what_a_snapshot_says(void **state)
{
        size_t resumed = 0, partial = 0;
        (void)state;
        for (uint64_t seed = 1; seed <= RUNS; seed++)
                run(seed, &resumed, &partial);
        assert_true(resumed > RUNS); /* the interesting ways were walked */
        assert_true(partial > RUNS / 2);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(told_is_what_a_snapshot_says),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
