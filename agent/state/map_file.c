/* The map on disk; see the header. */
#include "agent/state/map_file.h"

#include "common/arena.h"
#include "common/buffer.h"
#include "common/error.h"
#include "proto/pb.h"

int map_file_decode(const uint8_t *bytes, size_t len, const struct map_owner *owner,
                    struct map **ret_map)
{
        struct arena *arena = arena_new(MAP_ARENA_MAX);
        struct map_build *build = map_build_new(owner);
        ProtobufCMessage *message;
        int err = arena && build ? 0 : MESH_ENOMEM;
        if (!err)
                err = pb_unpack(&mesh__v1__snapshot__descriptor, bytes, len, arena, &message);
        if (!err)
                err = map_build_add(build, (const Mesh__V1__Snapshot *)message);
        if (!err)
                err = map_build_finish(build, NULL, ret_map);
        map_build_free(build);
        arena_free(arena);
        return err;
}

int map_file_read(const struct state_dir *dir, const struct map_owner *owner, struct map **ret_map,
                  enum state_source *ret_source)
{
        struct buffer bytes = { 0 };
        enum state_source source = STATE_FROM_FILE;
        int err = state_dir_read(dir, STATE_MAP, &bytes, &source);
        if (!err)
                err = map_file_decode(bytes.bytes, bytes.len, owner, ret_map);
        if (err == MESH_EFORMAT && source == STATE_FROM_FILE) {
                source = STATE_FROM_PREVIOUS;
                err = state_dir_read_previous(dir, STATE_MAP, &bytes);
                if (!err)
                        err = map_file_decode(bytes.bytes, bytes.len, owner, ret_map);
                if (err)
                        err = MESH_EDAMAGED;
        }
        buffer_done(&bytes);
        if (!err && ret_source)
                *ret_source = source;
        return err == MESH_EFORMAT ? MESH_EDAMAGED : err;
}

int map_file_write(const struct state_dir *dir, const struct map *map)
{
        struct arena *arena = arena_new(MAP_ARENA_MAX);
        struct buffer bytes = buffer_with_max(PB_MESSAGE_MAX);
        Mesh__V1__Snapshot *message = arena ? map_to_message(map, arena) : NULL;
        int err = message ? pb_pack(&message->base, &bytes) : MESH_ENOMEM;
        if (!err)
                err = state_dir_write(dir, STATE_MAP, bytes.bytes, bytes.len);
        buffer_done(&bytes);
        arena_free(arena);
        return err;
}
