/* Canonical text of chains, rules and sets. */
#include "firewall/nft/image.h"

#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <libnftnl/chain.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>

#include "common/error.h"
#include "firewall/nft/encode.h"

enum { EXPRESSION_TEXT_MAX = 4096 };

struct image_part {
        char *title; /* owned; "chain input", "set tcp_22_v4" */
        struct buffer text;
};

struct image image_empty(void)
{
        return (struct image){ .frame = buffer_with_max(IMAGE_BYTES_MAX) };
}

void image_done(struct image *image)
{
        for (size_t i = 0; i < image->count; i++) {
                free(image->parts[i].title);
                buffer_done(&image->parts[i].text);
        }
        free(image->parts);
        buffer_done(&image->frame);
        *image = image_empty();
}

static void fail(struct image *image, int err)
{
        if (!image->error)
                image->error = err;
}

/* A new part called "KIND NAME"; NULL with the sticky error set. */
static struct image_part *add_part(struct image *image, const char *kind, const char *name)
{
        if (image->error)
                return NULL;
        if (image->count == image->capacity) {
                size_t wanted = image->capacity ? image->capacity * 2 : 16;
                struct image_part *parts =
                        wanted > IMAGE_PARTS_MAX
                                ? NULL
                                : reallocarray(image->parts, wanted, sizeof(*parts));
                if (!parts) {
                        fail(image, MESH_ENOMEM);
                        return NULL;
                }
                image->parts = parts;
                image->capacity = wanted;
        }
        struct buffer title = buffer_with_max(IMAGE_BYTES_MAX);
        buffer_printf(&title, "%s %s", kind, name);
        buffer_put_u8(&title, '\0');
        if (buffer_error(&title)) {
                fail(image, buffer_error(&title));
                buffer_done(&title);
                return NULL;
        }
        struct image_part *part = &image->parts[image->count++];
        part->title = (char *)title.bytes;
        part->text = buffer_with_max(IMAGE_BYTES_MAX);
        return part;
}

void image_add_chain(struct image *image, const struct nftnl_chain *chain)
{
        struct image_part *part =
                add_part(image, "chain", nftnl_chain_get_str(chain, NFTNL_CHAIN_NAME));
        if (!part)
                return;
        if (nftnl_chain_is_set(chain, NFTNL_CHAIN_HOOKNUM))
                buffer_printf(&part->text, "hook %u priority %d policy %u type %s\n",
                              nftnl_chain_get_u32(chain, NFTNL_CHAIN_HOOKNUM),
                              nftnl_chain_get_s32(chain, NFTNL_CHAIN_PRIO),
                              nftnl_chain_get_u32(chain, NFTNL_CHAIN_POLICY),
                              nftnl_chain_get_str(chain, NFTNL_CHAIN_TYPE));
        fail(image, buffer_error(&part->text));
}

void image_add_set(struct image *image, const struct nftnl_set *set)
{
        struct image_part *part = add_part(image, "set", nftnl_set_get_str(set, NFTNL_SET_NAME));
        if (!part)
                return;
        buffer_printf(&part->text, "type %u len %u flags %u size %u\n",
                      nftnl_set_get_u32(set, NFTNL_SET_KEY_TYPE),
                      nftnl_set_get_u32(set, NFTNL_SET_KEY_LEN),
                      nftnl_set_get_u32(set, NFTNL_SET_FLAGS),
                      nftnl_set_get_u32(set, NFTNL_SET_DESC_SIZE));
        fail(image, buffer_error(&part->text));
}

static int write_expression(struct nftnl_expr *expr, void *user)
{
        struct buffer *out = user;
        const char *name = nftnl_expr_get_str(expr, NFTNL_EXPR_NAME);
        char text[EXPRESSION_TEXT_MAX] = "";
        if (strcmp(name, "counter") != 0)
                nftnl_expr_snprintf(text, sizeof(text), expr, NFTNL_OUTPUT_DEFAULT, 0);
        buffer_printf(out, "[%s %s]", name, text);
        return 0;
}

