/* Where `meshctl enroll` takes the setup key from. */
#pragma once
#include "meshctl/verb.h"
#include "proto/setup_key.h"

/* Finds, reads and parses the key: --setup-key, --setup-key-file, standard input for "-", else the
 * systemd credential "setup-key". RET_TEXT gets its text. Returns EXIT_OK, or after the error was
 * printed EXIT_USAGE (none given, mistyped) or EXIT_UNREADABLE. The caller wipes both. */
int setup_key_source_read(const struct invocation *in, char ret_text[static SETUP_KEY_TEXT_MAX],
                          struct setup_key *ret_key);
