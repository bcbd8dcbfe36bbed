/* Text to tree, over libfyaml's events; see the header.
 *
 * Events, not libfyaml's documents: those take minutes for many keys and gigabytes for aliases.
 * What would make libfyaml swell, or end without a word, yaml_bytes.c has refused before.
 * YAML 1.2.2. */
#include "common/yaml.h"

#include <libfyaml.h>
#include <stdlib.h>
#include <string.h>

#include "common/error.h"
#include "common/yaml_tree.h"

enum {
        TREE_BYTES_PER_BYTE = 64,  /* `a,` is one node */
        TREE_BYTES_BASE = 1 << 16, /* and what an empty file needs */
};

/* A sequence or mapping that is not closed yet. */
struct frame {
        struct yaml_node *node;
        struct yaml_node *last;      /* its newest child */
        const struct yaml_node *key; /* mapping: the key that waits for its value */
};

struct builder {
        struct yaml *yaml;
        struct fy_parser *parser;
        struct frame frames[YAML_DEPTH_MAX];
        size_t depth;
        size_t documents;
};

/* ---- events to nodes ---- */

static int refuse_mark(struct builder *b, const struct fy_mark *mark, const char *message)
{
        uint32_t line = mark ? (uint32_t)mark->line + 1 : 1;
        uint32_t column = mark ? (uint32_t)mark->column + 1 : 1;
        findings_error(b->yaml->findings, b->yaml->path, line, column, "%s", message);
        return MESH_EFORMAT;
}

static int refuse_event(struct builder *b, struct fy_event *event, const char *message)
{
        return refuse_mark(b, fy_event_start_mark(event), message);
}

/* Anchors and tags; either may be NULL. */
static int refuse_properties(struct builder *b, struct fy_token *anchor, struct fy_token *tag)
{
        if (anchor)
                return refuse_mark(b, fy_token_start_mark(anchor), "anchors are not allowed");
        if (tag)
                return refuse_mark(b, fy_token_start_mark(tag), "tags are not allowed");
        return 0;
}

/* Whether an event is a value that is not there, as in `key:`. */
static bool is_absent(struct fy_event *event)
{
        size_t len = 0;
        if (event->type != FYET_SCALAR)
                return false;
        if (!event->scalar.value || fy_token_scalar_style(event->scalar.value) != FYSS_PLAIN)
                return !event->scalar.value;
        (void)fy_token_get_text(event->scalar.value, &len);
        return len == 0;
}

/* Where an event begins. A value that is not there stands at its key, or at its list: libfyaml 0.7
 * has no mark for it, 0.8 marks what follows. Quoted text is marked behind its quote. */
static void set_place(const struct builder *b, struct fy_event *event, struct yaml_node *node)
{
        const struct fy_mark *mark = is_absent(event) ? NULL : fy_event_start_mark(event);
        const struct frame *frame = b->depth > 0 ? &b->frames[b->depth - 1] : NULL;
        node->line = node->column = 1;
        if (mark) {
                node->line = (uint32_t)mark->line + 1;
                node->column = (uint32_t)mark->column + 1;
        } else if (frame) {
                const struct yaml_node *near = frame->key ? frame->key : frame->node;
                node->line = near->line;
                node->column = near->column;
        }
        if (event->type != FYET_SCALAR || node->column == 1)
                return;
        enum fy_scalar_style style = fy_token_scalar_style(event->scalar.value);
        if (style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED)
                node->column--;
}

static struct yaml_node *node_new(struct builder *b, struct fy_event *event, enum yaml_kind kind)
{
        struct yaml_node *node = arena_alloc(b->yaml->arena, sizeof(*node));
        if (!node)
                return NULL;
        node->kind = kind;
        set_place(b, event, node);
        return node;
}

/* A finding at NODE, which is not in the tree yet. */
static int refuse_node(struct builder *b, const struct yaml_node *node, const char *message)
{
        yaml_error(b->yaml, node, "%s", message);
        return MESH_EFORMAT;
}

