/* The file of a listening Unix socket. Internal to common/net. */
#pragma once
#include <sys/types.h>

/* Binds a stream socket to PATH with MODE (0: 0600) and the group of that name (NULL: unchanged),
 * and returns its descriptor, owned, in *RET_FD. A file that a dead process left is replaced.
 * MESH_EADDRINUSE: somebody answers there, or the file is no socket. MESH_ENOENT: no such group or
 * directory. MESH_ELIMIT: the path is too long. MESH_EPERM. */
int listener_unix_bind(const char *path, mode_t mode, const char *group, int *ret_fd);
