/* Messages of one stream; see the header. */
#include "common/grpc/stream.h"

#include <string.h>

#include "common/error.h"

enum { KEEP_BYTES = 1024, COMPACT_BYTES = 64 * 1024, FIRST_WINDOW_BYTES = 65535 };

void grpc_stream_init(struct grpc_stream *stream, struct grpc_session *session,
                      size_t max_message_bytes)
{
        const struct grpc_limits *limits = session->limits;
        size_t window = limits->window_bytes;
        if (window < FIRST_WINDOW_BYTES)
                window = FIRST_WINDOW_BYTES; /* in force until our SETTINGS are acknowledged */
        *stream = (struct grpc_stream){
                .session = session,
                .backlog = buffer_with_max(window),
                .out = buffer_with_max((size_t)limits->call_queue_bytes * 2 + COMPACT_BYTES),
                .high_water_bytes = limits->high_water_bytes,
        };
        grpc_deframer_init(&stream->in, max_message_bytes);
}

/* Brings the session's total up to date. */
static int count_received(struct grpc_stream *s)
{
        size_t now = grpc_deframer_held_bytes(&s->in) + s->backlog.capacity;
        s->session->received_bytes += now - s->counted_bytes;
        bool grew = now > s->counted_bytes;
        s->counted_bytes = now;
        return grew && s->session->received_bytes > s->session->limits->received_bytes ? MESH_EBUSY
                                                                                       : 0;
}

void grpc_stream_done(struct grpc_stream *stream)
{
        grpc_stream_drop_queue(stream);
        grpc_deframer_done(&stream->in);
        buffer_done(&stream->backlog);
        buffer_done(&stream->out);
        if (stream->session) {
                (void)count_received(stream);
                if (stream->writable_due)
                        stream->session->writable_due--;
        }
        stream->session = NULL;
        stream->writable_due = false;
}

/* Hands out messages until the bytes are used up, a pause or an error. The bytes that were looked
 * at open the peer's window again. */
static int feed(struct grpc_stream *s, const uint8_t *bytes, size_t len, size_t *ret_used,
                grpc_stream_message *take, void *owner)
{
        const uint8_t *at = bytes, *message;
        size_t left = len, message_len;
        int err;
        s->feeding = true;
        do {
                err = grpc_deframer_next(&s->in, &at, &left, &message, &message_len);
                if (!err && message && !take(owner, message, message_len))
                        break;
        } while (!err && message && !s->paused);
        s->feeding = false;
        *ret_used = len - left;
        if (!s->session)
                return 0; /* the call was ended meanwhile */
        (void)nghttp2_session_consume_stream(s->session->h2, s->id, *ret_used);
        int full = count_received(s);
        return err ? err : full;
}

static int keep_back(struct grpc_stream *s, const uint8_t *bytes, size_t len)
{
        buffer_put(&s->backlog, bytes, len);
        int err = buffer_error(&s->backlog);
        return err ? err : count_received(s);
}

int grpc_stream_receive(struct grpc_stream *stream, const uint8_t *bytes, size_t len,
                        grpc_stream_message *take, void *owner)
{
        if (stream->paused || stream->backlog.len > 0)
                return keep_back(stream, bytes, len);
        size_t used;
        int err = feed(stream, bytes, len, &used, take, owner);
        if (err || !stream->session || used == len)
                return err;
        return keep_back(stream, bytes + used, len - used);
}

int grpc_stream_resume(struct grpc_stream *stream, grpc_stream_message *take, void *owner)
{
        stream->paused = false;
        if (stream->feeding || stream->backlog.len == 0)
                return 0;
        size_t used;
        int err = feed(stream, stream->backlog.bytes, stream->backlog.len, &used, take, owner);
        if (err || !stream->session)
                return err;
        buffer_consume(&stream->backlog, used);
        if (stream->backlog.len == 0)
                buffer_done(&stream->backlog);
        grpc_session_wants_send(stream->session); /* a WINDOW_UPDATE */
        return count_received(stream);
}

bool grpc_stream_is_read(const struct grpc_stream *stream)
{
        return stream->in_ended && !stream->paused && stream->backlog.len == 0;
}

size_t grpc_stream_queued_bytes(const struct grpc_stream *stream)
{
        return stream->out.len - stream->out_at;
}

static void wake(struct grpc_stream *s)
{
        if (s->deferred) {
                s->deferred = false;
                (void)nghttp2_session_resume_data(s->session->h2, s->id);
        }
        grpc_session_wants_send(s->session);
}

int grpc_stream_send(struct grpc_stream *stream, const void *bytes, size_t len)
{
        struct grpc_session *session = stream->session;
        size_t more = len + GRPC_FRAME_PREFIX;
        size_t queued = grpc_stream_queued_bytes(stream);
        if (len > UINT32_MAX || more > session->limits->call_queue_bytes - queued ||
            more > session->limits->queue_bytes - session->queued_bytes)
                return MESH_ELIMIT;
        size_t before = stream->out.len;
        grpc_frame_put_prefix(&stream->out, (uint32_t)len);
        buffer_put(&stream->out, bytes, len);
        int err = buffer_error(&stream->out);
        if (err) {
                stream->out.len = before;
                stream->out.error = 0;
                return err;
        }
        session->queued_bytes += more;
        if (queued + more >= stream->high_water_bytes)
                stream->was_full = true;
        wake(stream);
        return 0;
}

void grpc_stream_end(struct grpc_stream *stream)
{
        stream->out_ended = true;
        wake(stream);
}

void grpc_stream_drop_queue(struct grpc_stream *stream)
{
        if (stream->session)
                stream->session->queued_bytes -= grpc_stream_queued_bytes(stream);
        buffer_done(&stream->out);
        stream->out_at = 0;
}

/* Gives memory back that a large message took; keeps the copying of what is left rare. */
static void tidy(struct grpc_stream *s)
{
        if (s->out_at == s->out.len) {
                buffer_clear(&s->out);
                if (s->out.capacity > KEEP_BYTES)
                        buffer_done(&s->out);
                s->out_at = 0;
        } else if (s->out_at >= COMPACT_BYTES && s->out_at >= s->out.len / 2) {
                buffer_consume(&s->out, s->out_at);
                s->out_at = 0;
        }
}

ssize_t grpc_stream_read(struct grpc_stream *stream, uint8_t *out, size_t size, bool *ret_end)
{
        size_t queued = grpc_stream_queued_bytes(stream);
        size_t len = queued < size ? queued : size;
        *ret_end = stream->out_ended && len == queued;
        if (len == 0 && !*ret_end) {
                stream->deferred = true;
                return NGHTTP2_ERR_DEFERRED;
        }
        if (len > 0)
                memcpy(out, stream->out.bytes + stream->out_at, len);
        stream->out_at += len;
        stream->session->queued_bytes -= len;
        if (stream->was_full && queued - len <= stream->high_water_bytes / 2) {
                stream->was_full = false;
                stream->writable_due = true;
                stream->session->writable_due++;
        }
        tidy(stream);
        return (ssize_t)len;
}

bool grpc_stream_take_writable(struct grpc_stream *stream)
{
        if (!stream->writable_due)
                return false;
        stream->writable_due = false;
        stream->session->writable_due--;
        return true;
}
