/* Collecting the steps of a transaction. See store.h. */
#include "coordinator/store/transaction.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/error.h"

enum { TRANSACTION_MAX_BYTES = 300 << 20 }; /* the largest policy and its copy */

struct store_tx *store_tx_new(void)
{
        struct store_tx *tx = calloc(1, sizeof(*tx));
        if (!tx)
                return NULL;
        tx->last = &tx->first;
        tx->arena = arena_new(TRANSACTION_MAX_BYTES);
        if (tx->arena)
                return tx;
        free(tx);
        return NULL;
}

static void step_release(const struct step *step)
{
        if (step->kind == STEP_PUT_NODE) {
                member_unref(((struct node_record *)step->record)->member);
        } else if (step->kind == STEP_PUT_CHANGE) {
                struct change_record *change = step->record;
                member_unref(change->before);
                member_unref(change->after);
        } else if (step->kind == STEP_PUT_META) {
                sodium_memzero(step->record, sizeof(struct meta_record));
        }
}

void store_tx_free(struct store_tx *tx)
{
        if (!tx)
                return;
        for (const struct step *step = tx->first; step; step = step->next)
                step_release(step);
        store_image_free(tx->image);
        arena_free(tx->arena);
        free(tx);
}

/* Appends a step with a copy of RECORD; returns the copy, or NULL with the sticky error set. */
static void *add(struct store_tx *tx, enum step_kind kind, const void *record, size_t len)
{
        struct step *step = tx->error ? NULL : arena_alloc(tx->arena, sizeof(*step));
        void *copy = step ? arena_copy(tx->arena, record, len) : NULL;
        if (!copy) {
                tx->error = MESH_ENOMEM;
                return NULL;
        }
        step->kind = kind;
        step->record = copy;
        *tx->last = step;
        tx->last = &step->next;
        return copy;
}

void store_put_meta(struct store_tx *tx, const struct meta_record *meta)
{
        add(tx, STEP_PUT_META, meta, sizeof(*meta));
}

void store_put_node(struct store_tx *tx, const struct node_record *node)
{
        struct node_record *copy = add(tx, STEP_PUT_NODE, node, sizeof(*node));
        if (copy)
                member_ref(copy->member);
}

/* The writer reads the id from the copied record's image: the node itself may be gone by then. */
void store_put_tokens(struct store_tx *tx, const struct node_record *node)
{
        struct node_record *copy = add(tx, STEP_PUT_TOKENS, node, sizeof(*node));
        if (!copy)
                return;
        copy->member = arena_copy(tx->arena, node->member, sizeof(*node->member));
        if (!copy->member)
                tx->error = MESH_ENOMEM;
}

void store_delete_node(struct store_tx *tx, const uint8_t id[static NODE_ID_BYTES])
{
        add(tx, STEP_DELETE_NODE, id, NODE_ID_BYTES);
}

void store_put_lease(struct store_tx *tx, const struct lease_record *lease)
{
        add(tx, STEP_PUT_LEASE, lease, sizeof(*lease));
}

void store_delete_lease(struct store_tx *tx, uint32_t slot)
{
        add(tx, STEP_DELETE_LEASE, &slot, sizeof(slot));
}

void store_put_setup_key(struct store_tx *tx, const struct setup_key_record *key)
{
        add(tx, STEP_PUT_SETUP_KEY, key, sizeof(*key));
}

void store_delete_setup_key(struct store_tx *tx, const uint8_t id[static SETUP_KEY_ID_BYTES])
{
        add(tx, STEP_DELETE_SETUP_KEY, id, SETUP_KEY_ID_BYTES);
}

static void add_reservation(struct store_tx *tx, enum step_kind kind, const char *name,
                            int64_t at_ms)
{
        struct reservation_step step = { .at_ms = at_ms };
        size_t len = strnlen(name, LABEL_MAX + 1);
        if (len > LABEL_MAX) {
                tx->error = MESH_EINVAL;
                return;
        }
        memcpy(step.name, name, len);
        add(tx, kind, &step, sizeof(step));
}

void store_put_reservation(struct store_tx *tx, const char *name, int64_t at_ms)
{
        add_reservation(tx, STEP_PUT_RESERVATION, name, at_ms);
}

void store_delete_reservation(struct store_tx *tx, const char *name)
{
        add_reservation(tx, STEP_DELETE_RESERVATION, name, 0);
}

void store_put_removal(struct store_tx *tx, const struct removal_record *removal)
{
        add(tx, STEP_PUT_REMOVAL, removal, sizeof(*removal));
}

void store_put_change(struct store_tx *tx, const struct change_record *change)
{
        struct change_record *copy = add(tx, STEP_PUT_CHANGE, change, sizeof(*change));
        if (!copy)
                return;
        member_ref(copy->before);
        member_ref(copy->after);
}

void store_put_policy(struct store_tx *tx, const struct policy_record *policy)
{
        struct policy_record *copy = add(tx, STEP_PUT_POLICY, policy, sizeof(*policy));
        if (!copy)
                return;
        copy->files = arena_alloc(tx->arena, (policy->file_count + 1) * sizeof(*copy->files));
        copy->file_count = 0;
        for (size_t i = 0; copy->files && i < policy->file_count; i++) {
                const struct policy_file_record *from = &policy->files[i];
                struct policy_file_record *to = &copy->files[i];
                to->len = from->len;
                to->path = arena_text(tx->arena, from->path, strlen(from->path));
                to->text = arena_copy(tx->arena, from->text, from->len);
                if (!to->path || (!to->text && to->len))
                        break;
                copy->file_count++;
        }
        if (copy->file_count != policy->file_count)
                tx->error = MESH_ENOMEM;
}

void store_put_event(struct store_tx *tx, const struct event_record *event)
{
        add(tx, STEP_PUT_EVENT, event, sizeof(*event));
}
