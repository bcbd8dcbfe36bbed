/* The agent's desired state; see the header. */
#include "agent/state/state.h"

#include <stdio.h>
#include <string.h>

#include "agent/state/grant.h"
#include "agent/state/map_file.h"
#include "common/buffer.h"
#include "common/cursor.h"
#include "common/error.h"

static void warn(struct agent_state *state, enum state_file file, const char *what)
{
        if (!state->warning[0])
                (void)snprintf(state->warning, sizeof(state->warning), "state file %s: %s",
                               state_file_name(file), what);
}

/* A file that is there but cannot be used is as good as missing, and said. */
static int tolerate(struct agent_state *state, enum state_file file, int err)
{
        if (err == MESH_EDAMAGED || err == MESH_EVERSION || err == MESH_ELIMIT) {
                warn(state, file, mesh_strerror(err));
                return MESH_ENOENT;
        }
        return err;
}

static void set_owner(struct agent_state *state)
{
        const struct membership *m = &state->membership;
        state->owner = (struct map_owner){
                .node_id = m->node_id,
                .wireguard_key = state->keys.wireguard.public_key,
                .addresses = m->addresses,
                .address_count = m->address_count,
                .mesh_prefixes = m->prefixes,
                .mesh_prefix_count = m->prefix_count,
        };
}

static int load_map(struct agent_state *state)
{
        enum state_source source = STATE_FROM_FILE;
        int err = map_file_read(&state->dir, &state->owner, &state->map, &source);
        if (!err && source == STATE_FROM_PREVIOUS)
                warn(state, STATE_MAP, "damaged; the copy before it is used");
        return err;
}

static int load_membership(struct agent_state *state)
{
        enum state_source source = STATE_FROM_FILE;
        int err = membership_read(&state->dir, &state->membership, &source);
        if (!err && source == STATE_FROM_PREVIOUS)
                warn(state, STATE_MEMBERSHIP, "damaged; the copy before it is used");
        return err;
}

static void load_clock(struct agent_state *state)
{
        struct buffer bytes = { 0 };
        if (state_dir_read(&state->dir, STATE_CLOCK, &bytes, NULL) == 0) {
                struct cursor c = cursor_over(bytes.bytes, bytes.len);
                uint64_t floor_ms = cursor_be64(&c);
                if (cursor_finish(&c) == 0)
                        state->clock_floor_ms = floor_ms;
        }
        buffer_done(&bytes);
}

/* Each file may be missing; a membership without keys is none. */
static int load(struct agent_state *state)
{
        int err = tolerate(state, STATE_KEYS, keyring_read(&state->dir, &state->keys));
        state->has_keys = err == 0;
        if (err)
                return err == MESH_ENOENT ? 0 : err;
        err = tolerate(state, STATE_MEMBERSHIP, load_membership(state));
        state->enrolled = err == 0;
        if (err)
                return err == MESH_ENOENT ? 0 : err;
        set_owner(state);
        load_clock(state);
        err = tolerate(state, STATE_MAP, load_map(state));
        return err == MESH_ENOENT ? 0 : err;
}

int agent_state_open(const char *path, bool lock, struct agent_state *ret_state)
{
        memset(ret_state, 0, sizeof(*ret_state));
        int err = state_dir_init(&ret_state->dir, path);
        if (!err && lock)
                err = state_dir_lock(&ret_state->dir);
        if (!err)
                err = load(ret_state);
        set_owner(ret_state);
        if (err)
                agent_state_done(ret_state);
        return err;
}

static void forget_in_memory(struct agent_state *state)
{
        agent_state_drop_incoming(state);
        map_free(state->map);
        keyring_done(&state->keys);
        memset(&state->membership, 0, sizeof(state->membership));
        state->map = NULL;
        state->has_keys = false;
        state->enrolled = false;
        state->map_unsaved = false;
}

void agent_state_done(struct agent_state *state)
{
        forget_in_memory(state);
        state_dir_done(&state->dir);
}

int agent_state_make_keys(struct agent_state *state, const struct env *env)
{
        if (state->has_keys)
                return 0;
        keyring_make(env, &state->keys);
        int err = keyring_write(&state->dir, &state->keys);
        if (err)
                keyring_done(&state->keys);
        state->has_keys = err == 0;
        return err;
}

/* Stores MEMBERSHIP, then makes it the one that is seen. */
static int commit(struct agent_state *state, const struct membership *membership)
{
        int err = membership_write(&state->dir, membership);
        if (err)
                return err;
        state->membership = *membership;
        state->enrolled = true;
        set_owner(state);
        return 0;
}

/* The same with a new instance token. The coordinator soon takes no other one, so that the copy
 * before must hold it, too, or a torn file would make this node its own clone. */
static int commit_token(struct agent_state *state, const struct membership *membership)
{
        int err = commit(state, membership);
        if (!err)
                (void)membership_write(&state->dir, membership); /* the first one stands */
        return err;
}

