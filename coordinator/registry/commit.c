/* From a request to its durable answer: generations, the hand-over to the store, failures.
 *
 * Every request, refusals too, goes through here in order; so an answer never rests on something
 * that is not durable. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"
#include "common/env.h"
#include "common/error.h"
#include "coordinator/registry/private.h"

static void edit_free(struct edit *e)
{
        store_tx_free(e->tx);
        member_unref(e->change.before);
        member_unref(e->change.after);
        netmap_policy_unref(e->policy_before);
        netmap_policy_unref(e->policy_after);
        free(e);
}

static void answer(struct registry_call *call, enum registry_outcome outcome, int error)
{
        call->pending = NULL;
        call->outcome = outcome;
        call->error = error;
        call->done(call);
}

/* Ends CALL (NULL: nobody waits) from the loop, not from inside the caller's request. Needs no
 * memory. */
static void refuse_later(struct registry *r, struct registry_call *call, int error)
{
        if (!call)
                return;
        call->pending = NULL;
        call->error = error;
        call->refused_by = r;
        call->next_refused = NULL;
        *r->refused_last = call;
        r->refused_last = &call->next_refused;
        if (r->wake)
                r->wake(r->wake_user);
}

static struct registry_call *take_refused(struct registry *r)
{
        struct registry_call *call = r->refused;
        if (!call)
                return NULL;
        r->refused = call->next_refused;
        if (!r->refused)
                r->refused_last = &r->refused;
        call->refused_by = NULL;
        return call;
}

static void forget_refused(struct registry *r, const struct registry_call *call)
{
        struct registry_call **at = &r->refused;
        while (*at != call)
                at = &(*at)->next_refused;
        *at = call->next_refused;
        if (!*at)
                r->refused_last = at;
}

/* Those that are there now: what an answer asks for anew waits for the next turn of the loop. */
void edit_run_refused(struct registry *r)
{
        struct registry_call *call;
        size_t count = 0;
        for (call = r->refused; call; call = call->next_refused)
                count++;
        while (count-- > 0 && (call = take_refused(r)))
                answer(call, REGISTRY_UNAVAILABLE, call->error);
}

static void give_up(struct edit *e, int error)
{
        refuse_later(e->r, e->call, error);
        edit_free(e);
}

static void copy_text(char *out, size_t size, const char *text)
{
        snprintf(out, size, "%s", text ? text : "");
}

static void describe(struct edit *e, const struct registry_call *call, const char *action,
                     const char *object)
{
        struct event_record *event = &e->event;
        copy_text(event->actor, sizeof(event->actor), call ? call->actor : "coordinator");
        copy_text(event->source, sizeof(event->source), call ? call->source : "");
        copy_text(event->action, sizeof(event->action), action);
        copy_text(event->object, sizeof(event->object), object);
}

struct edit *edit_begin(struct registry *r, struct registry_call *call, const char *action,
                        const char *object)
{
        struct edit *e = calloc(1, sizeof(*e));
        if (!e) {
                refuse_later(r, call, MESH_ENOMEM);
                return NULL;
        }
        e->r = r;
        e->call = call;
        if (call) {
                call->pending = e;
                call->generation = r->state.meta.generation;
        }
        e->tx = store_tx_new();
        int err = r->failure;
        if (!e->tx)
                err = MESH_ENOMEM;
        else if (r->in_flight >= REGISTRY_MAX_PENDING_CALLS)
                err = MESH_EBUSY;
        if (err) {
                give_up(e, err);
                return NULL;
        }
        describe(e, call, action, object);
        return e;
}

void edit_abort(struct edit *e, int err)
{
        give_up(e, err);
}

void edit_break(struct edit *e, int err)
{
        registry_broken(e->r, err);
        give_up(e, err);
}

/* ---- generations ---- */

/* What the change log's hash covers: the kind, the subject, and what it became. */
static void pack_change(const struct edit *e, struct buffer *out)
{
        const struct change_record *change = &e->change;
        if (change->is_policy) {
                buffer_put(out, "P", 1);
                buffer_put_be64(out, change->policy_after);
                buffer_put(out, policy_hash(e->policy_after->policy), POLICY_HASH_BYTES);
                return;
        }
        buffer_put(out, "N", 1);
        buffer_put(out, change->node_id, sizeof(change->node_id));
        if (change->after)
                member_pack(change->after, out);
}

