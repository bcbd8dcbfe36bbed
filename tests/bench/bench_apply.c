/* A2 of 10-performance.md: configuring 1,000 peers, beside `wg setconf` of the same.
 *
 * Ours is everything apply_reconcile does: open, read, difference, write, link up, read back. The
 * reference is the wg program less its bare start (`wg --version`), so that no process start
 * flatters us. Rounds alternate; medians. Runs on whichever WireGuard the machine has; the target
 * is for the kernel's: netns-tests/vm/run --kernel 6.1 -- .../bench_apply */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>

#include "agent/apply/apply.h"
#include "tests/support/capture.h"
#include "tests/support/netns.h"

enum { PEERS = 1000, ROUNDS = 9 };

static const char config_path[] = "/run/bench.conf";

static double now_s(void)
{
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int compare_doubles(const void *a, const void *b)
{
        const double *x = a, *y = b;
        return (*x > *y) - (*x < *y);
}

static double median(double *values)
{
        qsort(values, ROUNDS, sizeof(*values), compare_doubles);
        return values[ROUNDS / 2];
}

static void add_peers(struct wg_device *device)
{
        memset(device->private_key, 5, WG_KEY_BYTES);
        device->listen_port = 51820;
        for (uint32_t n = 0; n < PEERS; n++) {
                uint8_t key[WG_KEY_BYTES] = { 9, (uint8_t)n, (uint8_t)(n >> 8) };
                struct wg_peer *peer = wg_device_add_peer(device, key);
                assert_non_null(peer);
                struct ip_prefix v4 = { { 4, { 100, 70, key[2], key[1] } }, 32 };
                struct ip_prefix v6 = { { 16, { 0xfd, 0x70, key[2], key[1] } }, 128 };
                assert_int_equal(wg_peer_add_allowed(peer, v4), 0);
                assert_int_equal(wg_peer_add_allowed(peer, v6), 0);
                assert_int_equal(ip_endpoint_parse("192.0.2.2:51820", &peer->endpoint), 0);
        }
}

/* The reference's configuration is what was really set, as wg itself writes it. */
static void config_write(const char *ifname)
{
        char *text = capture((const char *const[]){ "wg", "showconf", ifname, NULL }, NULL);
        int fd = open(config_path, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
        close(fd);
        free(text);
}

static double run_program(const char *const argv[])
{
        double began = now_s();
        free(capture(argv, NULL));
        return now_s() - began;
}

int main(void)
{
        if (sodium_init() < 0 || !netns_private()) {
                printf("SKIP bench_apply: needs root for namespaces of its own\n");
                return 0;
        }
        struct apply_desired desired = { .ifname = "wgbench" };
        add_peers(&desired.device);
        struct apply_desired empty = desired;
        empty.device.peers = NULL;
        empty.device.peer_count = 0;
        struct apply_result result = { 0 };
        double ours[ROUNDS], again[ROUNDS], reference[ROUNDS];
        for (size_t i = 0; i < ROUNDS; i++) {
                assert_int_equal(apply_reconcile(&empty, &result), 0);
                double began = now_s();
                assert_int_equal(apply_reconcile(&desired, &result), 0);
                ours[i] = now_s() - began;
                assert_int_equal(result.peers_added, PEERS);
                began = now_s();
                assert_int_equal(apply_reconcile(&desired, &result), 0);
                again[i] = now_s() - began;
                assert_int_equal(result.changes, 0);
                config_write(desired.ifname);
                assert_int_equal(apply_reconcile(&empty, &result), 0);
                reference[i] = run_program((const char *const[]){ "wg", "setconf", desired.ifname,
                                                                  config_path, NULL }) -
                               run_program((const char *const[]){ "wg", "--version", NULL });
        }
        double ours_ms = median(ours) * 1e3, reference_ms = median(reference) * 1e3;
        printf("BENCH apply_1000_peers_%s %.2f ms ref=wg-setconf ref_value=%.2f ratio=%.2f\n",
               result.backend, ours_ms, reference_ms, ours_ms / reference_ms);
        double again_ms = median(again) * 1e3;
        printf("BENCH apply_1000_peers_unchanged_%s %.2f ms ref=wg-setconf ref_value=%.2f "
               "ratio=%.2f\n",
               result.backend, again_ms, reference_ms, again_ms / reference_ms);
        wg_device_done(&desired.device);
        return apply_remove(desired.ifname, NULL, NULL) ? 1 : 0;
}
