/* Bounded YAML 1.2 reader for files that people write: policies and the daemons' configs.
 *
 * Text in, a small tree out, every node with its place. Strict: duplicate keys, anchors, aliases,
 * tags, a second document, NUL bytes, invalid UTF-8 and depth over YAML_DEPTH_MAX are findings.
 * JSON is accepted as it is a subset. Reading a mapping by a table of fields (yaml_read) refuses
 * unknown keys and names the nearest. Not a writer, and no schema-less conversion: a scalar is its
 * text, and becomes a number or a bool only when a field asks for one. YAML 1.2.2. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/findings.h"

enum {
        YAML_DEPTH_MAX = 32,
        YAML_BYTES_MAX = 1 << 20, /* the usual cap of an input */
};

enum yaml_kind { YAML_SCALAR, YAML_SEQUENCE, YAML_MAPPING };

struct yaml_node {
        enum yaml_kind kind;
        bool plain;                    /* scalar without quotes */
        uint32_t line, column;         /* where it begins, from 1 */
        const char *text;              /* scalar: NUL-terminated, no NUL inside; else NULL */
        const struct yaml_node *key;   /* of a mapping's value: its key, a scalar */
        const struct yaml_node *first; /* sequence, mapping: the first item or value */
        const struct yaml_node *next;  /* the next one beside this */
        size_t count;                  /* items or pairs */
};

struct yaml; /* one parsed file; owns its nodes */

/* Parses LEN bytes. Findings go to FINDINGS under PATH (copied); both FINDINGS and what is read
 * later by the functions below share that list, which must outlive the result. An empty file is an
 * empty mapping. Returns owned; MESH_EFORMAT (with a finding), MESH_ELIMIT over MAX_BYTES or for
 * brackets without end (with a finding), MESH_ENOMEM. */
int yaml_parse(const char *path, const void *bytes, size_t len, size_t max_bytes,
               struct findings *findings, struct yaml **ret_yaml);

/* Frees the file and all its nodes and texts; NULL is allowed. */
void yaml_free(struct yaml *yaml);

/* The document's node, borrowed. */
const struct yaml_node *yaml_root(const struct yaml *yaml);

/* The path given to yaml_parse, borrowed. */
const char *yaml_path(const struct yaml *yaml);

/* The value of KEY in a mapping, borrowed; NULL if it is absent or NODE is no mapping. */
const struct yaml_node *yaml_get(const struct yaml_node *node, const char *key);

/* Whether NODE is a plain empty scalar, `~` or `null`. */
bool yaml_is_null(const struct yaml_node *node);

/* Adds a finding at NODE. */
void yaml_error(struct yaml *yaml, const struct yaml_node *node, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
void yaml_warning(struct yaml *yaml, const struct yaml_node *node, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/* ---- reading a mapping by a table ---- */

enum yaml_type {
        YAML_TEXT,     /* const char *, not empty, borrowed from the file */
        YAML_BOOL,     /* bool: true, false */
        YAML_UNSIGNED, /* uint64_t between min and max */
        YAML_DURATION, /* uint64_t in ms, between min and max (in ms): 90s, 2m, 24h, 30d */
        YAML_ADDR,     /* struct ip_addr */
        YAML_PREFIX,   /* struct ip_prefix, without host bits */
        YAML_ENDPOINT, /* struct ip_endpoint, with a port that is not 0 */
        YAML_WORD,     /* uint64_t: the place in `words` */
        YAML_FIELDS,   /* a struct, by the nested table `fields` */
        YAML_NODE,     /* const struct yaml_node *: for the caller to read, of any kind */
};

/* Items of a list field: an array of the type's C type. */
struct yaml_list {
        const void *items; /* borrowed from the file */
        size_t count;
};

/* One key of a mapping. A table ends with an entry whose name is NULL. */
struct yaml_field {
        const char *name;
        enum yaml_type type;
        size_t offset; /* in the target: of the C type above, or of struct yaml_list */
        bool required;
        bool list;                /* a sequence of the type; not for YAML_FIELDS and YAML_NODE */
        uint64_t min, max;        /* numbers and durations; max 0: no limit */
        const char *const *words; /* YAML_WORD: ends with NULL */
        const struct yaml_field *fields; /* YAML_FIELDS */
};

/* Reads mapping NODE into TARGET by a table. What is absent is left as it was (the defaults); what
 * is wrong is a finding: unknown or missing key, wrong kind, value out of range. A null value is a
 * finding too. Returns 0, MESH_EFORMAT if it added an error, MESH_ENOMEM. */
int yaml_read(struct yaml *yaml, const struct yaml_node *node, const struct yaml_field *fields,
              void *target);

/* Reads one scalar by a field's type (its name and offset do not matter) to RET. As above. */
int yaml_read_value(struct yaml *yaml, const struct yaml_node *node, const struct yaml_field *field,
                    void *ret);

/* Memory that lives as long as YAML, zeroed; NULL when out of memory. */
void *yaml_alloc(struct yaml *yaml, size_t len);
