/* The product's one error enum and its one text table.
 *
 * Every fallible function returns an int: 0, or one of these negative codes. A bool only answers
 * a question. Codes start at -1000 so that a stray -errno is never mistaken for one of ours. */
#pragma once

/* name, text: the text says what happened, for a log line or a user, without a full stop. */
#define MESH_ERRORS(X)                                                                             \
        X(MESH_EINVAL, "invalid argument")                                                         \
        X(MESH_ENOMEM, "out of memory")                                                            \
        X(MESH_ELIMIT, "limit reached")                                                            \
        X(MESH_ETRUNCATED, "input ends too early")                                                 \
        X(MESH_ETRAILING, "bytes left over after the end")                                         \
        X(MESH_EVERSION, "unknown version")                                                        \
        X(MESH_EBADPORT, "invalid port")                                                           \
        X(MESH_ECHECKSUM, "checksum does not match")                                               \
        X(MESH_EFORMAT, "malformed input")                                                         \
        X(MESH_EAUTH, "authentication failed")                                                     \
        X(MESH_EPERM, "permission denied")                                                         \
        X(MESH_EIO, "input/output error")                                                          \
        X(MESH_ENOSPC, "no space left")                                                            \
        X(MESH_EEXIST, "exists already")                                                           \
        X(MESH_ENOENT, "not found")                                                                \
        X(MESH_ESTATE, "not possible in the present state")                                        \
        X(MESH_ETIMEOUT, "timed out")                                                              \
        X(MESH_EUNREACH, "unreachable")                                                            \
        X(MESH_EREFUSED, "connection refused")                                                     \
        X(MESH_ECLOSED, "closed by the other side")                                                \
        X(MESH_ECANCELED, "cancelled")                                                             \
        X(MESH_EPROTO, "protocol violation")                                                       \
        X(MESH_EDAMAGED, "file is damaged")                                                        \
        X(MESH_EUNSUPPORTED, "not supported")                                                      \
        X(MESH_EBUSY, "busy")                                                                      \
        X(MESH_EAGAIN, "try again later")                                                          \
        X(MESH_EADDRINUSE, "address already in use")                                               \
        X(MESH_ETLS, "TLS failure")                                                                \
        X(MESH_ESQL, "database failure")                                                           \
        X(MESH_ENETLINK, "the kernel refused a netlink request")                                   \
        X(MESH_EINTERNAL, "internal error")                                                        \
        X(MESH_EROFS, "read-only file system")

/* Values go downwards from -1000, in the order above; new codes are added at the end. */
enum mesh_error_index {
#define MESH_ERROR_INDEX(name, text) name##_INDEX,
        MESH_ERRORS(MESH_ERROR_INDEX)
#undef MESH_ERROR_INDEX
                MESH_ERROR_COUNT
};

enum mesh_error {
#define MESH_ERROR_VALUE(name, text) name = -1000 - (int)name##_INDEX,
        MESH_ERRORS(MESH_ERROR_VALUE)
#undef MESH_ERROR_VALUE
};

/* Text of an error code, without a full stop; "success" for 0, "unknown error" for a code that is
 * not ours. Static: never freed. */
const char *mesh_strerror(int err);

/* Maps an errno value (positive) or a libuv error (negative errno) to one of our codes. Call it on
 * the line after the failing call. */
int mesh_error_from_errno(int err);