int agent_state_join(struct agent_state *state, const Mesh__V1__EnrollGrantBody *grant,
                     const struct agent_joining *joining)
{
        struct membership m = { 0 };
        int err = membership_from_grant(grant, joining->guard, &m);
        if (err)
                return err;
        memcpy(m.coordinator, joining->coordinator, KEY_BYTES);
        if (m.coordinator_port == 0)
                m.coordinator_port = joining->coordinator_port;
        if (!m.coordinator_name[0])
                (void)snprintf(m.coordinator_name, sizeof(m.coordinator_name), "%s",
                               joining->coordinator_name);
        if (joining->worked)
                pins_succeeded(&m.pins, joining->worked, joining->now_ms);
        m.wireguard_port = joining->wireguard_port;
        err = state_dir_remove(&state->dir, STATE_MAP); /* one of an earlier membership */
        if (!err)
                err = commit(state, &m);
        return err;
}

static void store_clock(struct agent_state *state, uint64_t floor_ms)
{
        struct buffer out = buffer_with_max(8);
        buffer_put_be64(&out, floor_ms);
        if (buffer_error(&out) == 0 &&
            state_dir_write(&state->dir, STATE_CLOCK, out.bytes, out.len) == 0)
                state->clock_floor_ms = floor_ms;
        buffer_done(&out);
}

int agent_state_welcome(struct agent_state *state, const Mesh__V1__WelcomeBody *welcome,
                        const struct ip_endpoint *worked, const struct grant_guard *guard,
                        uint64_t now_ms)
{
        struct membership m = state->membership;
        if (welcome->next_instance_token.len != INSTANCE_TOKEN_BYTES || !welcome->epoch)
                return MESH_EFORMAT;
        memcpy(m.token, welcome->next_instance_token.data, INSTANCE_TOKEN_BYTES);
        m.has_token = true;
        struct mesh_epoch epoch = { welcome->epoch->start_ms, welcome->epoch->random };
        if (mesh_epoch_compare(&epoch, &m.epoch) < 0) {
                int err = commit_token(state, &m);
                return err ? err : MESH_ESTATE;
        }
        m.epoch = epoch;
        int err = membership_from_welcome(welcome, guard, &m);
        if (err)
                return err;
        if (worked)
                pins_succeeded(&m.pins, worked, now_ms);
        err = commit_token(state, &m);
        if (!err)
                store_clock(state, welcome->time_ms);
        return err;
}

static void replace_map(struct agent_state *state, struct map *map)
{
        map_free(state->map);
        state->map = map;
        state->map_unsaved = true;
}

int agent_state_snapshot(struct agent_state *state, const Mesh__V1__Snapshot *chunk, bool *ret_new,
                         char text[static MAP_TEXT_MAX])
{
        if (!state->incoming)
                state->incoming = map_build_new(&state->owner);
        struct map *map;
        int err = state->incoming ? map_build_add(state->incoming, chunk) : MESH_ENOMEM;
        if (!err && !chunk->last) {
                *ret_new = false;
                return 0;
        }
        if (!err)
                err = map_build_finish(state->incoming, state->map, &map);
        (void)snprintf(text, MAP_TEXT_MAX, "%s",
                       state->incoming ? map_build_error(state->incoming) : "out of memory");
        agent_state_drop_incoming(state);
        if (err)
                return err;
        replace_map(state, map);
        *ret_new = true;
        return 0;
}

int agent_state_delta(struct agent_state *state, const Mesh__V1__Delta *delta,
                      char text[static MAP_TEXT_MAX])
{
        struct map *map;
        if (!state->map) {
                (void)snprintf(text, MAP_TEXT_MAX, "a delta without a map");
                return MESH_ESTATE;
        }
        int err = map_apply_delta(&state->owner, state->map, delta, &map, text);
        if (!err)
                replace_map(state, map);
        return err;
}

void agent_state_drop_incoming(struct agent_state *state)
{
        map_build_free(state->incoming);
        state->incoming = NULL;
}

int agent_state_save_map(struct agent_state *state)
{
        if (!state->map_unsaved || !state->map)
                return 0;
        int err = map_file_write(&state->dir, state->map);
        if (!err)
                state->map_unsaved = false;
        return err;
}

void agent_state_pin_failed(struct agent_state *state, const struct ip_endpoint *endpoint,
                            uint64_t now_ms)
{
        pins_failed(&state->membership.pins, endpoint, now_ms);
}

int agent_state_forget(struct agent_state *state)
{
        static const enum state_file files[] = { STATE_MEMBERSHIP, STATE_MAP, STATE_KEYS,
                                                 STATE_CLOCK, STATE_CONFIG };
        int err = 0;
        for (size_t i = 0; !err && i < sizeof(files) / sizeof(files[0]); i++)
                err = state_dir_remove(&state->dir, files[i]);
        if (!err)
                forget_in_memory(state);
        return err;
}
