/* A directory for a test; see the header. */
#include "tests/support/temp_dir.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void temp_dir_make(char out[static TEMP_DIR_MAX])
{
        memcpy(out, "/tmp/mesh-test.XXXXXX", sizeof("/tmp/mesh-test.XXXXXX"));
        if (!mkdtemp(out))
                abort();
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
        (void)st;
        (void)flag;
        (void)ftw;
        return remove(path);
}

void temp_dir_remove(const char *path)
{
        (void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
