/* See the header. */
#include "tests/support/capture.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

extern char **environ;

pid_t capture_start(const char *const argv[], int *ret_fd)
{
        int fds[2];
        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        posix_spawn_file_actions_t files;
        assert_int_equal(posix_spawn_file_actions_init(&files), 0);
        assert_int_equal(posix_spawn_file_actions_adddup2(&files, fds[1], 1), 0);
        pid_t pid = -1;
        if (posix_spawnp(&pid, argv[0], &files, NULL, (char *const *)(const void *)argv, environ))
                pid = -1;
        posix_spawn_file_actions_destroy(&files);
        close(fds[1]);
        *ret_fd = fds[0];
        return pid;
}

char *capture_finish(pid_t pid, int fd, int *ret_code)
{
        char *text = malloc(CAPTURE_MAX + 1);
        assert_non_null(text);
        size_t len = 0;
        ssize_t got;
        while (len < CAPTURE_MAX && (got = read(fd, text + len, CAPTURE_MAX - len)) > 0)
                len += (size_t)got;
        text[len] = '\0';
        close(fd);
        int status = -1;
        while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        int code = pid > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
        if (ret_code)
                *ret_code = code;
        else
                assert_int_equal(code, 0);
        return text;
}

char *capture(const char *const argv[], int *ret_code)
{
        int fd;
        pid_t pid = capture_start(argv, &fd);
        return capture_finish(pid, fd, ret_code);
}