static int next_generation(struct edit *e)
{
        struct registry *r = e->r;
        struct change_record *change = &e->change;
        struct buffer packed = buffer_with_max(MEMBER_IMAGE_MAX_BYTES + 64);
        pack_change(e, &packed);
        int err = buffer_error(&packed);
        if (!err) {
                change->generation = r->state.meta.generation + 1;
                change->at_ms = env_wall_ms(r->env);
                change_log_hash(r->state.meta.log_hash, change->generation, packed.bytes,
                                packed.len, change->log_hash);
        }
        buffer_done(&packed);
        return err;
}

int edit_change_node(struct edit *e, const struct member *before, const struct member *after)
{
        e->change.before = member_ref(before);
        e->change.after = member_ref(after);
        memcpy(e->change.node_id, (before ? before : after)->id, NODE_ID_BYTES);
        return next_generation(e);
}

int edit_change_policy(struct edit *e, struct netmap_policy *after)
{
        e->policy_before = netmap_policy_ref(e->r->state.policy);
        e->policy_after = netmap_policy_ref(after);
        e->change.is_policy = true;
        e->change.policy_before = e->policy_before->version;
        e->change.policy_after = after->version;
        return next_generation(e);
}

/* ---- hand-over ---- */

static void put_event(struct edit *e, enum registry_outcome outcome, uint64_t before)
{
        struct registry *r = e->r;
        struct event_record *event = &e->event;
        if (!event->action[0])
                return;
        event->at_ms = env_wall_ms(r->env);
        event->generation_before = before;
        event->generation_after = r->state.meta.generation;
        memcpy(event->policy_hash, policy_hash(r->state.policy->policy),
               sizeof(event->policy_hash));
        if (!event->result[0])
                copy_text(event->result, sizeof(event->result), registry_outcome_word(outcome));
        store_put_event(e->tx, event);
}

static int tell_netmap(struct edit *e)
{
        struct registry *r = e->r;
        int err = 0;
        if (e->change.generation) {
                struct netmap_change change = {
                        .generation = e->change.generation,
                        .before = e->change.before,
                        .after = e->change.after,
                        .policy_before = e->policy_before,
                        .policy_after = e->policy_after,
                };
                memcpy(change.log_hash, e->change.log_hash, sizeof(change.log_hash));
                err = netmap_change(r->netmap, &change);
        }
        if (e->new_epoch)
                netmap_set_epoch(r->netmap, r->state.meta.epoch.start_ms,
                                 r->state.meta.epoch.random);
        return err;
}

void registry_broken(struct registry *r, int err)
{
        if (!r->failure)
                r->failure = err; /* the first one is the cause of the others */
        r->reload_wanted = true;
}

static void on_durable(void *user, int err)
{
        struct edit *e = user;
        struct registry *r = e->r;
        e->tx = NULL; /* the store frees it */
        r->in_flight--;
        if (err != MESH_ECANCELED)
                r->sick = err;
        if (!err) {
                int failure = tell_netmap(e);
                if (failure)
                        registry_broken(r, failure);
        } else {
                registry_broken(r, err);
        }
        if (e->call)
                answer(e->call, err ? REGISTRY_UNAVAILABLE : e->call->outcome,
                       err == MESH_ECANCELED ? r->failure : err);
        edit_free(e);
}

void edit_submit(struct edit *e, enum registry_outcome outcome)
{
        struct registry *r = e->r;
        struct store_tx *tx = e->tx;
        uint64_t before = r->state.meta.generation;
        if (e->change.generation) {
                r->state.meta.generation = e->change.generation;
                memcpy(r->state.meta.log_hash, e->change.log_hash, KEY_BYTES);
                store_put_change(tx, &e->change);
        }
        if (e->change.generation || e->meta_changed)
                store_put_meta(tx, &r->state.meta);
        put_event(e, outcome, before);
        if (e->call) {
                e->call->outcome = outcome;
                e->call->error = 0;
                e->call->generation = r->state.meta.generation;
        }
        r->in_flight++;
        store_submit(r->store, tx, true, on_durable, e);
}

void registry_forget(struct registry_call *call)
{
        struct edit *e = call->pending;
        if (e)
                e->call = NULL;
        call->pending = NULL;
        if (call->refused_by)
                forget_refused(call->refused_by, call);
        call->refused_by = NULL;
}
