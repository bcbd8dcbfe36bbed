/* What the rooms of mesh.v1.Admin share. Not for others than admin*.c. */
#pragma once
#include "coordinator/api/internal.h"
#include "mesh/v1/admin.pb-c.h"

/* One handler a method; each is a unary call whose request is BYTES. */
void admin_list_nodes(struct grpc_call *call, const uint8_t *bytes, size_t len);
void admin_remove_node(struct grpc_call *call, const uint8_t *bytes, size_t len);
void admin_approve_node(struct grpc_call *call, const uint8_t *bytes, size_t len);
void admin_release_name(struct grpc_call *call, const uint8_t *bytes, size_t len);
void admin_create_setup_key(struct grpc_call *call, const uint8_t *bytes, size_t len);
void admin_list_setup_keys(struct grpc_call *call, const uint8_t *bytes, size_t len);
void admin_revoke_setup_key(struct grpc_call *call, const uint8_t *bytes, size_t len);
void admin_apply_policy(struct grpc_call *call, const uint8_t *bytes, size_t len);
void admin_get_health(struct grpc_call *call, const uint8_t *bytes, size_t len);

/* Unpacks the request of a caller who was admitted. NULL if the call was refused; else ANSWER runs
 * with REGISTRY_OK once a change was submitted, or the caller answers at once with pending_reply.
 */
struct pending *admin_begin(struct grpc_call *call, const ProtobufCMessageDescriptor *type,
                            const uint8_t *bytes, size_t len, void (*answer)(struct pending *p));

/* The wire form of a member or key, borrowed from P's arena; NULL when that is full. */
Mesh__V1__Node *admin_node(struct pending *p, const struct node *node);
Mesh__V1__SetupKey *admin_setup_key(struct pending *p, const struct setup_key_record *key);

/* Ends the call for want of memory, frees P. */
void admin_no_memory(struct pending *p);
