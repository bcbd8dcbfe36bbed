/* Reading policy files from disk, and showing findings beside their lines; see the header. */
#include "firewall/policy/files.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/buffer.h"
#include "common/error.h"
#include "common/file.h"
#include "common/yaml.h"

void policy_files_done(struct policy_files *files)
{
        for (size_t i = 0; i < files->count; i++) {
                free((char *)(uintptr_t)files->files[i].path);
                free((void *)(uintptr_t)files->files[i].bytes);
        }
        free(files->files);
        *files = (struct policy_files){ 0 };
}

/* Makes room for one more and gives it PATH. */
static int add_path(struct policy_files *files, const char *path)
{
        if (files->count == POLICY_FILES_MAX)
                return MESH_ELIMIT;
        struct policy_file *grown =
                reallocarray(files->files, files->count + 1, sizeof(*files->files));
        if (!grown)
                return MESH_ENOMEM;
        files->files = grown;
        char *copy = strdup(path);
        if (!copy)
                return MESH_ENOMEM;
        files->files[files->count++] = (struct policy_file){ .path = copy };
        return 0;
}

static int read_bytes(struct policy_file *file)
{
        struct buffer bytes = buffer_with_max(YAML_BYTES_MAX);
        int err = file_read(file->path, &bytes);
        if (err) {
                buffer_done(&bytes);
                return err;
        }
        file->bytes = bytes.bytes; /* taken over */
        file->len = bytes.len;
        return 0;
}

static bool is_policy_name(const char *name)
{
        static const char suffix[] = ".yaml";
        size_t len = strlen(name), suffix_len = sizeof(suffix) - 1;
        return name[0] != '.' && len > suffix_len && strcmp(name + len - suffix_len, suffix) == 0;
}

static int compare_files(const void *a, const void *b)
{
        return strcmp(((const struct policy_file *)a)->path, ((const struct policy_file *)b)->path);
}

/* Fills DIR with PATH without slashes at its end, since findings show it. */
static int trim_slashes(const char *path, char dir[static PATH_MAX])
{
        size_t len = strlen(path);
        if (len >= PATH_MAX)
                return MESH_ELIMIT;
        while (len > 1 && path[len - 1] == '/')
                len--;
        memcpy(dir, path, len);
        dir[len] = '\0';
        return 0;
}

static int list_directory(const char *path, struct policy_files *files)
{
        char trimmed[PATH_MAX];
        int err = trim_slashes(path, trimmed);
        if (err)
                return err;
        DIR *dir = opendir(path);
        if (!dir)
                return mesh_error_from_errno(errno);
        const struct dirent *entry;
        while (!err && (entry = readdir(dir))) {
                char joined[PATH_MAX];
                if (!is_policy_name(entry->d_name))
                        continue;
                err = path_join(joined, sizeof(joined), trimmed, entry->d_name);
                if (!err)
                        err = add_path(files, joined);
        }
        closedir(dir);
        if (!err && files->count == 0)
                err = MESH_ENOENT;
        if (!err)
                qsort(files->files, files->count, sizeof(files->files[0]), compare_files);
        return err;
}

int policy_files_read(const char *path, struct policy_files *ret_files, char *ret_path)
{
        struct policy_files files = { 0 };
        struct stat info;
        snprintf(ret_path, PATH_MAX, "%s", path);
        if (stat(path, &info))
                return mesh_error_from_errno(errno);
        int err = S_ISDIR(info.st_mode) ? list_directory(path, &files) : add_path(&files, path);
        for (size_t i = 0; i < files.count && !err; i++) {
                snprintf(ret_path, PATH_MAX, "%s", files.files[i].path);
                err = read_bytes(&files.files[i]);
        }
        if (err) {
                policy_files_done(&files);
                return err;
        }
        *ret_files = files;
        return 0;
}

void policy_files_render(const struct policy_files *files, const struct findings *findings,
                         struct buffer *out)
{
        for (size_t i = 0; i < findings->count; i++) {
                const struct finding *finding = &findings->items[i];
                const struct policy_file *file = NULL;
                for (size_t j = 0; j < files->count && !file; j++)
                        if (strcmp(files->files[j].path, finding->path) == 0)
                                file = &files->files[j];
                finding_render(finding, file ? file->bytes : NULL, file ? file->len : 0, out);
        }
        if (findings->dropped > 0)
                buffer_printf(out, "and %zu more\n", findings->dropped);
}
