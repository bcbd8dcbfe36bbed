/* Durable files; see the header. */
#include "common/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buffer.h"
#include "common/cursor.h"
#include "common/error.h"

enum { STATE_HASH_BYTES = 32, STATE_HEADER_BYTES = 4 + 2 + 4 };

int path_join(char *out, size_t size, const char *dir, const char *name)
{
        int len = snprintf(out, size, "%s/%s", dir, name);
        return len < 0 || (size_t)len >= size ? MESH_ELIMIT : 0;
}

static int write_all(int fd, const uint8_t *bytes, size_t len)
{
        while (len > 0) {
                ssize_t written = write(fd, bytes, len);
                if (written < 0 && errno == EINTR)
                        continue;
                if (written < 0)
                        return mesh_error_from_errno(errno);
                bytes += written;
                len -= (size_t)written;
        }
        return 0;
}

static int sync_directory_of(const char *path)
{
        char dir[PATH_MAX];
        const char *slash = strrchr(path, '/');
        size_t len = slash ? (size_t)(slash - path) : 0;
        if (len >= sizeof(dir))
                return MESH_ELIMIT;
        memcpy(dir, path, len);
        dir[len] = '\0';
        if (len == 0)
                (void)snprintf(dir, sizeof(dir), "%s", slash ? "/" : ".");
        int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return mesh_error_from_errno(errno);
        int err = fsync(fd) != 0 ? mesh_error_from_errno(errno) : 0;
        (void)close(fd);
        return err;
}

int file_write(const char *path, const void *bytes, size_t len, mode_t mode)
{
        char temp[PATH_MAX];
        int printed = snprintf(temp, sizeof(temp), "%s.new", path);
        if (printed < 0 || (size_t)printed >= sizeof(temp))
                return MESH_ELIMIT;
        (void)unlink(temp); /* one left by a crash; O_EXCL below refuses anything else */
        int fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
        if (fd < 0)
                return mesh_error_from_errno(errno);
        int err = fchmod(fd, mode) != 0 ? mesh_error_from_errno(errno) : 0; /* despite the umask */
        if (!err)
                err = write_all(fd, bytes, len);
        if (!err && fsync(fd) != 0)
                err = mesh_error_from_errno(errno);
        if (close(fd) != 0 && !err)
                err = mesh_error_from_errno(errno);
        if (!err && rename(temp, path) != 0)
                err = mesh_error_from_errno(errno);
        if (err) {
                (void)unlink(temp);
                return err;
        }
        return sync_directory_of(path);
}

int file_read(const char *path, struct buffer *ret)
{
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return mesh_error_from_errno(errno);
        uint8_t chunk[4096];
        int err = 0;
        for (;;) {
                ssize_t len = read(fd, chunk, sizeof(chunk));
                if (len < 0 && errno == EINTR)
                        continue;
                if (len < 0)
                        err = mesh_error_from_errno(errno);
                if (len <= 0)
                        break;
                buffer_put(ret, chunk, (size_t)len);
                err = buffer_error(ret);
                if (err)
                        break;
        }
        (void)close(fd);
        sodium_memzero(chunk, sizeof(chunk)); /* may have held a key */
        return err;
}

int state_file_write(const char *path, const char magic[4], uint16_t version, const void *bytes,
                     size_t len)
{
        if (len > UINT32_MAX)
                return MESH_ELIMIT;
        struct buffer out = buffer_with_max(len + STATE_HEADER_BYTES + STATE_HASH_BYTES);
        buffer_put(&out, magic, 4);
        buffer_put_be16(&out, version);
        buffer_put_be32(&out, (uint32_t)len);
        buffer_put(&out, bytes, len);
        uint8_t hash[STATE_HASH_BYTES];
        int err = buffer_error(&out);
        if (!err) {
                crypto_generichash(hash, sizeof(hash), out.bytes, out.len, NULL, 0);
                buffer_put(&out, hash, sizeof(hash));
                err = buffer_error(&out);
        }
        if (!err)
                err = file_write(path, out.bytes, out.len, 0600);
        if (out.bytes)
                sodium_memzero(out.bytes, out.len);
        buffer_done(&out);
        return err;
}

/* Checks the envelope around a state file's payload. */
static int state_open(const struct buffer *file, const char magic[4], uint16_t *ret_version,
                      struct cursor *ret_payload)
{
        if (file->len < STATE_HEADER_BYTES + STATE_HASH_BYTES)
                return MESH_EDAMAGED;
        uint8_t hash[STATE_HASH_BYTES];
        size_t hashed = file->len - STATE_HASH_BYTES;
        crypto_generichash(hash, sizeof(hash), file->bytes, hashed, NULL, 0);
        if (memcmp(hash, file->bytes + hashed, sizeof(hash)) != 0)
                return MESH_EDAMAGED;
        struct cursor c = cursor_over(file->bytes, hashed);
        const uint8_t *start = cursor_take(&c, 4);
        uint16_t version = cursor_be16(&c);
        struct cursor payload = cursor_sub(&c, cursor_be32(&c));
        if (cursor_finish(&c) != 0 || memcmp(start, magic, 4) != 0)
                return MESH_EDAMAGED;
        *ret_version = version;
        *ret_payload = payload;
        return 0;
}

int state_file_read(const char *path, const char magic[4], uint16_t newest, struct buffer *ret,
                    uint16_t *ret_version)
{
        struct buffer file = buffer_with_max(ret->max + STATE_HEADER_BYTES + STATE_HASH_BYTES);
        struct cursor payload;
        uint16_t version;
        int err = file_read(path, &file);
        if (!err)
                err = state_open(&file, magic, &version, &payload);
        if (!err && version > newest)
                err = MESH_EVERSION;
        if (!err) {
                buffer_put(ret, payload.at, cursor_left(&payload));
                err = buffer_error(ret);
        }
        if (!err)
                *ret_version = version;
        if (file.bytes)
                sodium_memzero(file.bytes, file.len);
        buffer_done(&file);
        return err;
}

void file_set_aside(const char *path)
{
        char aside[PATH_MAX];
        int len = snprintf(aside, sizeof(aside), "%s.damaged", path);
        if (len > 0 && (size_t)len < sizeof(aside))
                (void)rename(path, aside);
}

int directory_make(const char *path, mode_t mode)
{
        char partial[PATH_MAX];
        size_t len = strlen(path);
        if (len == 0 || len >= sizeof(partial))
                return MESH_EINVAL;
        memcpy(partial, path, len + 1);
        for (char *at = partial + 1; *at; at++) {
                if (*at != '/')
                        continue;
                *at = '\0';
                if (mkdir(partial, 0755) != 0 && errno != EEXIST)
                        return mesh_error_from_errno(errno);
                *at = '/';
        }
        if (mkdir(partial, mode) == 0)
                return 0;
        if (errno != EEXIST)
                return mesh_error_from_errno(errno);
        struct stat st;
        if (stat(path, &st) != 0)
                return mesh_error_from_errno(errno);
        return S_ISDIR(st.st_mode) ? 0 : MESH_EEXIST;
}
