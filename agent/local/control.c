/* The control service: table, rights, socket; see the header. */
#include "agent/local/control.h"

#include <stdio.h>
#include <string.h>

#include "agent/agent.h"
#include "common/arena.h"
#include "common/buffer.h"
#include "common/error.h"
#include "common/file.h"
#include "common/grpc/server.h"
#include "common/log.h"
#include "common/net/listener.h"
#include "mesh/v1/local.pb-c.h"
#include "proto/pb.h"

#define SOCKET_GROUP "mesh"

enum { REQUEST_BYTES_MAX = 64 * 1024, REQUEST_ARENA_BYTES = 256 * 1024 };

static const struct control_method {
        enum control_right right;
        const ProtobufCMessageDescriptor *request;
        void (*handle)(struct agent *agent, struct grpc_call *call,
                       const ProtobufCMessage *request);
        void (*closed)(struct agent *agent, struct grpc_call *call); /* NULL: never kept */
} table[] = {
        { CONTROL_READ, &mesh__v1__describe_request__descriptor, control_describe, NULL },
        { CONTROL_READ, &mesh__v1__status_request__descriptor, control_status, NULL },
        { CONTROL_CHANGE, &mesh__v1__local_enroll_request__descriptor, control_enroll,
          control_enroll_closed },
        { CONTROL_CHANGE, &mesh__v1__local_leave_request__descriptor, control_leave,
          control_leave_closed },
};

static void on_message(struct grpc_call *call, const uint8_t *bytes, size_t len);
static void on_closed(struct grpc_call *call, enum grpc_close_reason reason);

static const struct grpc_handler handler = { .message = on_message, .closed = on_closed };

/* In the order of the table above. */
static const struct grpc_method methods[] = {
        { "/mesh.v1.Local/Describe", GRPC_UNARY, &handler, REQUEST_BYTES_MAX },
        { "/mesh.v1.Local/Status", GRPC_UNARY, &handler, REQUEST_BYTES_MAX },
        { "/mesh.v1.Local/Enroll", GRPC_UNARY, &handler, REQUEST_BYTES_MAX },
        { "/mesh.v1.Local/Leave", GRPC_UNARY, &handler, REQUEST_BYTES_MAX },
};

_Static_assert(sizeof(methods) / sizeof(methods[0]) == sizeof(table) / sizeof(table[0]),
               "each method has its row");

static const struct control_method *row_of(const struct grpc_call *call)
{
        return &table[grpc_call_method(call) - methods];
}

bool control_allows(enum control_right right, uid_t uid)
{
        return right == CONTROL_READ || uid == 0;
}

void control_refuse(struct grpc_call *call, enum grpc_status status, const char *reason,
                    const char *text)
{
        if (reason && reason[0]) {
                struct grpc_field field = { .name = "mesh-reason",
                                            .value = reason,
                                            .len = strlen(reason) };
                (void)grpc_call_add_trailer(call, &field); /* the message says it, too */
        }
        (void)grpc_call_finish(call, status, text); /* a caller that went away needs no answer */
}

void control_reply(struct grpc_call *call, const ProtobufCMessage *message)
{
        struct buffer bytes = buffer_with_max(PB_MESSAGE_MAX);
        int err = pb_pack(message, &bytes);
        if (!err)
                err = grpc_call_reply(call, bytes.bytes, bytes.len);
        if (err)
                control_refuse(call, GRPC_INTERNAL, NULL, mesh_strerror(err));
        buffer_done(&bytes);
}

static void on_message(struct grpc_call *call, const uint8_t *bytes, size_t len)
{
        struct agent *agent = grpc_call_service(call);
        const struct control_method *row = row_of(call);
        ProtobufCMessage *request;
        if (!control_allows(row->right, grpc_call_peer(call)->uid)) {
                control_refuse(call, GRPC_PERMISSION_DENIED, "rights",
                               "this needs root; try again with sudo");
                return;
        }
        struct arena *arena = arena_new(REQUEST_ARENA_BYTES);
        int err = arena ? pb_unpack(row->request, bytes, len, arena, &request) : MESH_ENOMEM;
        if (err)
                control_refuse(call, GRPC_INVALID_ARGUMENT, NULL, mesh_strerror(err));
        else
                row->handle(agent, call, request);
        arena_free(arena);
}

static void on_closed(struct grpc_call *call, enum grpc_close_reason reason)
{
        const struct control_method *row = row_of(call);
        (void)reason;
        if (row->closed)
                row->closed(grpc_call_service(call), call);
}

/* The folder of PATH; under systemd it is there already. */
static int make_folder(const char *path)
{
        char folder[AGENT_SOCKET_MAX];
        const char *slash = strrchr(path, '/');
        if (!slash || slash == path)
                return 0;
        (void)snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path), path);
        return directory_make(folder, 0755);
}

static int listen_on(struct agent *agent)
{
        struct listener_options options = { .unix_path = agent->config.socket,
                                            .unix_mode = 0660,
                                            .unix_group = SOCKET_GROUP };
        int err = grpc_server_listen(agent->server, &options, NULL);
        if (err != MESH_ENOENT && err != MESH_EPERM)
                return err;
        log_info("control socket: group %s cannot be used (%s); only root may read", SOCKET_GROUP,
                 mesh_strerror(err));
        options.unix_mode = 0600;
        options.unix_group = NULL;
        return grpc_server_listen(agent->server, &options, NULL);
}

int control_start(struct agent *agent)
{
        agent->control.service = (struct grpc_service){
                .methods = methods,
                .method_count = sizeof(methods) / sizeof(methods[0]),
                .data = agent,
        };
        agent->control.services[0] = &agent->control.service;
        struct grpc_server_options options = { .services = agent->control.services,
                                               .service_count = 1,
                                               .env = agent->env };
        int err = make_folder(agent->config.socket);
        if (!err)
                err = grpc_server_new(agent->loop, &options, &agent->server);
        if (!err)
                err = listen_on(agent);
        if (!err) {
                (void)uv_timer_init(agent->loop, &agent->control.leave_timer);
                agent->control.leave_timer.data = agent;
                agent->control.has_timer = true;
        }
        return err;
}

void control_stop(struct agent *agent)
{
        grpc_server_free(agent->server); /* ends waiting calls, which tidies up after them */
        agent->server = NULL;
        if (agent->control.has_timer)
                uv_close((uv_handle_t *)&agent->control.leave_timer, NULL);
        agent->control.has_timer = false;
}
