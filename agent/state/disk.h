/* The agent's state directory: which files it holds, its lock, and how one is replaced and read.
 *
 * Bytes only; what is in a file is the affair of keyring.h, membership.h and map_file.h. A file is
 * replaced durably and, where the table says so, the copy before it is kept: a damaged or newer
 * file is set aside and that copy is read instead, never half of one (06-boot.md, point 7). */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buffer;

enum { STATE_PATH_MAX = 512 };

enum state_file {
        STATE_KEYS,       /* the node's three private keys */
        STATE_MEMBERSHIP, /* who this node is, in which mesh, and how to reach the coordinator */
        STATE_MAP,        /* the last map */
        STATE_CONFIG,     /* text of the last good local config */
        STATE_CLOCK,      /* the newest authenticated time */
        STATE_FILE_COUNT
};

enum state_source {
        STATE_FROM_FILE,     /* the file itself */
        STATE_FROM_PREVIOUS, /* the copy before it: the file was missing, damaged or too new */
};

/* A state directory; zero-initialise nothing, call state_dir_init. */
struct state_dir {
        char path[STATE_PATH_MAX];
        int lock_fd; /* -1: not locked */
};

/* Names the directory; touches nothing. MESH_ELIMIT for a path that is too long. */
int state_dir_init(struct state_dir *ret_dir, const char *path);

/* Makes the directory (0700) if needed and takes its lock for the life of the process, so that two
 * agents never share one. A read-only one that was used before is fine. MESH_EBUSY if another has
 * it; MESH_EPERM, MESH_EIO, MESH_ENOSPC, MESH_EROFS. */
int state_dir_lock(struct state_dir *dir);

/* Gives the lock back. */
void state_dir_done(struct state_dir *dir);

/* Reads the payload of a file into RET, an empty buffer that the caller owns (the file's own
 * maximum is set on it). A damaged or newer file is set aside if the directory is locked by us,
 * and the copy before it is read. MESH_ENOENT if there is neither; MESH_EDAMAGED or MESH_EVERSION
 * if nothing that exists is usable. RET_SOURCE may be NULL. */
int state_dir_read(const struct state_dir *dir, enum state_file file, struct buffer *ret,
                   enum state_source *ret_source);

/* Replaces a file durably, keeping the copy before it where the table says so. On failure the old
 * content is still what state_dir_read finds. MESH_ELIMIT over the file's maximum, MESH_ENOSPC...
 */
int state_dir_write(const struct state_dir *dir, enum state_file file, const void *bytes,
                    size_t len);

/* Reads only the copy before the file, for a caller whose parser refused the file itself. Errors
 * as state_dir_read. */
int state_dir_read_previous(const struct state_dir *dir, enum state_file file, struct buffer *ret);

/* Removes a file, the copy before it and what was set aside; nothing there is fine. The directory
 * is synced. */
int state_dir_remove(const struct state_dir *dir, enum state_file file);

/* Whether the file exists in any form: itself, the copy before it, or damaged and set aside. */
bool state_dir_has_traces(const struct state_dir *dir, enum state_file file);

/* The file's name within the directory, for messages; static. */
const char *state_file_name(enum state_file file);