void image_add_rule(struct image *image, const char *chain, const struct nftnl_rule *rule)
{
        struct image_part *part = NULL;
        for (size_t i = 0; i < image->count && !part; i++)
                if (strncmp(image->parts[i].title, "chain ", 6) == 0 &&
                    strcmp(image->parts[i].title + 6, chain) == 0)
                        part = &image->parts[i];
        if (!part) /* it came after the chains were read: whoever reads will read again */
                part = add_part(image, "chain", chain);
        if (!part)
                return;
        if (rule)
                nftnl_expr_foreach((struct nftnl_rule *)(uintptr_t)rule, write_expression,
                                   &part->text);
        else
                buffer_printf(&part->text, "unreadable");
        buffer_put_u8(&part->text, '\n');
        fail(image, buffer_error(&part->text));
}

static void add_planned_chain(struct image *image, const struct ruleset *rs,
                              const struct ruleset_chain *chain)
{
        struct nftnl_chain *object = encode_chain(rs, chain);
        if (!object) {
                fail(image, MESH_ENOMEM);
                return;
        }
        image_add_chain(image, object);
        nftnl_chain_free(object);
        for (size_t i = 0; i < chain->rule_count; i++) {
                struct nftnl_rule *rule = encode_rule(rs, chain, &chain->rules[i]);
                if (!rule) {
                        fail(image, MESH_ENOMEM);
                        return;
                }
                image_add_rule(image, chain->name, rule);
                nftnl_rule_free(rule);
        }
}

void image_add_ruleset(struct image *image, const struct ruleset *rs)
{
        for (size_t i = 0; i < rs->chain_count; i++)
                add_planned_chain(image, rs, &rs->chains[i]);
        for (size_t i = 0; i < rs->set_count; i++) {
                struct nftnl_set *object = encode_set(rs, &rs->sets[i], 1);
                if (!object) {
                        fail(image, MESH_ENOMEM);
                        return;
                }
                image_add_set(image, object);
                nftnl_set_free(object);
        }
}

static int compare_parts(const void *a, const void *b)
{
        const struct image_part *x = a, *y = b;
        return strcmp(x->title, y->title);
}

int image_finish(struct image *image)
{
        if (image->count)
                qsort(image->parts, image->count, sizeof(*image->parts), compare_parts);
        buffer_printf(&image->frame, "table flags %u\n", image->table_flags);
        for (size_t i = 0; i < image->count; i++) {
                buffer_printf(&image->frame, "%s\n", image->parts[i].title);
                buffer_put(&image->frame, image->parts[i].text.bytes, image->parts[i].text.len);
        }
        fail(image, buffer_error(&image->frame));
        return image->error;
}

static int compare_sets(const void *a, const void *b)
{
        const struct ruleset_set *const *x = a, *const *y = b;
        return strcmp((*x)->name, (*y)->name);
}

static void hash_number(crypto_generichash_state *state, uint64_t value)
{
        uint8_t bytes[8];
        for (size_t i = 0; i < sizeof(bytes); i++)
                bytes[i] = (uint8_t)(value >> (56 - 8 * i));
        crypto_generichash_update(state, bytes, sizeof(bytes));
}

int image_hash(const struct image *image, const struct ruleset *sets,
               uint8_t ret_hash[static IMAGE_HASH_BYTES])
{
        const struct ruleset_set **order =
                calloc(sets->set_count + 1, sizeof(struct ruleset_set *));
        if (!order)
                return MESH_ENOMEM;
        for (size_t i = 0; i < sets->set_count; i++)
                order[i] = &sets->sets[i];
        qsort(order, sets->set_count, sizeof(struct ruleset_set *), compare_sets);
        crypto_generichash_state state;
        crypto_generichash_init(&state, NULL, 0, IMAGE_HASH_BYTES);
        hash_number(&state, image->frame.len);
        crypto_generichash_update(&state, image->frame.bytes, image->frame.len);
        for (size_t i = 0; i < sets->set_count; i++) {
                hash_number(&state, order[i]->element_count);
                crypto_generichash_update(&state, (const uint8_t *)order[i]->elements,
                                          order[i]->element_count * sizeof(struct set_element));
        }
        crypto_generichash_final(&state, ret_hash, IMAGE_HASH_BYTES);
        free(order);
        return 0;
}
