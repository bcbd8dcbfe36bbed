/* Results for people (tables, relative times) and for scripts (JSON).
 *
 * Results go to standard output, messages to standard error. JSON objects carry "schema": 1 and
 * grow only by adding. */
#pragma once
#include <jansson.h>
#include <protobuf-c/protobuf-c.h>
#include <stdint.h>

#include "common/addr.h"
#include "meshctl/verb.h"
#include "mesh/v1/types.pb-c.h"

enum { OUTPUT_TEXT_MAX = 160 };

/* Prints OBJECT with "schema": 1 as its first member; takes it. */
void output_json(json_t *object);

/* Prints an error: a line on standard error or, with --json, an object with "error" and, if REASON
 * is not empty, "reason" on standard output. Returns CODE. */
int output_error(const struct invocation *in, int code, const char *reason, const char *format, ...)
        __attribute__((format(printf, 4, 5)));

struct output_table; /* opaque */

/* Columns end with NULL. Returns owned; NULL when out of memory. */
struct output_table *output_table_new(const char *const *columns);

/* One row; a cell per column, copied; NULL counts as "-". TABLE may be NULL. */
void output_table_row(struct output_table *table, const char *const *cells);

/* Prints and frees. */
void output_table_print(struct output_table *table);

/* "3s", "12m", "4h", "9d" since or until a Unix time in ms; "never" for 0. Returns OUT. */
const char *output_relative(uint64_t unix_ms, char out[static OUTPUT_TEXT_MAX]);

/* A Unix time as "2026-11-21T02:45:00Z" (RFC 3339); json null for 0. */
json_t *output_json_time(uint64_t unix_ms);

/* Lower-case hex, at most BYTES_MAX bytes of the field (0: all). */
const char *output_hex(const ProtobufCBinaryData *field, size_t bytes_max,
                       char out[static OUTPUT_TEXT_MAX]);
json_t *output_json_hex(const ProtobufCBinaryData *field);

/* WireGuard's own text form of a key: base64. */
json_t *output_json_key(const ProtobufCBinaryData *field);

/* Overlay addresses without their length, comma-separated; at most what fits. */
const char *output_addresses(Mesh__V1__Prefix *const *prefixes, size_t count,
                             char out[static OUTPUT_TEXT_MAX]);
json_t *output_json_prefixes(Mesh__V1__Prefix *const *prefixes, size_t count, bool with_length);

/* "192.0.2.1:51820", "-" for none; and a list of them. */
const char *output_endpoint(const Mesh__V1__Endpoint *endpoint, char out[static OUTPUT_TEXT_MAX]);

/* The same as an array of texts. */
json_t *output_json_endpoints(Mesh__V1__Endpoint *const *endpoints, size_t count);
