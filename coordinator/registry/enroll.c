/* A verified claim becomes a member, or one of several refusals. 02-protocol.md, "Services" and
 * "Names". Order of the checks: what the identity is already, then the key, then the rest. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/env.h"
#include "common/error.h"
#include "coordinator/registry/private.h"

/* What an identity that is known may expect; REGISTRY_OK: it is a stranger. */
static enum registry_outcome known_identity(const struct registry *r,
                                            const struct registry_claim *claim,
                                            const struct node **ret_node)
{
        const struct node *node = index_find(&r->state.nodes.by_identity, claim->identity);
        *ret_node = node;
        if (index_find(&r->state.bars.identities, claim->identity))
                return REGISTRY_BARRED;
        if (!node)
                return REGISTRY_OK;
        if (memcmp(node->record.member->wireguard_key, claim->wireguard_key, KEY_BYTES))
                return REGISTRY_WIREGUARD_KEY_CHANGED;
        return REGISTRY_EXISTING;
}

static bool key_grants(const struct setup_key_record *key, const char *tag)
{
        for (size_t i = 0; i < key->tag_count; i++)
                if (!strcmp(key->tags[i], tag))
                        return true;
        return false;
}

static enum registry_outcome check_key(const struct registry *r, const struct registry_claim *claim,
                                       const struct setup_key_record *key)
{
        if (!key)
                return REGISTRY_KEY_UNKNOWN;
        enum registry_outcome state = registry_setup_key_state(r, key);
        if (state != REGISTRY_OK)
                return state;
        for (size_t i = 0; i < claim->wanted_tag_count; i++)
                if (!key_grants(key, claim->wanted_tags[i]))
                        return REGISTRY_TAGS_REFUSED;
        if (claim->wanted_tag_count > MEMBER_MAX_TAGS)
                return REGISTRY_TAGS_REFUSED;
        if (index_find(&r->state.nodes.by_wireguard_key, claim->wireguard_key))
                return REGISTRY_WIREGUARD_KEY_TAKEN;
        return REGISTRY_OK;
}

/* The label to ask for: the key's, the wanted one, the host's own, or "host". */
static void wanted_label(const struct registry_claim *claim, const struct setup_key_record *key,
                         char ret_name[static LABEL_MAX + 1])
{
        const char *texts[] = { key->name, claim->wanted_name ? claim->wanted_name : "",
                                claim->facts.hostname, "host" };
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
                if (name_from_text(texts[i], ret_name))
                        return;
}

static struct member *make_member(struct registry *r, const struct registry_claim *claim,
                                  const struct setup_key_record *key, uint32_t slot,
                                  char ret_claimed[static LABEL_MAX + 1])
{
        struct member image = { 0 };
        const char *tags[MEMBER_MAX_TAGS];
        char wanted[LABEL_MAX + 1];
        do
                env_random(r->env, image.id, sizeof(image.id));
        while (node_find(r, image.id));
        memcpy(image.identity, claim->identity, sizeof(image.identity));
        memcpy(image.wireguard_key, claim->wireguard_key, sizeof(image.wireguard_key));
        memcpy(image.signal_key, claim->signal_key, sizeof(image.signal_key));
        memcpy(image.signal_key_signature, claim->signal_key_signature,
               sizeof(image.signal_key_signature));
        lease_addresses(&r->state.meta, slot, &image.v4, &image.v6);
        wanted_label(claim, key, wanted);
        name_choose(r, wanted, key->name[0] != 0, image.name, ret_claimed);
        image.name_pending = ret_claimed[0] != 0;
        image.tag_count = claim->wanted_tag_count ? claim->wanted_tag_count : key->tag_count;
        for (size_t i = 0; i < image.tag_count; i++)
                tags[i] = claim->wanted_tag_count ? claim->wanted_tags[i] : key->tags[i];
        image.tags = tags;
        return member_new(&image);
}

