/* Starting a program and waiting for it; see the header. */
#include "agent/apply/wg_spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/apply/reason.h"
#include "common/error.h"

enum { WORDS_MAX = 4096 };

/* Descriptors and signals of the child. */
static int child_setup(posix_spawn_file_actions_t *files, posix_spawnattr_t *attr, int output_fd)
{
        sigset_t none, defaults;
        sigemptyset(&none);
        sigemptyset(&defaults);
        sigaddset(&defaults, SIGPIPE);
        int err = posix_spawnattr_setsigmask(attr, &none);
        err = err ? err : posix_spawnattr_setsigdefault(attr, &defaults);
        err = err ? err
                  : posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK |
                                                           POSIX_SPAWN_SETSIGDEF);
        err = err ? err : posix_spawn_file_actions_addopen(files, 0, "/dev/null", O_RDWR, 0);
        err = err ? err : posix_spawn_file_actions_adddup2(files, output_fd, 1);
        err = err ? err : posix_spawn_file_actions_adddup2(files, output_fd, 2);
        return err ? err : posix_spawn_file_actions_addclosefrom_np(files, 3);
}

/* Returns 0 or an errno. */
static int spawn(const char *const argv[], int output_fd, pid_t *ret_pid)
{
        static char fallback[] =
                "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        char path[4096];
        const char *inherited = getenv("PATH");
        int len = inherited ? snprintf(path, sizeof(path), "PATH=%s", inherited) : 0;
        char *env[] = { len > 0 && (size_t)len < sizeof(path) ? path : fallback, NULL };
        posix_spawn_file_actions_t files;
        posix_spawnattr_t attr;
        int err = posix_spawn_file_actions_init(&files);
        if (err)
                return err;
        err = posix_spawnattr_init(&attr);
        if (!err) {
                err = child_setup(&files, &attr, output_fd);
                /* The prototype lacks a const: posix_spawn does not write to the arguments. */
                if (!err)
                        err = posix_spawnp(ret_pid, argv[0], &files, &attr,
                                           (char *const *)(const void *)argv, env);
                posix_spawnattr_destroy(&attr);
        }
        posix_spawn_file_actions_destroy(&files);
        return err;
}

/* Waits for the end of PID; *RET_STATUS as of waitpid. */
static int wait_for(pid_t pid, int timeout_ms, int *ret_status)
{
        int fd = (int)syscall(SYS_pidfd_open, pid, 0U);
        if (fd >= 0) {
                struct pollfd ended = { .fd = fd, .events = POLLIN };
                int ready = poll(&ended, 1, timeout_ms);
                close(fd);
                if (ready == 0)
                        kill(pid, SIGKILL);
                while (waitpid(pid, ret_status, 0) < 0 && errno == EINTR)
                        ;
                return ready == 0 ? MESH_ETIMEOUT : 0;
        }
        /* A kernel before 5.3: without a limit, but the program ends by itself. */
        while (waitpid(pid, ret_status, 0) < 0)
                if (errno != EINTR)
                        return mesh_error_from_errno(errno);
        return 0;
}

/* The last line that the program wrote. */
static void last_words(int fd, char *out, size_t size)
{
        ssize_t got = read(fd, out, size - 1);
        size_t len = got > 0 ? (size_t)got : 0;
        while (len > 0 && (out[len - 1] == '\n' || out[len - 1] == ' '))
                len--;
        out[len] = '\0';
        char *line = strrchr(out, '\n');
        if (line)
                memmove(out, line + 1, strlen(line + 1) + 1);
}

int wg_spawn_wait(const char *const argv[], int timeout_ms, struct reason *why)
{
        int pipe_fds[2];
        if (pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK) < 0)
                return reason_set(why, mesh_error_from_errno(errno), "%s: no pipe", argv[0]);
        pid_t pid;
        int status = 0;
        int code = spawn(argv, pipe_fds[1], &pid);
        close(pipe_fds[1]);
        int err = code ? (code == ENOENT ? MESH_EUNSUPPORTED : mesh_error_from_errno(code))
                       : wait_for(pid, timeout_ms, &status);
        char words[WORDS_MAX] = "";
        if (err == MESH_EUNSUPPORTED) {
                reason_set(why, err, "%s is not installed", argv[0]);
        } else if (err) {
                reason_set(why, err, "%s: %s", argv[0], mesh_strerror(err));
        } else if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
                last_words(pipe_fds[0], words, sizeof(words));
                err = reason_set(why, MESH_EIO, "%s: %.200s", argv[0],
                                 words[0] ? words : "ended with an error");
        }
        close(pipe_fds[0]);
        return err;
}
