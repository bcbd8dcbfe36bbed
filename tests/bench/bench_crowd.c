/* C1, C2, C3 and C6 of 10-performance.md over real sockets: a crowd of agents in this process
 * against a real mesh-coordinator.
 *
 * bench_crowd [MEMBERS...], default 1000; 10000 stops at reconnecting, docs/status.md. The
 * coordinator's CPU and memory are read from /proc; beside them stand bare OpenSSL and libsodium,
 * measured in the same run. A few members are servers that all the others see, so a change of one
 * of them is told to everybody. */
#include <sched.h>
#include <sys/resource.h>

#include "tests/bench/bare_tls.h"
#include "tests/bench/crowd.h"

enum {
        SERVERS = 4,
        ENROLLING_AT_ONCE = 128,
        CONNECTING_AT_ONCE = 128,
        CHANGES = 7,
        SYNCS = 400,
        LIMIT_S = 300,
};

static const char policy[] =
        "version: 1\nallow:\n  - { from: all, to: \"tag:server\", ports: [tcp/22, icmp] }\n";

struct bench {
        struct coordinator_process coordinator;
        struct crowd crowd;
        struct bare_tls bare;
        double empty_kib;  /* the coordinator's memory without members */
        double idle_share; /* its CPU per second when all are connected */
};

static void print(const struct bench *b, const char *name, double value, const char *unit,
                  const char *ref, double ref_value)
{
        char label[64];
        (void)snprintf(label, sizeof(label), "%s_%zu", name, b->crowd.count);
        bench_print(label, value, unit, ref, ref_value);
}

static double memory_kib(const struct bench *b)
{
        return coordinator_kib(&b->coordinator, "smaps_rollup", "Private_Dirty:");
}

/* ---- enrolling ---- */

/* Writes per second that the disk makes durable one by one. */
static double durable_writes(const struct coordinator_process *c)
{
        char path[PATH_MAX], block[4096] = { 0 };
        (void)snprintf(path, sizeof(path), "%s/sync", c->dir);
        int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        double began = 0;
        for (int i = -1; i < SYNCS; i++) {
                assert_int_equal(pwrite(fd, block, sizeof(block), 0), sizeof(block));
                assert_int_equal(fdatasync(fd), 0);
                if (i < 0)
                        began = bench_now_s();
        }
        close(fd);
        return SYNCS / (bench_now_s() - began);
}

static void make_key(struct bench *b, const char *tag)
{
        const char *plain[] = { "setup-key", "create", "--reusable", NULL };
        const char *tagged[] = { "setup-key", "create", "--reusable", "--tag", tag, NULL };
        char *text = coordinator_ctl(&b->coordinator, NULL, tag ? tagged : plain);
        const char *key = strstr(text, "mesh-");
        assert_non_null(key);
        assert_int_equal(setup_key_parse(key, strcspn(key, " \n"), &b->crowd.key), 0);
        free(text);
}

static void enroll(struct bench *b, size_t first, size_t end, char *tag)
{
        struct crowd *crowd = &b->crowd;
        make_key(b, tag);
        assert_int_equal(enroll_wishes_init(&crowd->wishes, NULL, &tag, tag ? 1 : 0), 0);
        for (size_t i = first; i < end; i++) {
                while (crowd->enrolling >= ENROLLING_AT_ONCE)
                        uv_run(&crowd->loop, UV_RUN_ONCE);
                crowd_enroll(&crowd->agents[i]);
        }
        crowd_until(crowd, &crowd->enrolled, end, LIMIT_S, "enrolled");
        enroll_wishes_done(&crowd->wishes);
}

static void bench_enroll(struct bench *b)
{
        char tag[] = "server";
        size_t count = b->crowd.count - SERVERS;
        enroll(b, 0, SERVERS, tag);
        double syncs = durable_writes(&b->coordinator);
        double began = bench_now_s(), cpu = coordinator_cpu_s(&b->coordinator);
        enroll(b, SERVERS, b->crowd.count, NULL);
        double seconds = bench_now_s() - began;
        cpu = (coordinator_cpu_s(&b->coordinator) - cpu) / (double)count;
        print(b, "enroll_rate", (double)count / seconds, "/s", "fdatasync", syncs);
        print(b, "enroll_cpu", cpu * 1e6, "us", "TLS_handshake", b->bare.handshake_s * 1e6);
}

/* ---- connecting ---- */

static void bench_connect(struct bench *b)
{
        struct crowd *crowd = &b->crowd;
        double cpu = coordinator_cpu_s(&b->coordinator);
        for (size_t i = 0; i < crowd->count; i++) {
                while (i - crowd->connected >= CONNECTING_AT_ONCE)
                        uv_run(&crowd->loop, UV_RUN_ONCE);
                session_start(crowd->agents[i].session, crowd_now_ms());
        }
        crowd_until(crowd, &crowd->snapshots, crowd->count, LIMIT_S, "snapshots");
        cpu = (coordinator_cpu_s(&b->coordinator) - cpu) / (double)crowd->count;
        print(b, "C2_connect", cpu * 1e6, "us", "TLS_handshake", b->bare.handshake_s * 1e6);
}

