/* The control service on the agent's Unix socket: mesh.v1.Local.
 *
 * One table of methods, each with the right it needs: whoever may open the socket (root and group
 * mesh) may read, root may change. 07-security.md. */
#pragma once
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "common/grpc/call.h"

struct agent;
struct arena;
struct enroll;

enum control_right {
        CONTROL_READ,
        CONTROL_CHANGE,
};

/* A call that waits for something. */
struct control {
        struct grpc_call *enroll_call; /* held; NULL: none */
        struct enroll *enroll;
        uint64_t enroll_limit_ms; /* for tests; 0: the call's deadline, else ENROLL_DEFAULT_MS */
        struct grpc_call *leave_call; /* held; NULL: none */
        uv_timer_t leave_timer;
        bool has_timer; /* the one above is initialised */
        struct grpc_service service;
        const struct grpc_service *services[1];
};

/* Listens on the config's socket: 0660 and group mesh where that group exists, else 0600. Errors of
 * grpc_server_listen. */
int control_start(struct agent *agent);

/* Stops listening and ends waiting calls. */
void control_stop(struct agent *agent);

/* The session is connected: a waiting leave is told to the coordinator. */
void control_connected(struct agent *agent);

/* The coordinator answered Left. */
void control_left(struct agent *agent);

/* Whether a caller of that user id may use a method that needs RIGHT. */
bool control_allows(enum control_right right, uid_t uid);

/* ---- for the files of local/ ---- */

/* Ends CALL with a refusal; REASON (may be NULL) goes into the trailer mesh-reason. */
void control_refuse(struct grpc_call *call, enum grpc_status status, const char *reason,
                    const char *text);

/* Ends CALL with MESSAGE. */
void control_reply(struct grpc_call *call, const ProtobufCMessage *message);

/* One method each; REQUEST is borrowed for the call. They answer now or keep the call. */
void control_describe(struct agent *agent, struct grpc_call *call, const ProtobufCMessage *request);
void control_status(struct agent *agent, struct grpc_call *call, const ProtobufCMessage *request);
void control_enroll(struct agent *agent, struct grpc_call *call, const ProtobufCMessage *request);
void control_leave(struct agent *agent, struct grpc_call *call, const ProtobufCMessage *request);

/* The caller of a kept call went away. */
void control_enroll_closed(struct agent *agent, struct grpc_call *call);
void control_leave_closed(struct agent *agent, struct grpc_call *call);
