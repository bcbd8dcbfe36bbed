/* Runs one helper program to its end, with a time limit: wireguard-go puts itself into the
 * background, and its front process ends when it is ready. Caller: wg_userspace.c. */
#pragma once

struct reason;

/* Runs ARGV[0] (found by PATH) in a session of its own, with no descriptor of ours, an empty
 * environment but PATH, and waits at most TIMEOUT_MS for its end. 0 if it ended with exit code 0;
 * MESH_EUNSUPPORTED if there is no such program; MESH_EIO with the last line of its output
 * in WHY; MESH_ETIMEOUT (it is killed). */
int wg_spawn_wait(const char *const argv[], int timeout_ms, struct reason *why);