/* Hangs a finished scalar, or a sequence or mapping that begins, into the tree. */
static int node_attach(struct builder *b, struct yaml_node *node)
{
        if (b->depth == 0) {
                b->yaml->root = node;
                return 0;
        }
        struct frame *frame = &b->frames[b->depth - 1];
        if (frame->node->kind == YAML_MAPPING && !frame->key) {
                if (node->kind != YAML_SCALAR || yaml_is_null(node))
                        return refuse_node(b, node, "a key must be a text");
                frame->key = node;
                return 0;
        }
        node->key = frame->key;
        frame->key = NULL;
        if (frame->last)
                frame->last->next = node;
        else
                frame->node->first = node;
        frame->last = node;
        frame->node->count++;
        return 0;
}

static int on_scalar(struct builder *b, struct fy_event *event)
{
        int err = refuse_properties(b, event->scalar.anchor, event->scalar.tag);
        if (err)
                return err;
        size_t len = 0;
        const char *text = event->scalar.value ? fy_token_get_text(event->scalar.value, &len) : "";
        struct yaml_node *node = node_new(b, event, YAML_SCALAR);
        if (!text || !node)
                return MESH_ENOMEM;
        if (memchr(text, 0, len)) /* written as "\0" */
                return refuse_node(b, node, "NUL character");
        node->text = arena_text(b->yaml->arena, text, len);
        if (!node->text)
                return MESH_ENOMEM;
        node->plain = fy_token_scalar_style(event->scalar.value) == FYSS_PLAIN;
        return node_attach(b, node);
}

static int on_start(struct builder *b, struct fy_event *event, enum yaml_kind kind)
{
        if (b->depth == YAML_DEPTH_MAX)
                return refuse_event(b, event, "nested too deeply");
        struct yaml_node *node = node_new(b, event, kind);
        if (!node)
                return MESH_ENOMEM;
        int err = node_attach(b, node);
        if (err)
                return err;
        b->frames[b->depth++] = (struct frame){ .node = node };
        return 0;
}

static int compare_keys(const void *a, const void *b)
{
        const struct yaml_node *left = *(const struct yaml_node *const *)a;
        const struct yaml_node *right = *(const struct yaml_node *const *)b;
        int order = strcmp(left->text, right->text);
        if (order != 0)
                return order;
        if (left->line != right->line)
                return left->line < right->line ? -1 : 1;
        return left->column < right->column ? -1 : left->column > right->column;
}

/* By sorting, since libfyaml's own check is quadratic. */
static int check_duplicates(struct builder *b, const struct yaml_node *mapping)
{
        if (mapping->count < 2)
                return 0;
        const struct yaml_node **keys = calloc(mapping->count, sizeof(const struct yaml_node *));
        if (!keys)
                return MESH_ENOMEM;
        size_t count = 0;
        for (const struct yaml_node *n = mapping->first; n; n = n->next)
                keys[count++] = n->key;
        qsort(keys, count, sizeof(const struct yaml_node *), compare_keys);
        for (size_t i = 1; i < count; i++)
                if (strcmp(keys[i - 1]->text, keys[i]->text) == 0)
                        yaml_error(b->yaml, keys[i],
                                   "key `%.64s` stands here twice (also in line %u)", keys[i]->text,
                                   keys[i - 1]->line);
        free(keys);
        return 0;
}

static int on_end(struct builder *b)
{
        if (b->depth == 0)
                return MESH_EINTERNAL;
        const struct yaml_node *node = b->frames[--b->depth].node;
        return node->kind == YAML_MAPPING ? check_duplicates(b, node) : 0;
}

/* libfyaml marks the name behind the `*`. */
static int refuse_alias(struct builder *b, struct fy_event *event)
{
        const struct fy_mark *mark = fy_event_start_mark(event);
        struct fy_mark star = mark ? *mark : (struct fy_mark){ 0 };
        star.column -= star.column > 0;
        return refuse_mark(b, &star, "aliases are not allowed");
}

static int on_event(struct builder *b, struct fy_event *event)
{
        int err;
        switch (event->type) {
        case FYET_DOCUMENT_START:
                if (++b->documents > 1)
                        return refuse_event(b, event, "a second document is not allowed");
                return 0;
        case FYET_ALIAS:
                return refuse_alias(b, event);
        case FYET_SCALAR:
                return on_scalar(b, event);
        case FYET_SEQUENCE_START:
                err = refuse_properties(b, event->sequence_start.anchor, event->sequence_start.tag);
                return err ? err : on_start(b, event, YAML_SEQUENCE);
        case FYET_MAPPING_START:
                err = refuse_properties(b, event->mapping_start.anchor, event->mapping_start.tag);
                return err ? err : on_start(b, event, YAML_MAPPING);
        case FYET_SEQUENCE_END:
        case FYET_MAPPING_END:
                return on_end(b);
        default:
                return 0;
        }
}

