/* What is said inside an open Sync stream: reports in; map, heartbeats and Left out. */
#include <stdio.h>
#include <string.h>

#include "common/arena.h"
#include "common/buffer.h"
#include "common/error.h"
#include "common/log.h"
#include "coordinator/api/stream.h"
#include "proto/convert.h"
#include "proto/pb.h"

enum { MESSAGE_ARENA_BYTES = 1 << 20 };

bool sync_send_message(struct sync_stream *s, const Mesh__V1__CoordinatorMessage *message)
{
        struct buffer plain = buffer_with_max(CHANNEL_PLAIN_MAX);
        int err = pb_pack(&message->base, &plain);
        bool sent = false;
        if (err)
                sync_end(s, GRPC_INTERNAL, NULL, mesh_strerror(err));
        else
                sent = sync_send(s, plain.bytes, plain.len);
        buffer_done(&plain);
        return sent;
}

static void beat(struct sync_stream *s, uint64_t now_ms)
{
        Mesh__V1__CoordinatorMessage message = MESH__V1__COORDINATOR_MESSAGE__INIT;
        Mesh__V1__Heartbeat heartbeat = MESH__V1__HEARTBEAT__INIT;
        heartbeat.counter = ++s->beats;
        message.body_case = MESH__V1__COORDINATOR_MESSAGE__BODY_HEARTBEAT;
        message.heartbeat = &heartbeat;
        s->beat_ms = now_ms;
        (void)sync_send_message(s, &message);
}

static bool may(struct sync_budget *budget, uint64_t now_ms)
{
        if (now_ms - budget->began_ms >= SYNC_BUDGET_MS)
                *budget = (struct sync_budget){ .began_ms = now_ms };
        if (budget->used >= SYNC_BUDGET)
                return false;
        budget->used++;
        return true;
}

/* A change of endpoints is a commit, a generation and a delta for each that sees the member; a
 * snapshot goes through all members. */
static void do_what_waits(struct sync_stream *s, uint64_t now_ms)
{
        if (s->report_waits && may(&s->reports, now_ms)) {
                s->report_waits = false;
                registry_report_endpoints(s->api->registry, s->node_id, s->reported,
                                          s->reported_count);
        }
        if (s->snapshot_waits && may(&s->snapshots, now_ms)) {
                s->snapshot_waits = false;
                netmap_want_snapshot(s->map);
                sync_pump(s);
        }
}

void sync_tick(struct sync_stream *s, uint64_t now_ms)
{
        if (s->state == SYNC_OPEN)
                do_what_waits(s, now_ms);
        if (s->state == SYNC_CLOSED)
                return;
        if (s->state < SYNC_OPEN && now_ms - s->began_ms >= API_HANDSHAKE_MS)
                sync_end(s, GRPC_DEADLINE_EXCEEDED, NULL, "the handshake took too long");
        else if (s->state >= SYNC_OPEN && now_ms - s->heard_ms >= API_SILENCE_MS)
                sync_end(s, GRPC_UNAVAILABLE, "silent", "nothing was heard for 30 s");
        else if (s->state == SYNC_OPEN && now_ms - s->beat_ms >= API_HEARTBEAT_MS &&
                 grpc_call_is_writable(s->call)) /* a full queue is alive or soon dead */
                beat(s, now_ms);
}

void sync_pump(struct sync_stream *s)
{
        struct buffer plain = buffer_with_max(CHANNEL_PLAIN_MAX);
        s->dirty = false;
        while (s->state == SYNC_OPEN && grpc_call_is_writable(s->call)) {
                buffer_clear(&plain);
                int more = netmap_take(s->map, &plain);
                if (more ==
                    MESH_ELIMIT) { /* a delta larger than a frame: the whole map, in chunks */
                        netmap_want_snapshot(s->map);
                        buffer_clear(&plain);
                        more = netmap_take(s->map, &plain);
                }
                if (more < 0)
                        sync_end(s, GRPC_UNAVAILABLE, NULL, mesh_strerror(more));
                if (more <= 0 || !sync_send(s, plain.bytes, plain.len))
                        break;
        }
        buffer_done(&plain);
}

/* ---- what agents say ---- */

