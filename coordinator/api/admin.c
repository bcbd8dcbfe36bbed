/* mesh.v1.Admin: the table of methods, and what all of them begin with. */
#include "coordinator/api/admin.h"

struct pending *admin_begin(struct grpc_call *call, const ProtobufCMessageDescriptor *type,
                            const uint8_t *bytes, size_t len, void (*answer)(struct pending *p))
{
        struct pending *p =
                pending_new(grpc_call_service(call), call, "root", API_ARENA_BYTES, answer);
        if (!p || !pending_unpack(p, type, bytes, len))
                return NULL;
        return p;
}

void admin_no_memory(struct pending *p)
{
        pending_refuse(p, GRPC_RESOURCE_EXHAUSTED, NULL, "the answer does not fit into memory");
}

/* Before the request is read: others shall not make us hold it. A refused call gets no message. */
static void admit(struct grpc_call *call)
{
        reply_admit_admin(call);
}

static const struct grpc_handler list_nodes = { .start = admit, .message = admin_list_nodes };
static const struct grpc_handler remove_node = { .start = admit, .message = admin_remove_node };
static const struct grpc_handler approve_node = { .start = admit, .message = admin_approve_node };
static const struct grpc_handler release_name = { .start = admit, .message = admin_release_name };
static const struct grpc_handler create_setup_key = { .start = admit,
                                                      .message = admin_create_setup_key };
static const struct grpc_handler list_setup_keys = { .start = admit,
                                                     .message = admin_list_setup_keys };
static const struct grpc_handler revoke_setup_key = { .start = admit,
                                                      .message = admin_revoke_setup_key };
static const struct grpc_handler apply_policy = { .start = admit, .message = admin_apply_policy };
static const struct grpc_handler get_health = { .start = admit, .message = admin_get_health };

enum { ADMIN_REQUEST_BYTES = 64 * 1024 };

const struct grpc_method admin_methods[] = {
        { "/mesh.v1.Admin/ListNodes", GRPC_UNARY, &list_nodes, ADMIN_REQUEST_BYTES },
        { "/mesh.v1.Admin/RemoveNode", GRPC_UNARY, &remove_node, ADMIN_REQUEST_BYTES },
        { "/mesh.v1.Admin/ApproveNode", GRPC_UNARY, &approve_node, ADMIN_REQUEST_BYTES },
        { "/mesh.v1.Admin/ReleaseName", GRPC_UNARY, &release_name, ADMIN_REQUEST_BYTES },
        { "/mesh.v1.Admin/CreateSetupKey", GRPC_UNARY, &create_setup_key, ADMIN_REQUEST_BYTES },
        { "/mesh.v1.Admin/ListSetupKeys", GRPC_UNARY, &list_setup_keys, ADMIN_REQUEST_BYTES },
        { "/mesh.v1.Admin/RevokeSetupKey", GRPC_UNARY, &revoke_setup_key, ADMIN_REQUEST_BYTES },
        { "/mesh.v1.Admin/ApplyPolicy", GRPC_UNARY, &apply_policy, 0 },
        { "/mesh.v1.Admin/GetHealth", GRPC_UNARY, &get_health, ADMIN_REQUEST_BYTES },
};
const size_t admin_method_count = sizeof(admin_methods) / sizeof(admin_methods[0]);
