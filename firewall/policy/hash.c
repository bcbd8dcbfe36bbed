/* The policy's hash: what it allows between names and tags, however it is written.
 *
 * A policy is a table: rows are atoms that send, columns atoms that receive, cells sets of packets
 * (portset.h). A host that no atom but `all` speaks of is one more row and column, "other". A cell
 * holds what the rules allow from a host with just the row's name or tag to one with just the
 * column's. The canonical form writes, for each column in atom order ("other" first):
 *   the atom's text, the cell of row "other", then each row whose cell is more than what its own
 *   cell in column "other" and this column's cell of row "other" give together: text and cell
 * where a cell is u32 count and u32 low, u32 high of each span (big-endian), and a column without
 * rows whose first cell is that of column "other" is left out. Before it stands "mesh/v1/policy"
 * and a NUL. Two policies have one hash exactly if the tables are equal.
 *
 * Columns that the same rules reach are computed once. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"
#include "common/error.h"
#include "firewall/policy/model.h"

enum { CELLS_MAX = 20000000 }; /* rule and row pairs that one hash may look at */

static const char hash_label[] = "mesh/v1/policy";
static const uint32_t atom_all = 0;

/* One rule that speaks of one row. */
struct cell {
        uint32_t atom, rule;
};

/* One column: the rules that name its atom, and what they make of it. */
struct column {
        uint32_t atom;
        const uint32_t *rules; /* ascending */
        size_t rule_count;
        struct buffer bytes; /* empty: nothing to write */
};

struct hasher {
        const struct policy *policy;
        uint32_t *column_rules; /* owned; the columns' lists */
        struct column *columns; /* owned; of all atoms but `all` */
        size_t column_count;
        struct portset *to_other; /* owned; by atom: cells of column "other" */
        struct cell *cells;       /* owned; of the present column */
        size_t cell_count, cell_capacity, spent;
        struct portset from_other, base, sum; /* scratch */
};

static bool speaks_of_all(const struct selector *selector)
{
        return selector->atoms.count == 1 && selector->atoms.items[0] == atom_all;
}

static void put_cell(struct buffer *out, const struct portset *set)
{
        buffer_put_be32(out, (uint32_t)set->count);
        for (size_t i = 0; i < set->count; i++) {
                buffer_put_be32(out, set->spans[i].low);
                buffer_put_be32(out, set->spans[i].high);
        }
}

/* ---- column "other" ---- */

/* Every atom's cell there, its own rules and those from `all` together; [atom_all] is the cell of
 * row "other". */
static int fill_to_other(struct hasher *h)
{
        const struct policy *policy = h->policy;
        h->to_other = calloc(policy->atom_count, sizeof(*h->to_other));
        if (!h->to_other)
                return MESH_ENOMEM;
        int err = 0;
        for (size_t i = 0; i < policy->rule_count && !err; i++) {
                const struct policy_rule *rule = &policy->rules[i];
                if (!speaks_of_all(&policy->to[rule->to]))
                        continue;
                const struct atom_list *from = &policy->from[rule->from].atoms;
                h->spent += from->count;
                for (size_t j = 0; j < from->count && !err; j++)
                        err = portset_add_set(&h->to_other[from->items[j]], &rule->ports);
        }
        portset_settle(&h->to_other[atom_all]);
        for (size_t i = 1; i < policy->atom_count && !err; i++) {
                err = portset_add_set(&h->to_other[i], &h->to_other[atom_all]);
                portset_settle(&h->to_other[i]);
        }
        return err;
}

static int put_other(struct hasher *h, struct buffer *out)
{
        const struct portset *other = &h->to_other[atom_all];
        put_cell(out, other);
        for (size_t i = 1; i < h->policy->atom_count; i++) {
                if (portset_equal(&h->to_other[i], other))
                        continue;
                atom_put(out, &h->policy->atoms[i]);
                put_cell(out, &h->to_other[i]);
        }
        return buffer_error(out);
}

/* ---- the other columns ---- */

