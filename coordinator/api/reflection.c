/* grpc.reflection.v1.ServerReflection and its older name v1alpha: what the coordinator offers, for
 * grpcurl and its like.
 *
 * Over the Unix socket only: strangers need no list of what they may try; to them the service does
 * not exist. Answers come from the files embedded at build time (descriptors.h). */
#include <string.h>

#include "common/arena.h"
#include "common/buffer.h"
#include "common/error.h"
#include "coordinator/api/descriptors.h"
#include "coordinator/api/internal.h"
#include "grpc/reflection/v1/reflection.pb-c.h"
#include "proto/pb.h"

enum { REFLECTION_REQUEST_BYTES = 1024, REFLECTION_ARENA_BYTES = 64 * 1024 };

/* One question on its way to its answer; all it points at is in the arena or static. */
struct question {
        const struct api *api;
        const struct descriptors *descriptors;
        struct arena *arena;
        Grpc__Reflection__V1__ServerReflectionRequest *request;
        Grpc__Reflection__V1__ServerReflectionResponse response;
        Grpc__Reflection__V1__FileDescriptorResponse files;
        Grpc__Reflection__V1__ExtensionNumberResponse extensions;
        Grpc__Reflection__V1__ListServiceResponse services;
        Grpc__Reflection__V1__ErrorResponse error;
};

#define RESPONSE(name) GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_##name
#define REQUEST(name)  GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_##name

static void answer_error(struct question *q, enum grpc_status status, const char *text)
{
        grpc__reflection__v1__error_response__init(&q->error);
        q->error.error_code = (int32_t)status;
        q->error.error_message = (char *)text;
        q->response.message_response_case = RESPONSE(ERROR_RESPONSE);
        q->response.error_response = &q->error;
}

static void answer_files(struct question *q, const struct descriptor *files, size_t count)
{
        grpc__reflection__v1__file_descriptor_response__init(&q->files);
        ProtobufCBinaryData *bytes = arena_alloc(q->arena, count * sizeof(*bytes));
        if (!bytes) {
                answer_error(q, GRPC_UNAVAILABLE, "out of memory");
                return;
        }
        for (size_t i = 0; i < count; i++)
                bytes[i] = (ProtobufCBinaryData){ files[i].len, (uint8_t *)files[i].bytes };
        q->files.file_descriptor_proto = bytes;
        q->files.n_file_descriptor_proto = count;
        q->response.message_response_case = RESPONSE(FILE_DESCRIPTOR_RESPONSE);
        q->response.file_descriptor_response = &q->files;
}

static void file_by_name(struct question *q)
{
        struct descriptor files[DESCRIPTORS_FILES_MAX];
        size_t count;
        if (descriptors_by_name(q->descriptors, q->request->file_by_filename, files, &count) == 0)
                answer_files(q, files, count);
        else
                answer_error(q, GRPC_NOT_FOUND, "no such file");
}

static void file_by_symbol(struct question *q)
{
        struct descriptor files[DESCRIPTORS_FILES_MAX];
        size_t count;
        if (descriptors_by_symbol(q->descriptors, q->request->file_containing_symbol, files,
                                  &count) == 0)
                answer_files(q, files, count);
        else
                answer_error(q, GRPC_NOT_FOUND, "no such symbol");
}

/* Proto3 knows no extensions, so there are none. */
static void file_by_extension(struct question *q)
{
        answer_error(q, GRPC_NOT_FOUND, "no such extension");
}

static void extension_numbers(struct question *q)
{
        const char *type = q->request->all_extension_numbers_of_type;
        if (!descriptors_has_message(q->descriptors, type)) {
                answer_error(q, GRPC_NOT_FOUND, "no such message");
                return;
        }
        grpc__reflection__v1__extension_number_response__init(&q->extensions);
        q->extensions.base_type_name = (char *)type;
        q->response.message_response_case = RESPONSE(ALL_EXTENSION_NUMBERS_RESPONSE);
        q->response.all_extension_numbers_response = &q->extensions;
}

