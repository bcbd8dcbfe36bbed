/* What an enrolment asks for, and the texts of its refusals.
 *
 * For enroll.c: the wishes are made once, the sealed request anew for each connection. No I/O but
 * the reading of host facts. */
#pragma once
#include <stddef.h>

#include "agent/state/keyring.h"
#include "common/label.h"
#include "agent/session/host_facts.h"
#include "proto/enroll.h"

struct enroll_wishes {
        char name[LABEL_MAX + 1];
        char **tags; /* owned */
        size_t tag_count;
        struct host_facts facts;
};

/* NAME may be NULL or "": from the host's name. TAGS are copied. MESH_ENOMEM. */
int enroll_wishes_init(struct enroll_wishes *wishes, const char *name, char *const *tags,
                       size_t tag_count);
void enroll_wishes_done(struct enroll_wishes *wishes);

/* Appends the EnrollRequest. Errors of enroll_request_make. */
int enroll_wishes_request(const struct enroll_wishes *wishes, const struct setup_key *key,
                          const struct keyring *keys, struct buffer *ret_request,
                          struct enroll_pending *ret_pending);

/* A message that names the cure for a refusal with that reason (may be NULL); TEXT is what the
 * coordinator said. Static or TEXT. */
const char *enroll_refusal_text(const char *reason, const char *text);

/* The same for a setup key that setup_key_parse refused with ERR. */
const char *enroll_mistyped_text(int err);