static void bench_memory(struct bench *b)
{
        double began = bench_now_s();
        crowd_wait(&b->crowd, 1);
        double cpu = coordinator_cpu_s(&b->coordinator);
        crowd_wait(&b->crowd, 11); /* a heartbeat goes both ways on each stream */
        b->idle_share = (coordinator_cpu_s(&b->coordinator) - cpu) / (bench_now_s() - began - 1);
        double each = (memory_kib(b) - b->empty_kib) / (double)b->crowd.count;
        print(b, "C1_memory", each, "KiB/member", "target", 32);
        print(b, "idle_cpu", b->idle_share * 1e6 / (double)b->crowd.count, "us/s/member",
              "seal+SSL_write", bare_send(&b->bare, 100) * 1e6);
}

/* ---- one change for everybody ---- */

/* The first server has another endpoint; returns the seconds until the last member knew. */
static double change(struct bench *b, uint16_t port)
{
        uint8_t address[] = { 192, 0, 2, 1 };
        struct crowd *crowd = &b->crowd;
        struct arena *arena = arena_new(65536);
        struct ip_endpoint endpoint = { .addr = { .len = 4 }, .port = port };
        memcpy(endpoint.addr.bytes, address, sizeof(address));
        Mesh__V1__Report report = MESH__V1__REPORT__INIT;
        Mesh__V1__AgentMessage message = MESH__V1__AGENT_MESSAGE__INIT;
        report.endpoints = endpoints_to_message(&endpoint, 1, arena);
        report.n_endpoints = 1;
        message.body_case = MESH__V1__AGENT_MESSAGE__BODY_REPORT;
        message.report = &report;
        crowd->deltas = 0;
        double began = bench_now_s();
        assert_int_equal(session_send(crowd->agents[0].session, &message), 0);
        arena_free(arena);
        crowd_until(crowd, &crowd->deltas, crowd->count, LIMIT_S, "told of a change");
        return crowd->last_delta_s - began;
}

static void bench_change(struct bench *b)
{
        double wall[CHANGES], cpu[CHANGES], reference[CHANGES];
        for (uint16_t i = 0; i < CHANGES; i++) {
                double began = bench_now_s(), spent = coordinator_cpu_s(&b->coordinator);
                wall[i] = change(b, (uint16_t)(1000 + i)) * 1e3;
                spent = coordinator_cpu_s(&b->coordinator) - spent;
                spent -= b->idle_share * (bench_now_s() - began);
                cpu[i] = spent * 1e6 / (double)b->crowd.count;
                reference[i] = bare_send(&b->bare, b->crowd.delta_bytes) * 1e6;
        }
        print(b, "C3_change", bench_median(cpu, CHANGES), "us/member", "seal+SSL_write",
              bench_median(reference, CHANGES));
        print(b, "change_reaches_all", bench_median(wall, CHANGES), "ms", "target", 1000);
}

/* ---- a restart under everybody ---- */

static void bench_restart(struct bench *b)
{
        struct crowd *crowd = &b->crowd;
        double steady = coordinator_kib(&b->coordinator, "status", "VmRSS:");
        coordinator_ask_to_stop(&b->coordinator);
        while (!coordinator_is_gone(&b->coordinator))
                uv_run(&crowd->loop, UV_RUN_ONCE);
        crowd->snapshots = crowd->resumed = 0;
        coordinator_start(&b->coordinator);
        double began = bench_now_s();
        crowd_until(crowd, &crowd->connected, crowd->count, LIMIT_S, "connected again");
        double seconds = bench_now_s() - began;
        crowd_wait(crowd, 1);
        assert_int_equal(crowd->snapshots, 0);
        assert_int_equal(crowd->resumed, crowd->count);
        print(b, "C6_reconnect", seconds, "s", "target", 30);
        print(b, "C6_peak", coordinator_kib(&b->coordinator, "status", "VmHWM:") / 1024, "MiB",
              "steady", steady / 1024);
}

/* ---- all of it ---- */

static void restart_idle(struct bench *b)
{
        coordinator_ask_to_stop(&b->coordinator);
        while (!coordinator_is_gone(&b->coordinator))
                uv_run(&b->crowd.loop, UV_RUN_ONCE);
        coordinator_start(&b->coordinator);
}

static void bench_members(size_t count)
{
        static struct bench b;
        char path[PATH_MAX];
        coordinator_init(&b.coordinator);
        coordinator_start(&b.coordinator);
        b.empty_kib = memory_kib(&b);
        coordinator_write(&b.coordinator, "policy.yaml", policy, path);
        free(coordinator_ctl(&b.coordinator, NULL, (const char *[]){ "policy", "apply", path, 0 }));
        crowd_init(&b.crowd, count, &b.coordinator.address);
        bare_init(&b.bare);
        bench_enroll(&b);
        restart_idle(&b); /* what enrolling left in the heap is not a member's */
        bench_connect(&b);
        bench_memory(&b);
        bench_change(&b);
        bench_restart(&b);
        crowd_done(&b.crowd);
        bare_done(&b.bare);
        coordinator_ask_to_stop(&b.coordinator);
        while (!coordinator_is_gone(&b.coordinator))
                (void)sched_yield();
        coordinator_done(&b.coordinator);
}

int main(int argc, char **argv)
{
        const size_t sizes[] = { 1000 };
        struct rlimit files;
        if (sodium_init() < 0 || getrlimit(RLIMIT_NOFILE, &files))
                return 1;
        files.rlim_cur = files.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &files))
                return 1;
        signal(SIGPIPE, SIG_IGN);
        for (int i = 1; i < argc; i++)
                bench_members(strtoul(argv[i], NULL, 10));
        for (size_t i = 0; argc == 1 && i < sizeof(sizes) / sizeof(sizes[0]); i++)
                bench_members(sizes[i]);
        return 0;
}