/* A whole node, not in the table yet. */
static int make_node(struct registry *r, const struct registry_claim *claim,
                     const struct setup_key_record *key, struct node **ret_node)
{
        uint32_t slot;
        int err = lease_choose(&r->state.leases, claim->identity, &slot);
        if (err)
                return err;
        struct node *node = calloc(1, sizeof(*node));
        if (!node)
                return MESH_ENOMEM;
        struct node_record *record = &node->record;
        record->member = make_member(r, claim, key, slot, record->claimed_name);
        if (!record->member) {
                free(node);
                return MESH_ENOMEM;
        }
        memcpy(record->setup_key_id, key->id, sizeof(record->setup_key_id));
        record->slot = slot;
        record->facts = claim->facts;
        record->versions = claim->versions;
        record->enrolled_ms = env_wall_ms(r->env);
        record->ephemeral_ms = key->ephemeral_ms;
        node->last_contact_ms = env_monotonic_ms(r->env);
        *ret_node = node;
        return 0;
}

/* Uses the key, takes the lease, spends a reservation of the name. */
static void write_member(struct edit *e, struct setup_key_record *key, const struct node *node)
{
        struct registry *r = e->r;
        const struct member *m = node->record.member;
        key->uses++;
        key->last_used_ms = node->record.enrolled_ms;
        store_put_setup_key(e->tx, key);
        store_put_lease(e->tx, lease_take(&r->state.leases, m->identity, node->record.slot));
        if (bar_has_name(&r->state.bars, m->name)) {
                unbar_name(&r->state.bars, m->name);
                store_delete_reservation(e->tx, m->name);
        }
        store_put_node(e->tx, &node->record);
        snprintf(e->event.object, sizeof(e->event.object), "%s", m->name);
        if (node->record.claimed_name[0])
                snprintf(e->event.result, sizeof(e->event.result),
                         "named %s, claims %s: waits for `meshctl node approve %s`", m->name,
                         node->record.claimed_name, m->name);
}

static void admit(struct edit *e, const struct registry_claim *claim, struct setup_key_record *key)
{
        struct registry *r = e->r;
        struct node *node = NULL;
        if (r->state.nodes.count >= REGISTRY_MAX_NODES) {
                edit_submit(e, REGISTRY_FULL);
                return;
        }
        int err = make_node(r, claim, key, &node);
        if (err == MESH_ELIMIT) {
                edit_submit(e, REGISTRY_FULL);
                return;
        }
        if (!err)
                err = edit_change_node(e, NULL, node->record.member);
        if (err) {
                if (node)
                        member_unref(node->record.member);
                free(node);
                edit_abort(e, err);
                return;
        }
        if (e->call)
                memcpy(e->call->node_id, node->record.member->id, NODE_ID_BYTES);
        err = node_table_add(&r->state.nodes, node); /* owns it now */
        if (err) {
                edit_break(e, err);
                return;
        }
        write_member(e, key, node);
        edit_submit(e, REGISTRY_OK);
}

void registry_enroll(struct registry *r, const struct registry_claim *claim,
                     struct registry_call *call)
{
        struct edit *e = edit_begin(r, call, "enroll", claim->wanted_name);
        if (!e)
                return;
        const struct node *node;
        struct setup_key_record *key = key_find(r, claim->setup_key_id);
        enum registry_outcome outcome = known_identity(r, claim, &node);
        memcpy(call->setup_key_id, claim->setup_key_id, SETUP_KEY_ID_BYTES);
        sodium_bin2hex(e->event.actor, sizeof(e->event.actor), claim->setup_key_id,
                       SETUP_KEY_ID_BYTES);
        if (node)
                memcpy(call->node_id, node->record.member->id, NODE_ID_BYTES);
        if (outcome == REGISTRY_OK)
                outcome = check_key(r, claim, key);
        if (outcome == REGISTRY_OK)
                admit(e, claim, key);
        else
                edit_submit(e, outcome);
}
