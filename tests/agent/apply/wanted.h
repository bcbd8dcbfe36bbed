/* What the tests of agent/apply share: a wanted interface in a few words, and small readers. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "agent/apply/apply.h"
#include "tests/support/capture.h"

#define RUN(...)     free(capture((const char *const[]){ __VA_ARGS__, NULL }, NULL))
#define CAPTURE(...) capture((const char *const[]){ __VA_ARGS__, NULL }, NULL)

struct wanted {
        struct apply_desired desired;
        struct wg_device device; /* owned */
        struct ip_addr addresses[2];
        struct ip_prefix routes[2];
};

static inline struct ip_prefix prefix(const char *text)
{
        struct ip_prefix parsed;
        assert_int_equal(ip_prefix_parse(text, &parsed), 0);
        return parsed;
}

static inline void public_of(uint8_t seed, uint8_t ret_key[static WG_KEY_BYTES])
{
        uint8_t private_key[WG_KEY_BYTES];
        memset(private_key, seed, sizeof(private_key));
        crypto_scalarmult_base(ret_key, private_key);
}

/* Host number N of the mesh: key N, addresses 100.70.0.N and fd70::N. */
static inline void wanted_init(struct wanted *w, const char *ifname, uint8_t n)
{
        char text[IP_TEXT_MAX];
        *w = (struct wanted){ .device.listen_port = (uint16_t)(51820 + n) };
        memset(w->device.private_key, n, WG_KEY_BYTES);
        snprintf(text, sizeof(text), "100.70.0.%u", n);
        assert_int_equal(ip_addr_parse(text, &w->addresses[0]), 0);
        snprintf(text, sizeof(text), "fd70::%x", n);
        assert_int_equal(ip_addr_parse(text, &w->addresses[1]), 0);
        w->routes[0] = prefix("100.70.0.9/16"); /* host bits: cleared by the product */
        w->routes[1] = prefix("fd70::/48");
        w->desired = (struct apply_desired){ .ifname = ifname,
                                             .addresses = w->addresses,
                                             .address_count = 2,
                                             .routes = w->routes,
                                             .route_count = 2 };
}

static inline struct wg_peer *wanted_add_peer(struct wanted *w, uint8_t n, const char *endpoint)
{
        uint8_t key[WG_KEY_BYTES];
        char text[IP_TEXT_MAX];
        public_of(n, key);
        struct wg_peer *peer = wg_device_add_peer(&w->device, key);
        assert_non_null(peer);
        snprintf(text, sizeof(text), "100.70.0.%u/32", n);
        assert_int_equal(wg_peer_add_allowed(peer, prefix(text)), 0);
        snprintf(text, sizeof(text), "fd70::%x/128", n);
        assert_int_equal(wg_peer_add_allowed(peer, prefix(text)), 0);
        if (endpoint)
                assert_int_equal(ip_endpoint_parse(endpoint, &peer->endpoint), 0);
        return peer;
}

static inline int wanted_apply(struct wanted *w, struct apply_result *result)
{
        w->desired.device = w->device;
        int err = apply_reconcile(&w->desired, result);
        if (err)
                print_message("apply: %s\n", result->text);
        return err;
}

static inline size_t wanted_changes(struct wanted *w)
{
        struct apply_result result;
        assert_int_equal(wanted_apply(w, &result), 0);
        return result.changes;
}

static inline size_t count_lines(char *text)
{
        size_t lines = 0;
        for (const char *at = text; (at = strchr(at, '\n')); at++)
                lines++;
        free(text);
        return lines;
}

static inline bool link_exists(const char *name)
{
        int code;
        free(capture((const char *const[]){ "ip", "-br", "link", "show", "dev", name, NULL },
                     &code));
        return code == 0;
}
