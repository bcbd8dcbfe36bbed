/* The messages of one HTTP/2 stream, both ways: what a server's call and a client's call share.
 *
 * Incoming bytes become messages, held back by the stream's window while paused; outgoing messages
 * stand in a bounded queue that nghttp2 reads from. Internal to common/grpc. */
#pragma once
#include <nghttp2/nghttp2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buffer.h"
#include "common/grpc/frame.h"
#include "common/grpc/session.h"

struct grpc_stream {
        struct grpc_session *session; /* borrowed; NULL once the stream is gone */
        int32_t id;

        struct grpc_deframer in;
        struct buffer backlog; /* received while paused */
        size_t counted_bytes;  /* of this stream, in session->received_bytes */
        bool paused;
        bool feeding; /* messages are being handed out: no second loop inside */
        bool in_ended;

        struct buffer out;
        size_t out_at; /* bytes of OUT that have left */
        bool out_ended;
        bool deferred; /* nghttp2 waits for resume_data */
        size_t high_water_bytes;
        bool was_full;     /* at high water since the last writable */
        bool writable_due; /* the event is to be given, outside of nghttp2 */
};

/* Takes a message; false ends the loop (the call is closed). */
typedef bool grpc_stream_message(void *owner, const uint8_t *bytes, size_t len);

/* An empty stream of SESSION (borrowed); the caller sets its id. */
void grpc_stream_init(struct grpc_stream *stream, struct grpc_session *session,
                      size_t max_message_bytes);

/* Frees the buffers and takes the stream's bytes out of the session's totals. */
void grpc_stream_done(struct grpc_stream *stream);

/* Takes bytes of DATA frames and hands out messages unless paused. MESH_ELIMIT, MESH_EUNSUPPORTED,
 * MESH_EFORMAT (frame.h), MESH_ENOMEM; MESH_EBUSY when the connection holds too much. */
int grpc_stream_receive(struct grpc_stream *stream, const uint8_t *bytes, size_t len,
                        grpc_stream_message *take, void *owner);

/* Ends a pause and hands out what came meanwhile; errors as above. */
int grpc_stream_resume(struct grpc_stream *stream, grpc_stream_message *take, void *owner);

/* The other side has ended and every message was handed out. */
bool grpc_stream_is_read(const struct grpc_stream *stream);

/* Queues a message. MESH_ELIMIT, MESH_ENOMEM: nothing is queued. */
int grpc_stream_send(struct grpc_stream *stream, const void *bytes, size_t len);

/* No more messages: once the queue is empty the read function reports the end. */
void grpc_stream_end(struct grpc_stream *stream);

/* Drops what is queued. */
void grpc_stream_drop_queue(struct grpc_stream *stream);

/* Bytes of messages, prefixes included, that nghttp2 has not yet read. */
size_t grpc_stream_queued_bytes(const struct grpc_stream *stream);

/* For nghttp2's data source: copies up to SIZE bytes. Returns their number, or
 * NGHTTP2_ERR_DEFERRED; *RET_END is set when these are the last ones. */
ssize_t grpc_stream_read(struct grpc_stream *stream, uint8_t *out, size_t size, bool *ret_end);

/* Whether writable is due now; asking clears it. */
bool grpc_stream_take_writable(struct grpc_stream *stream);
