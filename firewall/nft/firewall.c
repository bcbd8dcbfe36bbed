/* The door: plan, compare, send, compare again. */
#include "firewall/nft/firewall.h"

#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>

#include "common/buffer.h"
#include "common/error.h"
#include "common/netlink.h"
#include "firewall/nft/batch.h"
#include "firewall/nft/delta.h"
#include "firewall/nft/plan.h"
#include "firewall/nft/print.h"
#include "firewall/nft/readback.h"

_Static_assert((int)FIREWALL_HASH_BYTES == (int)IMAGE_HASH_BYTES, "one hash");
_Static_assert((int)FIREWALL_ERROR_TEXT_MAX >= (int)BATCH_ERROR_TEXT_MAX, "an error fits");

/* What one call works on. */
struct work {
        struct netlink *nl;
        struct ruleset plan;
        uint8_t planned[FIREWALL_HASH_BYTES];
        struct firewall_result *result;
};

/* Says what failed, unless something more precise has been said. */
static int fail(struct firewall_result *result, int err, const char *doing, const char *why)
{
        if (result->error[0] == '\0')
                snprintf(result->error, sizeof(result->error), "%s: %s", doing, why);
        return err;
}

static int open_netlink(struct work *work)
{
        int err = netlink_open(NETLINK_NETFILTER, &work->nl);
        return err ? fail(work->result, err, "open netlink", mesh_strerror(err)) : 0;
}

/* Reads the table and puts its hash into the result. MESH_ENOENT if there is none. */
static int read_table(struct work *work, struct readback *ret)
{
        struct readback held;
        struct firewall_result *result = work->result;
        result->loaded = false;
        memset(result->hash, 0, sizeof(result->hash));
        int err = readback_table(work->nl, work->plan.table, &held);
        if (err == MESH_ENOENT)
                return err;
        if (err)
                return fail(result, err, "read the table back", netlink_error_text(work->nl));
        err = readback_hash(&held, result->hash);
        if (err) {
                readback_done(&held);
                return fail(result, err, "hash the table", mesh_strerror(err));
        }
        result->loaded = true;
        *ret = held;
        return 0;
}

/* Whether nothing but elements differs. */
static bool same_frame(const struct ruleset *plan, const struct readback *held)
{
        struct image image = image_empty();
        image_add_ruleset(&image, plan);
        bool same = image_finish(&image) == 0 && image.frame.len == held->image.frame.len &&
                    memcmp(image.frame.bytes, held->image.frame.bytes, image.frame.len) == 0;
        image_done(&image);
        return same;
}

/* Sends the transaction that leads from HELD (NULL: no table) to the plan. */
static int send_changes(struct work *work, const struct readback *held)
{
        struct batch batch;
        int err = batch_init(&batch);
        if (err)
                return fail(work->result, err, "build the rules", mesh_strerror(err));
        bool wanted = work->plan.chain_count > 0;
        if (!wanted || !held || !same_frame(&work->plan, held) ||
            !delta_put(&batch, &work->plan, &held->sets)) {
                batch_put_delete(&batch, work->plan.table);
                if (wanted)
                        batch_put_table(&batch, &work->plan);
        }
        err = batch_send(&batch, work->nl, work->result->error);
        batch_done(&batch);
        if (!err)
                work->result->changed = true;
        return err;
}

/* Whether what the kernel holds, as the result has it, is what was planned. */
static bool is_as_planned(const struct work *work)
{
        const struct firewall_result *result = work->result;
        if (work->plan.chain_count == 0)
                return !result->loaded;
        return result->loaded && memcmp(work->planned, result->hash, sizeof(work->planned)) == 0;
}

/* Reads the table once more and compares. */
static int check_table(struct work *work)
{
        struct readback held;
        int err = read_table(work, &held);
        if (!err)
                readback_done(&held);
        else if (err != MESH_ENOENT)
                return err;
        if (is_as_planned(work))
                return 0;
        return fail(work->result, err ? err : MESH_ESTATE, "table read back",
                    err ? "it is not there" : "it is not what was asked for");
}

static int work_begin(struct work *work, const struct firewall_input *in,
                      struct firewall_result *result)
{
        *result = (struct firewall_result){ 0 };
        *work = (struct work){ .result = result };
        int err = firewall_plan(in, &work->plan);
        if (err)
                return fail(result, err, "plan the rules", mesh_strerror(err));
        err = planned_hash(&work->plan, work->planned);
        if (err)
                return fail(result, err, "hash the rules", mesh_strerror(err));
        return open_netlink(work);
}

static void work_end(struct work *work)
{
        netlink_close(work->nl);
        ruleset_done(&work->plan);
}

static int apply(struct work *work)
{
        struct readback held;
        int err = read_table(work, &held);
        if (err && err != MESH_ENOENT)
                return err;
        bool exists = err == 0;
        err = is_as_planned(work) ? 0 : send_changes(work, exists ? &held : NULL);
        if (exists)
                readback_done(&held);
        if (err || !work->result->changed)
                return err;
        return check_table(work);
}

int firewall_apply(const struct firewall_input *in, struct firewall_result *ret_result)
{
        struct work work;
        int err = work_begin(&work, in, ret_result);
        if (!err)
                err = apply(&work);
        work_end(&work);
        return err;
}

int firewall_verify(const struct firewall_input *in, struct firewall_result *ret_result)
{
        struct work work;
        int err = work_begin(&work, in, ret_result);
        if (!err)
                err = check_table(&work);
        work_end(&work);
        return err;
}

int firewall_remove(const char *table, struct firewall_result *ret_result)
{
        static const struct local_firewall off = { .mode = FIREWALL_MODE_OFF };
        const struct firewall_input in = { .local = &off, .interface = "none", .table = table };
        return firewall_apply(&in, ret_result);
}

int firewall_hash(const struct firewall_input *in, uint8_t ret_hash[static FIREWALL_HASH_BYTES])
{
        struct ruleset plan;
        int err = firewall_plan(in, &plan);
        if (err)
                return err;
        if (plan.chain_count == 0)
                memset(ret_hash, 0, FIREWALL_HASH_BYTES);
        else
                err = planned_hash(&plan, ret_hash);
        ruleset_done(&plan);
        return err;
}

struct firewall_input firewall_safe_input(const struct local_firewall *local, const char *interface,
                                          uint16_t wireguard_port)
{
        return (struct firewall_input){
                .local = local,
                .interface = interface,
                .wireguard_port = wireguard_port,
        };
}

int firewall_show(const struct firewall_input *in, struct buffer *out)
{
        struct ruleset plan;
        int err = firewall_plan(in, &plan);
        if (err)
                return err;
        ruleset_print(&plan, out);
        ruleset_done(&plan);
        return buffer_error(out);
}
