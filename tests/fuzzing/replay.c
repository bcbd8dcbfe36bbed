/* Runs a fuzz target over files: the corpus as an ordinary test, where libFuzzer is not linked in
 * (gcc, valgrind). Arguments are files and folders; a finding is a crash or a sanitizer's report.
 * Prints one TAP line for each file. Not a fuzzer. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replayed;

/* The bytes are in a block of exactly their size, so that one read too many is seen. */
static int replay_file(const char *path)
{
        FILE *file = fopen(path, "rb");
        struct stat st;
        if (!file || fstat(fileno(file), &st) != 0) {
                perror(path);
                return 1;
        }
        size_t size = (size_t)st.st_size;
        uint8_t *data = malloc(size ? size : 1);
        int err = !data || fread(data, 1, size, file) != size;
        if (!err)
                LLVMFuzzerTestOneInput(data, size);
        replayed++;
        printf("%s %d - %s\n", err ? "not ok" : "ok", replayed, path);
        free(data);
        fclose(file);
        return err;
}

static int replay_folder(const char *path)
{
        struct dirent **entries;
        int count = scandir(path, &entries, NULL, alphasort);
        int failed = count < 0;
        for (int i = 0; i < count; i++) {
                char file[4096];
                snprintf(file, sizeof(file), "%s/%s", path, entries[i]->d_name);
                if (entries[i]->d_name[0] != '.')
                        failed += replay_file(file);
                free(entries[i]);
        }
        if (count >= 0)
                free(entries);
        return failed;
}

int main(int argc, char **argv)
{
        int failed = 0;
        setvbuf(stdout, NULL, _IOLBF, 0);
        for (int i = 1; i < argc; i++) {
                struct stat st;
                if (stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode))
                        failed += replay_folder(argv[i]);
                else
                        failed += replay_file(argv[i]);
        }
        printf("1..%d\n", replayed);
        return failed || replayed == 0 ? 1 : 0;
}
