/* WireGuard's cross-platform configuration text, as bytes: requests out of a difference, a device
 * out of a reply.
 *
 * Lines of key=value, ended by an empty line. Pure: the socket is wg_userspace.c's. The reader
 * takes bytes in pieces of any size, so that nothing of a reply is kept but a line.
 * https://www.wireguard.com/xplatform/ */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/apply/wg_diff.h"
#include "common/buffer.h"

enum {
        UAPI_LINE_MAX = 256,                 /* a key, '=', 64 hex digits or an endpoint */
        UAPI_REQUEST_MAX = 64 * 1024 * 1024, /* WG_PEERS_MAX peers with several prefixes each */
};

/* Puts the request for a device's state. */
void uapi_put_get(struct buffer *out);

/* Puts DIFF as one request. OUT is grown beforehand, so that no copy of the private key is left
 * behind by its growing; the caller wipes OUT before it frees it. Errors: buffer_error. */
void uapi_put_diff(struct buffer *out, const struct wg_diff *diff);

struct uapi_reader {
        struct wg_device *device; /* borrowed; NULL for the reply to a change */
        char line[UAPI_LINE_MAX];
        size_t len;
        bool saw_errno;
        bool done;  /* the empty line was read */
        int err_no; /* positive; what the other side says */
};

/* A reader that fills DEVICE (borrowed, empty), or none. */
struct uapi_reader uapi_reader_start(struct wg_device *device);

/* Takes the next bytes. 0, or MESH_EFORMAT (bad line, peer field before a peer, no errno at the
 * end), MESH_ELIMIT (line, peers or prefixes too many), MESH_ETRAILING (bytes after the end),
 * MESH_ENOMEM. */
int uapi_reader_feed(struct uapi_reader *reader, const void *bytes, size_t len);

/* Wipes what may be a key. */
void uapi_reader_done(struct uapi_reader *reader);
