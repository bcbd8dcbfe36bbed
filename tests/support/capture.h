/* Runs a program in a test and keeps what it prints.
 *
 * For the independent readers (ip, wg, ping) that a test compares the product with. The program
 * runs in the calling thread's namespaces. */
#pragma once
#include <stddef.h>
#include <sys/types.h>

enum { CAPTURE_MAX = 4 * 1024 * 1024 };

/* Runs ARGV (found by PATH, ended by NULL) to its end and returns its standard output with a NUL
 * (owned: free). *RET_CODE (may be NULL) is its exit code, -1 if it did not run or was killed;
 * with NULL an exit code other than 0 fails the test. */
char *capture(const char *const argv[], int *ret_code);

/* Starts ARGV; its output goes to *RET_FD. */
pid_t capture_start(const char *const argv[], int *ret_fd);

/* Reads the output to its end, waits for the program; as capture. */
char *capture_finish(pid_t pid, int fd, int *ret_code);