static void take_report(struct sync_stream *s, const Mesh__V1__AgentMessage *message)
{
        const Mesh__V1__Report *report = message->report;
        size_t count = 0;
        for (size_t i = 0; i < report->n_endpoints && count < MEMBER_MAX_ENDPOINTS; i++)
                if (endpoint_from_message(report->endpoints[i], &s->reported[count]) == 0)
                        count++;
        s->reported_count = count;
        s->report_waits = true;
        do_what_waits(s, s->heard_ms);
}

static void take_applied(struct sync_stream *s, const Mesh__V1__AgentMessage *message)
{
        const Mesh__V1__Applied *applied = message->applied;
        struct applied_report report = { .generation = applied->generation };
        report.has_policy_hash = binary_read(&applied->policy_hash, report.policy_hash,
                                             sizeof(report.policy_hash)) == 0;
        report.has_access_hash = binary_read(&applied->access_hash, report.access_hash,
                                             sizeof(report.access_hash)) == 0;
        (void)snprintf(report.error, sizeof(report.error), "%s", applied->error);
        registry_report_applied(s->api->registry, s->node_id, &report);
}

static void take_heartbeat(struct sync_stream *s, const Mesh__V1__AgentMessage *message)
{
        (void)s; /* that it came is what counts: heard_ms */
        (void)message;
}

static void take_want_snapshot(struct sync_stream *s, const Mesh__V1__AgentMessage *message)
{
        (void)message;
        s->snapshot_waits = true;
        do_what_waits(s, s->heard_ms);
}

static void leave_done(struct registry_call *change)
{
        struct sync_stream *s = change->user;
        Mesh__V1__CoordinatorMessage message = MESH__V1__COORDINATOR_MESSAGE__INIT;
        Mesh__V1__Left left = MESH__V1__LEFT__INIT;
        s->change_pending = false;
        if (change->outcome != REGISTRY_OK) {
                sync_end(s, reply_status_of(change->outcome),
                         registry_outcome_word(change->outcome),
                         registry_outcome_text(change->outcome));
                return;
        }
        message.body_case = MESH__V1__COORDINATOR_MESSAGE__BODY_LEFT;
        message.left = &left;
        if (sync_send_message(s, &message))
                sync_end(s, GRPC_OK, NULL, NULL);
}

static void take_leave(struct sync_stream *s, const Mesh__V1__AgentMessage *message)
{
        (void)message;
        sync_enter(s, SYNC_LEAVING);
        s->change = (struct registry_call){ .done = leave_done, .user = s, .source = s->source };
        s->change_pending = true;
        registry_leave(s->api->registry, s->node_id, &s->change);
}

static void (*const takers[])(struct sync_stream *s, const Mesh__V1__AgentMessage *message) = {
        [MESH__V1__AGENT_MESSAGE__BODY_REPORT] = take_report,
        [MESH__V1__AGENT_MESSAGE__BODY_APPLIED] = take_applied,
        [MESH__V1__AGENT_MESSAGE__BODY_HEARTBEAT] = take_heartbeat,
        [MESH__V1__AGENT_MESSAGE__BODY_WANT_SNAPSHOT] = take_want_snapshot,
        [MESH__V1__AGENT_MESSAGE__BODY_LEAVE] = take_leave,
};

void sync_take_message(struct sync_stream *s, const uint8_t *bytes, size_t len)
{
        struct arena *arena = arena_new(MESSAGE_ARENA_BYTES);
        ProtobufCMessage *base = NULL;
        int err = arena ? pb_unpack(&mesh__v1__agent_message__descriptor, bytes, len, arena, &base)
                        : MESH_ENOMEM;
        if (err) {
                sync_end(s, err == MESH_ENOMEM ? GRPC_UNAVAILABLE : GRPC_INVALID_ARGUMENT, NULL,
                         mesh_strerror(err));
        } else {
                const Mesh__V1__AgentMessage *message = (const Mesh__V1__AgentMessage *)base;
                size_t kind = (size_t)message->body_case;
                /* A kind of a newer version is no error: versions meet at N-1 and N+1. */
                if (s->state == SYNC_OPEN && kind < sizeof(takers) / sizeof(takers[0]) &&
                    takers[kind])
                        takers[kind](s, message);
        }
        arena_free(arena);
}