static int list_columns(struct hasher *h)
{
        const struct policy *policy = h->policy;
        size_t total = 0;
        for (size_t i = 0; i < policy->rule_count; i++)
                total += policy->to[policy->rules[i].to].atoms.count;
        if (total > CELLS_MAX)
                return MESH_ELIMIT;
        h->columns = calloc(policy->atom_count, sizeof(*h->columns));
        h->column_rules = calloc(total + 1, sizeof(*h->column_rules));
        if (!h->columns || !h->column_rules)
                return MESH_ENOMEM;
        h->column_count = policy->atom_count;
        for (size_t i = 0; i < policy->rule_count; i++)
                for (size_t j = 0; j < policy->to[policy->rules[i].to].atoms.count; j++)
                        h->columns[policy->to[policy->rules[i].to].atoms.items[j]].rule_count++;
        uint32_t *at = h->column_rules;
        for (size_t i = 0; i < policy->atom_count; i++) {
                h->columns[i].atom = (uint32_t)i;
                h->columns[i].bytes = buffer_with_max(SIZE_MAX / 2);
                h->columns[i].rules = at;
                at += h->columns[i].rule_count;
                h->columns[i].rule_count = 0;
        }
        for (size_t i = 0; i < policy->rule_count; i++) {
                const struct atom_list *to = &policy->to[policy->rules[i].to].atoms;
                for (size_t j = 0; j < to->count; j++) {
                        struct column *column = &h->columns[to->items[j]];
                        size_t place = (size_t)(column->rules - h->column_rules);
                        h->column_rules[place + column->rule_count++] = (uint32_t)i;
                }
        }
        return 0;
}

static int compare_columns(const void *a, const void *b)
{
        const struct column *left = a, *right = b;
        if (left->rule_count != right->rule_count)
                return left->rule_count < right->rule_count ? -1 : 1;
        int order = memcmp(left->rules, right->rules, left->rule_count * sizeof(left->rules[0]));
        if (order != 0)
                return order;
        return left->atom < right->atom ? -1 : left->atom > right->atom;
}

static int compare_cells(const void *a, const void *b)
{
        const struct cell *left = a, *right = b;
        if (left->atom != right->atom)
                return left->atom < right->atom ? -1 : 1;
        return left->rule < right->rule ? -1 : left->rule > right->rule;
}

/* The rules of a column by rows; rules from `all` make up from_other. */
static int collect_cells(struct hasher *h, const struct column *column)
{
        const struct policy *policy = h->policy;
        h->cell_count = 0;
        portset_clear(&h->from_other);
        int err = portset_add_set(&h->from_other, &h->to_other[atom_all]);
        for (size_t i = 0; i < column->rule_count && !err; i++) {
                const struct policy_rule *rule = &policy->rules[column->rules[i]];
                const struct atom_list *from = &policy->from[rule->from].atoms;
                h->spent += from->count;
                if (h->spent > CELLS_MAX)
                        return MESH_ELIMIT;
                if (speaks_of_all(&policy->from[rule->from])) {
                        err = portset_add_set(&h->from_other, &rule->ports);
                        continue;
                }
                if (from->count > h->cell_capacity - h->cell_count) {
                        size_t capacity = (h->cell_count + from->count) * 2;
                        struct cell *cells = reallocarray(h->cells, capacity, sizeof(*cells));
                        if (!cells)
                                return MESH_ENOMEM;
                        h->cells = cells;
                        h->cell_capacity = capacity;
                }
                for (size_t j = 0; j < from->count; j++)
                        h->cells[h->cell_count++] =
                                (struct cell){ from->items[j], column->rules[i] };
        }
        portset_settle(&h->from_other);
        if (h->cell_count > 0)
                qsort(h->cells, h->cell_count, sizeof(*h->cells), compare_cells);
        return err;
}

/* The row that begins at *AT, which moves past it. */
static int put_row(struct hasher *h, size_t *at, struct buffer *out)
{
        uint32_t atom = h->cells[*at].atom;
        portset_clear(&h->base);
        int err = portset_add_set(&h->base, &h->to_other[atom]);
        if (!err)
                err = portset_add_set(&h->base, &h->from_other);
        portset_settle(&h->base);
        portset_clear(&h->sum);
        if (!err)
                err = portset_add_set(&h->sum, &h->base);
        for (; *at < h->cell_count && h->cells[*at].atom == atom && !err; ++*at)
                err = portset_add_set(&h->sum, &h->policy->rules[h->cells[*at].rule].ports);
        portset_settle(&h->sum);
        if (err || portset_equal(&h->sum, &h->base))
                return err;
        atom_put(out, &h->policy->atoms[atom]);
        put_cell(out, &h->sum);
        return buffer_error(out);
}

