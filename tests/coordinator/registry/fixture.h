/* A registry over a real store file, driven step by step: no thread, a clock in the test's hands.
 */
#pragma once
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/error.h"
#include "coordinator/netmap/netmap.h"
#include "coordinator/registry/registry.h"
#include "tests/support/seeded_env.h"
#include "tests/support/unit.h"

struct fixture {
        char dir[64], path[96];
        struct seeded_env env;
        struct netmap *nm;
        struct registry *r;
        struct ip_prefix ipv4; /* for the first start; zeroed: chosen */
};

static inline void fixture_ignore(void *user, void *stream_user)
{
        (void)user;
        (void)stream_user;
}

static inline int fixture_open(struct fixture *f)
{
        struct netmap_callbacks callbacks = { fixture_ignore, fixture_ignore, NULL };
        assert_int_equal(netmap_new(&callbacks, &f->nm), 0);
        struct registry_options options = {
                .path = f->path, .env = &f->env.env, .netmap = f->nm, .ipv4 = f->ipv4
        };
        char detail[REGISTRY_DETAIL_MAX];
        int err = registry_open(&options, detail, &f->r);
        if (err) {
                f->r = NULL;
                netmap_free(f->nm);
                f->nm = NULL;
        }
        return err;
}

static inline void fixture_close(struct fixture *f)
{
        registry_close(f->r);
        netmap_free(f->nm);
        f->r = NULL;
        f->nm = NULL;
}

static inline void fixture_reopen(struct fixture *f)
{
        fixture_close(f);
        assert_int_equal(fixture_open(f), 0);
}

static inline int fixture_setup(void **state)
{
        struct fixture *f = calloc(1, sizeof(*f));
        seeded_env_init(&f->env, 11);
        snprintf(f->dir, sizeof(f->dir), "/tmp/mesh-registry-XXXXXX");
        assert_non_null(mkdtemp(f->dir));
        snprintf(f->path, sizeof(f->path), "%s/mesh.db", f->dir);
        assert_int_equal(fixture_open(f), 0);
        *state = f;
        return 0;
}

static inline int fixture_teardown(void **state)
{
        struct fixture *f = *state;
        char path[128];
        fixture_close(f);
        unlink(f->path);
        snprintf(path, sizeof(path), "%s-wal", f->path);
        unlink(path);
        rmdir(f->dir);
        free(f);
        return 0;
}

/* ---- calls ---- */

struct result {
        struct registry_call call;
        int done; /* how often */
};

static inline void result_done(struct registry_call *call)
{
        ((struct result *)call->user)->done++;
}

static inline void result_init(struct result *result)
{
        *result = (struct result){ .call = { .done = result_done, .actor = "root" } };
        result->call.user = result;
}

/* Runs until the call has ended, which takes exactly one commit; its outcome. */
static inline enum registry_outcome result_wait(struct fixture *f, struct result *result)
{
        assert_int_equal(result->done, 0); /* never from inside the request */
        registry_run(f->r);
        assert_int_equal(result->done, 1);
        return result->call.outcome;
}

/* ---- things ---- */

static inline struct registry_claim claim_of(uint8_t who, const uint8_t *key_id, const char *name)
{
        struct registry_claim claim = { .wanted_name = name };
        memcpy(claim.setup_key_id, key_id, SETUP_KEY_ID_BYTES);
        memset(claim.identity, who, KEY_BYTES);
        memset(claim.wireguard_key, who ^ 0x80, KEY_BYTES);
        snprintf(claim.facts.hostname, sizeof(claim.facts.hostname), "fallback");
        return claim;
}

static inline enum registry_outcome enroll(struct fixture *f, const struct registry_claim *claim,
                                           struct result *result)
{
        result_init(result);
        registry_enroll(f->r, claim, &result->call);
        return result_wait(f, result);
}

/* Makes a key; its id goes to RET_ID. */
static inline void make_key(struct fixture *f, const struct setup_key_request *request,
                            uint8_t ret_id[static SETUP_KEY_ID_BYTES])
{
        struct result result;
        uint8_t seed[KEY_BYTES];
        result_init(&result);
        registry_create_setup_key(f->r, request, seed, &result.call);
        assert_int_equal(result_wait(f, &result), REGISTRY_OK);
        memcpy(ret_id, result.call.setup_key_id, SETUP_KEY_ID_BYTES);
}

static inline void make_reusable_key(struct fixture *f, uint8_t ret_id[static SETUP_KEY_ID_BYTES])
{
        struct setup_key_request request = { .reusable = true };
        make_key(f, &request, ret_id);
}

/* Enrols WHO under NAME with a key of its own kind; the member it became. */
static inline const struct node *join(struct fixture *f, uint8_t who, const uint8_t *key,
                                      const char *name)
{
        struct result result;
        struct registry_claim claim = claim_of(who, key, name);
        assert_int_equal(enroll(f, &claim, &result), REGISTRY_OK);
        const struct node *node = registry_find_node(f->r, result.call.node_id);
        assert_non_null(node);
        return node;
}

static inline enum registry_outcome apply_policy(struct fixture *f, const char *text)
{
        struct result result;
        struct findings findings = { 0 };
        struct policy_file file = { .path = "p.yaml", .bytes = text, .len = strlen(text) };
        result_init(&result);
        registry_apply_policy(f->r, &file, 1, "tester", "", &findings, &result.call);
        findings_done(&findings);
        return result_wait(f, &result);
}
