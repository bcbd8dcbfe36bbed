/* Maps from snapshots; see the header. Deltas are in map_delta.c. */
#include "agent/state/map_build.h"

#include <stdlib.h>
#include <string.h>

#include "agent/state/map_draft.h"
#include "common/error.h"
#include "proto/convert.h"

struct map_build {
        const struct map_owner *owner;
        struct map_draft draft;
        bool has_position;
        struct position position;
        uint8_t policy_hash[KEY_BYTES], access_hash[KEY_BYTES];
};

struct map_build *map_build_new(const struct map_owner *owner)
{
        struct map_build *build = calloc(1, sizeof(*build));
        if (!build)
                return NULL;
        build->owner = owner;
        if (map_draft_init(&build->draft) != 0) {
                free(build);
                return NULL;
        }
        return build;
}

void map_build_free(struct map_build *build)
{
        if (!build)
                return;
        map_draft_done(&build->draft);
        free(build);
}

const char *map_build_error(const struct map_build *build)
{
        return build->draft.text;
}

/* Absent: none yet, or unchanged. */
static int take_hash(const ProtobufCBinaryData *field, uint8_t hash[static KEY_BYTES])
{
        return field->len == 0 ? 0 : binary_read(field, hash, KEY_BYTES);
}

static int take_ends(struct map_build *build, const Mesh__V1__Snapshot *chunk)
{
        int err = take_hash(&chunk->policy_hash, build->policy_hash);
        if (!err)
                err = take_hash(&chunk->access_hash, build->access_hash);
        if (!err && chunk->position) {
                err = position_from_message(chunk->position, &build->position);
                build->has_position = !err;
        }
        if (err)
                return map_draft_refuse(&build->draft, err, "malformed hash or position");
        return 0;
}

int map_build_add(struct map_build *build, const Mesh__V1__Snapshot *chunk)
{
        if (!build->draft.map)
                return MESH_ESTATE;
        struct map_draft *draft = &build->draft;
        int err = map_draft_take_peers(draft, build->owner, chunk->peers, chunk->n_peers);
        if (!err)
                err = map_draft_take_sets(draft, build->owner, chunk->sets, chunk->n_sets);
        if (!err)
                err = map_draft_take_rules(draft, chunk->rules, chunk->n_rules);
        if (!err)
                err = take_ends(build, chunk);
        return err;
}

int map_build_finish(struct map_build *build, const struct map *last, struct map **ret_map)
{
        struct map *map;
        if (!build->draft.map)
                return MESH_ESTATE;
        int err = map_draft_finish(&build->draft, last, &map);
        if (err)
                return err;
        map->has_position = build->has_position;
        map->position = build->position;
        memcpy(map->access_hash, build->access_hash, KEY_BYTES);
        if (!map->policy_error[0])
                memcpy(map->policy_hash, build->policy_hash, KEY_BYTES);
        else if (last)
                memcpy(map->policy_hash, last->policy_hash, KEY_BYTES);
        *ret_map = map;
        return 0;
}
