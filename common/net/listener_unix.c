/* Socket files; see the header. unix(7). */
#include "common/net/listener_unix.h"

#include <errno.h>
#include <grp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/error.h"

static int fill_address(const char *path, struct sockaddr_un *ret)
{
        size_t len = strlen(path);
        *ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
        if (len == 0 || len >= sizeof(ret->sun_path))
                return MESH_ELIMIT;
        memcpy(ret->sun_path, path, len);
        return 0;
}

static int open_socket(int *ret_fd)
{
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return mesh_error_from_errno(errno);
        *ret_fd = fd;
        return 0;
}

/* Removes a socket that nobody listens on. */
static int clear_way(const struct sockaddr_un *address)
{
        struct stat st;
        int fd = -1, err = open_socket(&fd);
        if (err)
                return err;
        int rv = connect(fd, (const struct sockaddr *)address, sizeof(*address));
        int why = rv == 0 ? 0 : errno;
        (void)close(fd);
        if (why == ENOENT)
                return 0;
        if (why != ECONNREFUSED)
                return why == EACCES ? MESH_EPERM : MESH_EADDRINUSE;
        if (lstat(address->sun_path, &st) != 0 || !S_ISSOCK(st.st_mode))
                return MESH_EADDRINUSE;
        return unlink(address->sun_path) == 0 ? 0 : mesh_error_from_errno(errno);
}

static int find_group(const char *name, gid_t *ret_gid)
{
        struct group entry, *found = NULL;
        char text[4096];
        int rv = getgrnam_r(name, &entry, text, sizeof(text), &found);
        if (rv != 0)
                return mesh_error_from_errno(rv);
        if (!found)
                return MESH_ENOENT;
        *ret_gid = found->gr_gid;
        return 0;
}

/* The socket is born closed to others (the mode of the descriptor is that of the file), and is
 * opened as far as asked once it has its group. */
static int bind_with_mode(int fd, const struct sockaddr_un *address, mode_t mode, gid_t gid)
{
        if (fchmod(fd, 0600) != 0 ||
            bind(fd, (const struct sockaddr *)address, sizeof(*address)) != 0)
                return mesh_error_from_errno(errno);
        if ((gid != (gid_t)-1 && chown(address->sun_path, (uid_t)-1, gid) != 0) ||
            chmod(address->sun_path, mode) != 0) {
                int err = mesh_error_from_errno(errno);
                (void)unlink(address->sun_path);
                return err;
        }
        return 0;
}

int listener_unix_bind(const char *path, mode_t mode, const char *group, int *ret_fd)
{
        struct sockaddr_un address;
        gid_t gid = (gid_t)-1;
        int fd = -1;
        int err = fill_address(path, &address);
        if (!err && group)
                err = find_group(group, &gid);
        if (!err)
                err = clear_way(&address);
        if (!err)
                err = open_socket(&fd);
        if (!err)
                err = bind_with_mode(fd, &address, mode ? mode : 0600, gid);
        if (err) {
                if (fd >= 0)
                        (void)close(fd);
                return err;
        }
        *ret_fd = fd;
        return 0;
}
