/* The shared part of a connection; see the header. */
#include "common/grpc/session.h"

#include "common/error.h"
#include "common/grpc/memory.h"

enum {
        CONNECTION_WINDOW_BYTES = 1024 * 1024, /* streams hold back by their own windows */
        SETTINGS_ENTRIES_MAX = 32,
};

static int make_h2(struct grpc_session *s, bool server, const nghttp2_session_callbacks *callbacks,
                   void *h2_user, struct page_pool *pool)
{
        nghttp2_option *option;
        nghttp2_mem memory = grpc_memory(pool);
        nghttp2_mem *mem = pool ? &memory : NULL;
        if (nghttp2_option_new(&option) != 0)
                return MESH_ENOMEM;
        nghttp2_option_set_no_auto_window_update(option, 1);
        nghttp2_option_set_no_closed_streams(option, 1);
        nghttp2_option_set_max_settings(option, SETTINGS_ENTRIES_MAX);
        int rv = server ? nghttp2_session_server_new3(&s->h2, callbacks, h2_user, option, mem)
                        : nghttp2_session_client_new3(&s->h2, callbacks, h2_user, option, mem);
        nghttp2_option_del(option);
        return rv == 0 ? 0 : MESH_ENOMEM;
}

static int submit_settings(struct grpc_session *s, bool server)
{
        const struct grpc_limits *limits = s->limits;
        nghttp2_settings_entry entries[6];
        size_t count = 0;
        if (server)
                entries[count++] =
                        (nghttp2_settings_entry){ NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS,
                                                  limits->streams };
        else
                entries[count++] = (nghttp2_settings_entry){ NGHTTP2_SETTINGS_ENABLE_PUSH, 0 };
        entries[count++] = (nghttp2_settings_entry){ NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE,
                                                     limits->header_bytes };
        entries[count++] = (nghttp2_settings_entry){ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE,
                                                     limits->window_bytes };
        entries[count++] = (nghttp2_settings_entry){ NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1 };
        int rv = nghttp2_submit_settings(s->h2, NGHTTP2_FLAG_NONE, entries, count);
        if (rv == 0)
                rv = nghttp2_session_set_local_window_size(s->h2, NGHTTP2_FLAG_NONE, 0,
                                                           CONNECTION_WINDOW_BYTES);
        return rv == 0 ? 0 : MESH_ENOMEM;
}

int grpc_session_init(struct grpc_session *session, bool server,
                      const nghttp2_session_callbacks *callbacks, void *h2_user,
                      struct page_pool *pool, const struct grpc_limits *limits, uint64_t now_ms)
{
        *session = (struct grpc_session){ .limits = limits, .now_ms = now_ms };
        grpc_budget_init(&session->resets, limits->reset_burst, limits->reset_per_s, now_ms);
        grpc_budget_init(&session->control, limits->control_burst, limits->control_per_s, now_ms);
        int err = make_h2(session, server, callbacks, h2_user, pool);
        if (!err)
                err = submit_settings(session, server);
        if (err)
                grpc_session_done(session);
        return err;
}

void grpc_session_done(struct grpc_session *session)
{
        nghttp2_session_del(session->h2);
        session->h2 = NULL;
}

void grpc_session_break(struct grpc_session *session, uint32_t h2_error)
{
        if (session->broken)
                return;
        session->broken = true;
        (void)nghttp2_session_terminate_session(session->h2, h2_error);
        grpc_session_wants_send(session);
}

static void spend(struct grpc_session *s, struct grpc_budget *budget)
{
        if (!grpc_budget_spend(budget, s->now_ms))
                grpc_session_break(s, NGHTTP2_ENHANCE_YOUR_CALM);
}

void grpc_session_note_received(struct grpc_session *session, const nghttp2_frame *frame)
{
        bool ack = frame->hd.flags & NGHTTP2_FLAG_ACK;
        switch (frame->hd.type) {
        case NGHTTP2_RST_STREAM:
                spend(session, &session->resets);
                break;
        case NGHTTP2_PING:
        case NGHTTP2_SETTINGS:
                if (!ack)
                        spend(session, &session->control);
                break;
        case NGHTTP2_PRIORITY:
                spend(session, &session->control);
                break;
        case NGHTTP2_DATA:
                if (frame->hd.length == 0 && !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
                        spend(session, &session->control);
                break;
        default:
                break;
        }
}

void grpc_session_note_sent(struct grpc_session *session, const nghttp2_frame *frame)
{
        /* Some clients probe the bandwidth by a PING for each DATA frame or so. */
        if (frame->hd.type == NGHTTP2_DATA)
                grpc_budget_earn(&session->control);
        if (frame->hd.type == NGHTTP2_RST_STREAM)
                spend(session, &session->resets);
}

int grpc_session_receive(struct grpc_session *session, const uint8_t *bytes, size_t len,
                         uint64_t now_ms)
{
        session->now_ms = now_ms;
        if (session->broken)
                return MESH_EPROTO;
        session->inside = true;
        ssize_t taken = nghttp2_session_mem_recv(session->h2, bytes, len);
        session->inside = false;
        if (taken < 0 || (size_t)taken != len)
                session->broken = true;
        return session->broken ? MESH_EPROTO : 0;
}

int grpc_session_send(struct grpc_session *session, const uint8_t **ret_bytes, size_t *ret_len)
{
        session->inside = true;
        ssize_t len = nghttp2_session_mem_send(session->h2, ret_bytes);
        session->inside = false;
        *ret_len = len > 0 ? (size_t)len : 0;
        if (len >= 0)
                return 0;
        session->broken = true;
        return len == NGHTTP2_ERR_NOMEM ? MESH_ENOMEM : MESH_EPROTO;
}

bool grpc_session_is_over(const struct grpc_session *session)
{
        return session->broken || (!nghttp2_session_want_read(session->h2) &&
                                   !nghttp2_session_want_write(session->h2));
}

void grpc_session_wants_send(struct grpc_session *session)
{
        if (!session->inside && session->wants_send)
                session->wants_send(session->wants_send_user);
}
