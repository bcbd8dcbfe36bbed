/* Error texts and the mapping from errno. */
#include "common/error.h"

#include <errno.h>
#include <stddef.h>

static const char *const texts[] = {
#define MESH_ERROR_TEXT(name, text) text,
        MESH_ERRORS(MESH_ERROR_TEXT)
#undef MESH_ERROR_TEXT
};

const char *mesh_strerror(int err)
{
        if (err == 0)
                return "success";
        int index = -1000 - err;
        if (index < 0 || index >= MESH_ERROR_COUNT)
                return "unknown error";
        return texts[index];
}

static const struct {
        int from;
        int to;
} errno_map[] = {
        { EINVAL, MESH_EINVAL },
        { ENOMEM, MESH_ENOMEM },
        { ENOBUFS, MESH_ENOMEM },
        { EMFILE, MESH_ELIMIT },
        { ENFILE, MESH_ELIMIT },
        { EPERM, MESH_EPERM },
        { EACCES, MESH_EPERM },
        { ENOSPC, MESH_ENOSPC },
        { EDQUOT, MESH_ENOSPC },
        { EEXIST, MESH_EEXIST },
        { ENOENT, MESH_ENOENT },
        { ETIMEDOUT, MESH_ETIMEOUT },
        { EHOSTUNREACH, MESH_EUNREACH },
        { ENETUNREACH, MESH_EUNREACH },
        { ENETDOWN, MESH_EUNREACH },
        { ECONNREFUSED, MESH_EREFUSED },
        { ECONNRESET, MESH_ECLOSED },
        { EPIPE, MESH_ECLOSED },
        { ECANCELED, MESH_ECANCELED },
        { EPROTO, MESH_EPROTO },
        { EOPNOTSUPP, MESH_EUNSUPPORTED },
        { ENOSYS, MESH_EUNSUPPORTED },
        { EAFNOSUPPORT, MESH_EUNSUPPORTED },
        { EROFS, MESH_EROFS },
        { EBUSY, MESH_EBUSY },
        { EAGAIN, MESH_EAGAIN },
        { EADDRINUSE, MESH_EADDRINUSE },
};

int mesh_error_from_errno(int err)
{
        if (err == 0)
                return 0;
        if (err < 0)
                err = -err;
        for (size_t i = 0; i < sizeof(errno_map) / sizeof(errno_map[0]); i++)
                if (errno_map[i].from == err)
                        return errno_map[i].to;
        return MESH_EIO;
}
