/* The agent's state directory; see the header. */
#include "agent/state/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <sodium.h>

#include "common/buffer.h"
#include "common/error.h"
#include "common/file.h"

static const struct {
        const char *name;
        char magic[5];
        uint16_t version; /* what this program writes, and the newest it reads */
        bool keeps_previous;
        size_t max_bytes;
} files[STATE_FILE_COUNT] = {
        [STATE_KEYS] = { "keys", "MKEY", 1, false, 256 },
        [STATE_MEMBERSHIP] = { "membership", "MMEM", 1, true, 64 * 1024 },
        [STATE_MAP] = { "map", "MMAP", 1, true, 16 * 1024 * 1024 },
        [STATE_CONFIG] = { "config", "MCFG", 1, true, 256 * 1024 },
        [STATE_CLOCK] = { "clock", "MCLK", 1, false, 64 },
};

const char *state_file_name(enum state_file file)
{
        return files[file].name;
}

int state_dir_init(struct state_dir *ret_dir, const char *path)
{
        size_t len = strlen(path);
        if (len == 0 || len >= sizeof(ret_dir->path))
                return MESH_ELIMIT;
        struct state_dir dir = { .lock_fd = -1 };
        memcpy(dir.path, path, len + 1);
        *ret_dir = dir;
        return 0;
}

/* On a file system that went read-only (after an error of the disk, say) the lock of before still
 * serves: a host must come up from what it knows. */
static int open_lock(const char *path)
{
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0 && errno == EROFS)
                fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        return fd >= 0 ? fd : mesh_error_from_errno(errno);
}

int state_dir_lock(struct state_dir *dir)
{
        char path[STATE_PATH_MAX + 16];
        int err = directory_make(dir->path, 0700);
        if (!err)
                err = path_join(path, sizeof(path), dir->path, "lock");
        if (err)
                return err;
        int fd = open_lock(path);
        if (fd < 0)
                return fd;
        if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
                err = errno == EWOULDBLOCK ? MESH_EBUSY : mesh_error_from_errno(errno);
                (void)close(fd);
                return err;
        }
        dir->lock_fd = fd;
        return 0;
}

void state_dir_done(struct state_dir *dir)
{
        if (dir->lock_fd >= 0)
                (void)close(dir->lock_fd);
        dir->lock_fd = -1;
}

static int path_of(const struct state_dir *dir, enum state_file file, const char *suffix,
                   char out[static STATE_PATH_MAX + 32])
{
        int len =
                snprintf(out, STATE_PATH_MAX + 32, "%s/%s%s", dir->path, files[file].name, suffix);
        return len < 0 || len >= STATE_PATH_MAX + 32 ? MESH_ELIMIT : 0;
}

/* A file that exists but cannot be used; anything else (rights, i/o) says nothing about it. */
static bool is_unusable(int err)
{
        return err == MESH_EDAMAGED || err == MESH_EVERSION || err == MESH_ELIMIT;
}

static int read_one(const struct state_dir *dir, enum state_file file, const char *suffix,
                    struct buffer *ret)
{
        char path[STATE_PATH_MAX + 32];
        uint16_t version;
        int err = path_of(dir, file, suffix, path);
        if (err)
                return err;
        buffer_done(ret);
        *ret = buffer_with_max(files[file].max_bytes);
        err = state_file_read(path, files[file].magic, files[file].version, ret, &version);
        if (err)
                buffer_clear(ret);
        if (is_unusable(err) && dir->lock_fd >= 0)
                file_set_aside(path);
        return err;
}

int state_dir_read_previous(const struct state_dir *dir, enum state_file file, struct buffer *ret)
{
        return files[file].keeps_previous ? read_one(dir, file, ".previous", ret) : MESH_ENOENT;
}

int state_dir_read(const struct state_dir *dir, enum state_file file, struct buffer *ret,
                   enum state_source *ret_source)
{
        enum state_source source = STATE_FROM_FILE;
        int err = read_one(dir, file, "", ret);
        if (is_unusable(err) || err == MESH_ENOENT) {
                source = STATE_FROM_PREVIOUS;
                int previous_err = state_dir_read_previous(dir, file, ret);
                if (!(previous_err == MESH_ENOENT && err != MESH_ENOENT))
                        err = previous_err; /* else the damage is the better message */
        }
        if (!err && ret_source)
                *ret_source = source;
        return err;
}

/* Keeps the present file as the copy before it. A hard link, so that at no moment the file itself
 * is missing. A damaged file was set aside when it was read and never becomes the copy. */
static int keep_previous(const char *path, const char *previous)
{
        if (unlink(previous) != 0 && errno != ENOENT)
                return mesh_error_from_errno(errno);
        if (link(path, previous) != 0 && errno != ENOENT)
                return mesh_error_from_errno(errno);
        return 0;
}

int state_dir_write(const struct state_dir *dir, enum state_file file, const void *bytes,
                    size_t len)
{
        char path[STATE_PATH_MAX + 32], previous[STATE_PATH_MAX + 32];
        if (len > files[file].max_bytes)
                return MESH_ELIMIT;
        int err = path_of(dir, file, "", path);
        if (!err)
                err = path_of(dir, file, ".previous", previous);
        if (!err && files[file].keeps_previous && access(path, F_OK) == 0)
                err = keep_previous(path, previous);
        if (!err)
                err = state_file_write(path, files[file].magic, files[file].version, bytes, len);
        return err;
}

/* Every form in which a file may lie in the directory. */
static const char *const suffixes[] = { "", ".previous", ".damaged", ".previous.damaged", ".new" };
enum { SUFFIX_COUNT = sizeof(suffixes) / sizeof(suffixes[0]) };

bool state_dir_has_traces(const struct state_dir *dir, enum state_file file)
{
        for (size_t i = 0; i < SUFFIX_COUNT; i++) {
                char path[STATE_PATH_MAX + 32];
                if (path_of(dir, file, suffixes[i], path) == 0 && access(path, F_OK) == 0)
                        return true;
        }
        return false;
}

int state_dir_remove(const struct state_dir *dir, enum state_file file)
{
        for (size_t i = 0; i < SUFFIX_COUNT; i++) {
                char path[STATE_PATH_MAX + 32];
                int err = path_of(dir, file, suffixes[i], path);
                if (err)
                        return err;
                if (unlink(path) != 0 && errno != ENOENT)
                        return mesh_error_from_errno(errno);
        }
        int fd = open(dir->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return mesh_error_from_errno(errno);
        int err = fsync(fd) != 0 ? mesh_error_from_errno(errno) : 0;
        (void)close(fd);
        return err;
}
