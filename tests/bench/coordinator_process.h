/* A real mesh-coordinator for a benchmark: started, asked by meshctl, measured from /proc, ended.
 *
 * $MESH_BIN has the programs. Everything lies in one temporary directory. */
#pragma once
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <netinet/in.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/addr.h"
#include "tests/bench/bench.h"
#include "tests/support/capture.h"
#include "tests/support/temp_dir.h"

struct coordinator_process {
        char dir[TEMP_DIR_MAX];
        char program[PATH_MAX], meshctl[PATH_MAX], config[PATH_MAX], socket[PATH_MAX];
        struct ip_endpoint address;
        pid_t pid;
};

static inline void coordinator_write(const struct coordinator_process *c, const char *name,
                                     const char *text, char out[static PATH_MAX])
{
        (void)snprintf(out, PATH_MAX, "%s/%s", c->dir, name);
        FILE *file = fopen(out, "w");
        assert_non_null(file);
        assert_true(fputs(text, file) >= 0);
        assert_int_equal(fclose(file), 0);
}

/* A port that is free now. */
static inline uint16_t coordinator_free_port(void)
{
        struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001) };
        socklen_t len = sizeof(at);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(fd, (struct sockaddr *)&at, len), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
        close(fd);
        return ntohs(at.sin_port);
}

static inline void coordinator_init(struct coordinator_process *c)
{
        char text[3 * PATH_MAX];
        const char *bin = getenv("MESH_BIN");
        memset(c, 0, sizeof(*c));
        temp_dir_make(c->dir);
        (void)snprintf(c->program, PATH_MAX, "%s/mesh-coordinator", bin ? bin : "build/bin");
        (void)snprintf(c->meshctl, PATH_MAX, "%s/meshctl", bin ? bin : "build/bin");
        (void)snprintf(c->socket, PATH_MAX, "%s/admin.sock", c->dir);
        c->address = (struct ip_endpoint){ .addr = { .len = 4, .bytes = { 127, 0, 0, 1 } },
                                           .port = coordinator_free_port() };
        (void)snprintf(text, sizeof(text),
                       "state_dir: %s/state\nsocket: %s\nlisten: \"127.0.0.1:%u\"\n"
                       "public_name: 127.0.0.1:%u\nipv4: 100.64.0.0/16\nlog_level: warning\n",
                       c->dir, c->socket, c->address.port, c->address.port);
        coordinator_write(c, "coordinator.yaml", text, c->config);
}

/* Runs meshctl with up to three words; returns what it printed (owned). */
static inline char *coordinator_ctl(const struct coordinator_process *c, int *ret_code,
                                    const char *const words[])
{
        const char *argv[16] = { c->meshctl };
        size_t count = 1;
        for (; *words && count < 13; words++)
                argv[count++] = *words;
        argv[count++] = "--coordinator-socket";
        argv[count++] = c->socket;
        return capture(argv, ret_code);
}

static inline void coordinator_start(struct coordinator_process *c)
{
        char log[PATH_MAX];
        int code = 1;
        (void)snprintf(log, sizeof(log), "%s/log", c->dir);
        c->pid = fork();
        assert_true(c->pid >= 0);
        if (c->pid == 0) {
                int fd = open(log, O_CREAT | O_WRONLY | O_APPEND, 0600);
                if (fd >= 0 && dup2(fd, 2) == 2 && dup2(fd, 1) == 1)
                        execl(c->program, c->program, "--config", c->config, (char *)NULL);
                _exit(127);
        }
        for (int i = 0; i < 500 && code != 0; i++) {
                struct timespec pause = { .tv_nsec = 10000000 };
                if (access(c->socket, F_OK) == 0)
                        free(coordinator_ctl(c, &code, (const char *const[]){ "health", NULL }));
                if (code)
                        nanosleep(&pause, NULL);
        }
        assert_int_equal(code, 0);
}

/* Ends it: ask, then look until it is gone (there may be members to serve meanwhile). */
static inline void coordinator_ask_to_stop(const struct coordinator_process *c)
{
        assert_int_equal(kill(c->pid, SIGTERM), 0);
}

static inline bool coordinator_is_gone(const struct coordinator_process *c)
{
        int status = -1;
        pid_t pid = waitpid(c->pid, &status, WNOHANG);
        assert_true(pid == 0 || (pid == c->pid && status == 0));
        return pid != 0;
}

static inline void coordinator_done(struct coordinator_process *c)
{
        temp_dir_remove(c->dir);
}

/* ---- measuring ---- */

/* Seconds of CPU so far, of all threads. */
static inline double coordinator_cpu_s(const struct coordinator_process *c)
{
        char path[PATH_MAX];
        double sum = 0;
        (void)snprintf(path, sizeof(path), "/proc/%d/task", (int)c->pid);
        DIR *dir = opendir(path);
        assert_non_null(dir);
        for (struct dirent *entry; (entry = readdir(dir));) {
                double ns = 0;
                (void)snprintf(path, sizeof(path), "/proc/%d/task/%s/schedstat", (int)c->pid,
                               entry->d_name);
                FILE *file = entry->d_name[0] == '.' ? NULL : fopen(path, "r");
                if (!file)
                        continue;
                assert_int_equal(fscanf(file, "%lf", &ns), 1);
                (void)fclose(file);
                sum += ns / 1e9;
        }
        closedir(dir);
        return sum;
}

/* KiB of a line of /proc/PID/FILE, as "Private_Dirty:" of smaps_rollup. */
static inline double coordinator_kib(const struct coordinator_process *c, const char *name,
                                     const char *key)
{
        char path[PATH_MAX], line[256];
        double kib = -1;
        (void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)c->pid, name);
        FILE *file = fopen(path, "r");
        assert_non_null(file);
        while (kib < 0 && fgets(line, sizeof(line), file))
                if (strncmp(line, key, strlen(key)) == 0)
                        kib = strtod(line + strlen(key), NULL);
        (void)fclose(file);
        assert_true(kib >= 0);
        return kib;
}
