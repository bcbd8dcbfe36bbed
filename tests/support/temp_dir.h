/* A directory of its own for a test that writes files. */
#pragma once

enum { TEMP_DIR_MAX = 64 };

/* Makes an empty directory and writes its path to OUT; aborts on failure. */
void temp_dir_make(char out[static TEMP_DIR_MAX]);

/* Removes it and all that is in it. */
void temp_dir_remove(const char *path);
