/* Policy files from disk: the one place of firewall/policy that does I/O.
 *
 * A policy is a file, or a directory of *.yaml files, read in byte order of their names (hidden
 * ones are left out). Called by meshctl and by the coordinator's policy.dir. */
#pragma once
#include "firewall/policy/policy.h"

struct buffer;

/* Files read whole; start with a zeroed struct. */
struct policy_files {
        struct policy_file *files; /* owned, as are the paths and bytes */
        size_t count;
};

/* Reads PATH, a file or a directory. Returned owned. MESH_ENOENT (also for a directory without
 * *.yaml), MESH_EPERM, MESH_ELIMIT (over 1 MiB in a file, over POLICY_FILES_MAX files),
 * MESH_EIO, MESH_ENOMEM. RET_PATH (size PATH_MAX) gets the path that failed. */
int policy_files_read(const char *path, struct policy_files *ret_files, char *ret_path);

/* Frees; a zeroed struct is fine. */
void policy_files_done(struct policy_files *files);

/* Appends all findings to OUT as finding_render does, each with its line and a caret. */
void policy_files_render(const struct policy_files *files, const struct findings *findings,
                         struct buffer *out);