static void list_services(struct question *q)
{
        Grpc__Reflection__V1__ServiceResponse *service =
                arena_alloc(q->arena, API_SERVICES * sizeof(*service));
        Grpc__Reflection__V1__ServiceResponse **list = arena_alloc(
                q->arena, API_SERVICES * sizeof(Grpc__Reflection__V1__ServiceResponse *));
        grpc__reflection__v1__list_service_response__init(&q->services);
        for (size_t i = 0; service && list && i < API_SERVICES; i++) {
                const char *name = q->api->service[i].methods[0].path + 1;
                grpc__reflection__v1__service_response__init(&service[i]);
                service[i].name = arena_text(q->arena, name, strcspn(name, "/"));
                if (!service[i].name)
                        break;
                list[q->services.n_service++] = &service[i];
        }
        if (q->services.n_service < API_SERVICES) {
                answer_error(q, GRPC_UNAVAILABLE, "out of memory");
                return;
        }
        q->services.service = list;
        q->response.message_response_case = RESPONSE(LIST_SERVICES_RESPONSE);
        q->response.list_services_response = &q->services;
}

static const struct {
        int kind;
        void (*answer)(struct question *q);
} answers[] = {
        { REQUEST(FILE_BY_FILENAME), file_by_name },
        { REQUEST(FILE_CONTAINING_SYMBOL), file_by_symbol },
        { REQUEST(FILE_CONTAINING_EXTENSION), file_by_extension },
        { REQUEST(ALL_EXTENSION_NUMBERS_OF_TYPE), extension_numbers },
        { REQUEST(LIST_SERVICES), list_services },
};

static void answer(struct question *q)
{
        grpc__reflection__v1__server_reflection_response__init(&q->response);
        q->response.valid_host = q->request->host;
        q->response.original_request = q->request;
        for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
                if (answers[i].kind == (int)q->request->message_request_case) {
                        answers[i].answer(q);
                        return;
                }
        answer_error(q, GRPC_INVALID_ARGUMENT, "an empty request");
}

/* ---- the call ---- */

static void start(struct grpc_call *call)
{
        struct descriptors *descriptors;
        size_t len;
        const uint8_t *bytes = descriptors_embedded(&len);
        if (grpc_call_peer(call)->kind != NET_UNIX)
                (void)grpc_call_finish(call, GRPC_UNIMPLEMENTED, "unknown method");
        else if (descriptors_new(bytes, len, &descriptors) != 0)
                (void)grpc_call_finish(call, GRPC_UNAVAILABLE, "out of memory");
        else
                grpc_call_set_data(call, descriptors);
}

static int reply(struct grpc_call *call, struct arena *arena, const uint8_t *bytes, size_t len)
{
        struct buffer packed = buffer_with_max(PB_MESSAGE_MAX);
        struct question q = { .api = grpc_call_service(call),
                              .descriptors = grpc_call_data(call),
                              .arena = arena };
        ProtobufCMessage *message;
        int err = pb_unpack(&grpc__reflection__v1__server_reflection_request__descriptor, bytes,
                            len, arena, &message);
        if (err)
                return err;
        q.request = (Grpc__Reflection__V1__ServerReflectionRequest *)message;
        answer(&q);
        err = pb_pack(&q.response.base, &packed);
        if (!err)
                err = grpc_call_send(call, packed.bytes, packed.len);
        buffer_done(&packed);
        return err;
}

static void message(struct grpc_call *call, const uint8_t *bytes, size_t len)
{
        struct arena *arena = arena_new(REFLECTION_ARENA_BYTES);
        int err = arena ? reply(call, arena, bytes, len) : MESH_ENOMEM;
        arena_free(arena);
        if (err)
                (void)grpc_call_finish(
                        call, err == MESH_ENOMEM ? GRPC_UNAVAILABLE : GRPC_INVALID_ARGUMENT,
                        mesh_strerror(err));
        else if (!grpc_call_is_writable(call)) /* who does not read is not asked either */
                grpc_call_pause(call);
}

static void half_closed(struct grpc_call *call)
{
        (void)grpc_call_finish(call, GRPC_OK, NULL);
}

static void closed(struct grpc_call *call, enum grpc_close_reason reason)
{
        (void)reason;
        descriptors_free(grpc_call_data(call));
}

static const struct grpc_handler handler = { .start = start,
                                             .message = message,
                                             .half_closed = half_closed,
                                             .writable = grpc_call_resume,
                                             .closed = closed };

#define METHOD(package)                                                                            \
        {                                                                                          \
                "/grpc.reflection." package ".ServerReflection/ServerReflectionInfo", GRPC_BIDI,   \
                        &handler, REFLECTION_REQUEST_BYTES                                         \
        }
const struct grpc_method reflection_v1_methods[] = { METHOD("v1") };
const struct grpc_method reflection_v1alpha_methods[] = { METHOD("v1alpha") };
#undef METHOD
const size_t reflection_method_count = 1;