/* ---- the parser ---- */

/* libfyaml's own words, at their place. */
static int report_syntax(struct yaml *yaml, struct fy_diag *diag)
{
        void *state = NULL;
        const struct fy_diag_error *error = fy_diag_errors_iterate(diag, &state);
        uint32_t line = error && error->line > 0 ? (uint32_t)error->line : 1;
        uint32_t column = error && error->column > 0 ? (uint32_t)error->column : 1;
        findings_error(yaml->findings, yaml->path, line, column, "%s",
                       error && error->msg ? error->msg : "not valid YAML");
        return MESH_EFORMAT;
}

static int run_events(struct builder *b, struct fy_diag *diag)
{
        for (;;) {
                struct fy_event *event = fy_parser_parse(b->parser);
                if (!event)
                        return report_syntax(b->yaml, diag);
                bool end = event->type == FYET_STREAM_END;
                int err = on_event(b, event);
                fy_parser_event_free(b->parser, event);
                if (err || end)
                        return err;
        }
}

static int build_tree(struct yaml *yaml, const char *text, size_t len)
{
        struct builder b = { .yaml = yaml };
        struct fy_diag_cfg diag_config;
        fy_diag_cfg_default(&diag_config);
        diag_config.fp = NULL;
        diag_config.colorize = false;
        struct fy_diag *diag = fy_diag_create(&diag_config);
        if (!diag)
                return MESH_ENOMEM;
        fy_diag_set_collect_errors(diag, true);
        struct fy_parse_cfg config = { .search_path = "",
                                       .flags = FYPCF_QUIET | FYPCF_DEFAULT_VERSION_1_2 |
                                                FYPCF_JSON_NONE | FYPCF_DISABLE_MMAP_OPT,
                                       .diag = diag };
        int err = MESH_ENOMEM;
        b.parser = fy_parser_create(&config);
        if (b.parser && fy_parser_set_string(b.parser, text, len) == 0)
                err = run_events(&b, diag);
        fy_parser_destroy(b.parser);
        fy_diag_destroy(diag);
        return err;
}

static struct yaml *yaml_new(const char *path, size_t max_bytes, struct findings *findings)
{
        struct yaml *yaml = calloc(1, sizeof(*yaml));
        if (!yaml)
                return NULL;
        yaml->findings = findings;
        yaml->arena = arena_new(max_bytes * TREE_BYTES_PER_BYTE + TREE_BYTES_BASE);
        if (yaml->arena)
                yaml->path = arena_text(yaml->arena, path, strlen(path));
        if (!yaml->path) {
                yaml_free(yaml);
                return NULL;
        }
        return yaml;
}

/* A file of nothing, or of `---` alone, is a mapping without keys. */
static int settle_root(struct yaml *yaml)
{
        if (yaml->root && !yaml_is_null(yaml->root))
                return 0;
        struct yaml_node *empty = arena_alloc(yaml->arena, sizeof(*empty));
        if (!empty)
                return MESH_ENOMEM;
        *empty = (struct yaml_node){ .kind = YAML_MAPPING, .line = 1, .column = 1 };
        yaml->root = empty;
        return 0;
}

int yaml_parse(const char *path, const void *bytes, size_t len, size_t max_bytes,
               struct findings *findings, struct yaml **ret_yaml)
{
        size_t errors = findings->errors;
        struct yaml *yaml = yaml_new(path, max_bytes, findings);
        if (!yaml)
                return MESH_ENOMEM;
        int err = 0;
        if (len > max_bytes) {
                findings_error(findings, path, 0, 0, "larger than %zu bytes", max_bytes);
                err = MESH_ELIMIT;
        }
        if (!err)
                err = yaml_check_bytes(yaml, bytes, len);
        if (!err && len > 0)
                err = build_tree(yaml, bytes, len);
        if (!err)
                err = settle_root(yaml);
        if (!err && findings->errors > errors)
                err = MESH_EFORMAT;
        if (err) {
                yaml_free(yaml);
                return err;
        }
        *ret_yaml = yaml;
        return 0;
}

void yaml_free(struct yaml *yaml)
{
        if (!yaml)
                return;
        arena_free(yaml->arena);
        free(yaml);
}