static int fill_column(struct hasher *h, struct column *column)
{
        int err = collect_cells(h, column);
        if (err)
                return err;
        put_cell(&column->bytes, &h->from_other);
        size_t header = column->bytes.len;
        for (size_t i = 0; i < h->cell_count && !err;)
                err = put_row(h, &i, &column->bytes);
        if (column->bytes.len == header && portset_equal(&h->from_other, &h->to_other[atom_all]))
                buffer_clear(&column->bytes);
        return err ? err : buffer_error(&column->bytes);
}

static bool same_rules(const struct column *a, const struct column *b)
{
        return a->rule_count == b->rule_count &&
               memcmp(a->rules, b->rules, a->rule_count * sizeof(a->rules[0])) == 0;
}

/* Each distinct list of rules once; then the columns go back to atom order, and a column without
 * bytes of its own stands for the one before it in DONE_BY. */
static int fill_columns(struct hasher *h, uint32_t *done_by)
{
        struct column *sorted = calloc(h->column_count, sizeof(*sorted));
        if (!sorted)
                return MESH_ENOMEM;
        memcpy(sorted, h->columns, h->column_count * sizeof(*sorted));
        qsort(sorted, h->column_count, sizeof(*sorted), compare_columns);
        int err = 0;
        for (size_t i = 0; i < h->column_count && !err; i++) {
                if (sorted[i].atom == atom_all)
                        continue;
                bool same = i > 0 && sorted[i - 1].atom != atom_all &&
                            same_rules(&sorted[i - 1], &sorted[i]);
                done_by[sorted[i].atom] = same ? done_by[sorted[i - 1].atom] : sorted[i].atom;
                if (!same)
                        err = fill_column(h, &h->columns[sorted[i].atom]);
        }
        free(sorted);
        return err;
}

static int write_form(struct hasher *h, uint8_t ret_hash[static POLICY_HASH_BYTES])
{
        crypto_hash_sha256_state state;
        struct buffer line = buffer_with_max(SIZE_MAX / 2);
        uint32_t *done_by = calloc(h->column_count, sizeof(*done_by));
        int err = done_by ? fill_columns(h, done_by) : MESH_ENOMEM;
        if (!err)
                err = put_other(h, &line);
        crypto_hash_sha256_init(&state);
        crypto_hash_sha256_update(&state, (const uint8_t *)hash_label, sizeof(hash_label));
        crypto_hash_sha256_update(&state, line.bytes, line.len);
        for (size_t i = 1; i < h->column_count && !err; i++) {
                const struct buffer *bytes = &h->columns[done_by[i]].bytes;
                if (bytes->len == 0)
                        continue;
                buffer_clear(&line);
                buffer_put(&line, "to:", 3);
                atom_put(&line, &h->policy->atoms[i]);
                err = buffer_error(&line);
                crypto_hash_sha256_update(&state, line.bytes, line.len);
                crypto_hash_sha256_update(&state, bytes->bytes, bytes->len);
        }
        if (!err)
                crypto_hash_sha256_final(&state, ret_hash);
        free(done_by);
        buffer_done(&line);
        return err;
}

int policy_compute_hash(struct policy *policy)
{
        struct hasher h = { .policy = policy };
        int err = fill_to_other(&h);
        if (!err)
                err = list_columns(&h);
        if (!err)
                err = write_form(&h, policy->hash);
        for (size_t i = 0; h.to_other && i < policy->atom_count; i++)
                portset_done(&h.to_other[i]);
        for (size_t i = 0; i < h.column_count; i++)
                buffer_done(&h.columns[i].bytes);
        free(h.columns);
        free(h.column_rules);
        free(h.to_other);
        free(h.cells);
        portset_done(&h.from_other);
        portset_done(&h.base);
        portset_done(&h.sum);
        return err;
}
