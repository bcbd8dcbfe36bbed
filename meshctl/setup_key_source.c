/* Reads the setup key; see the header. */
#include "meshctl/setup_key_source.h"

#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"
#include "common/error.h"
#include "common/file.h"
#include "meshctl/output.h"

static const char hint[] = "see `meshctl help enroll`";

/* The path of the key file; NULL if the key stands in --setup-key or is missing. */
static const char *key_path(const struct invocation *in, char credential[static PATH_MAX])
{
        const char *file = invocation_option(in, "setup-key-file");
        const char *key = invocation_option(in, "setup-key");
        const char *directory = getenv("CREDENTIALS_DIRECTORY");
        if (file)
                return strcmp(file, "-") == 0 ? "/dev/stdin" : file;
        if (key)
                return strcmp(key, "-") == 0 ? "/dev/stdin" : NULL;
        if (directory && path_join(credential, PATH_MAX, directory, "setup-key") == 0)
                return credential;
        return NULL;
}

static int parse(const struct invocation *in, const char *text, size_t len,
                 struct setup_key *ret_key)
{
        int err = setup_key_parse(text, len, ret_key);
        switch (err) {
        case 0:
                return EXIT_OK;
        case MESH_EVERSION:
                return output_error(in, EXIT_USAGE, "newer",
                                    "this setup key was made by a newer coordinator; update this "
                                    "host's mesh package");
        case MESH_ECHECKSUM:
                return output_error(in, EXIT_USAGE, "mistyped",
                                    "this setup key is mistyped or cut short: its checksum is "
                                    "wrong; copy it again");
        default:
                return output_error(in, EXIT_USAGE, "mistyped",
                                    "this is no setup key: it is mistyped or cut short; a key is "
                                    "one word that begins with `mesh-`");
        }
}

int setup_key_source_read(const struct invocation *in, char ret_text[static SETUP_KEY_TEXT_MAX],
                          struct setup_key *ret_key)
{
        char credential[PATH_MAX];
        struct buffer text = buffer_with_max(SETUP_KEY_TEXT_MAX - 1);
        const char *path = key_path(in, credential);
        const char *typed = invocation_option(in, "setup-key");
        int code = EXIT_OK;
        if (typed && invocation_option(in, "setup-key-file"))
                return output_error(in, EXIT_USAGE, NULL,
                                    "give --setup-key or --setup-key-file, not both");
        if (!path && !typed)
                return output_error(in, EXIT_USAGE, NULL, "no setup key: give --setup-key KEY, %s",
                                    hint);
        if (path) {
                int err = file_read(path, &text);
                if (err)
                        code = output_error(in, EXIT_UNREADABLE, "unreadable", "%s: %s", path,
                                            err == MESH_ELIMIT ? "too long for a setup key"
                                                               : mesh_strerror(err));
        } else {
                buffer_put(&text, typed, strlen(typed));
                if (buffer_error(&text))
                        code = output_error(in, EXIT_USAGE, "mistyped",
                                            "too long for a setup key; copy it again");
        }
        if (code == EXIT_OK)
                code = parse(in, (const char *)text.bytes, text.len, ret_key);
        if (code == EXIT_OK) {
                memcpy(ret_text, text.bytes, text.len);
                ret_text[text.len] = '\0';
                ret_text[strcspn(ret_text, " \t\r\n")] = '\0';
        }
        if (text.bytes)
                sodium_memzero(text.bytes, text.capacity);
        buffer_done(&text);
        return code;
}
