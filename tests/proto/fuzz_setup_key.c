/* Setup key text as it comes, and any contents under a right checksum. What is taken must be the
 * only text of that key. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base32.h"
#include "proto/setup_key.h"
#include "proto/transcript.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_text(const char *text, size_t len)
{
        struct setup_key key;
        char again[SETUP_KEY_TEXT_MAX];
        if (setup_key_parse(text, len, &key) != 0)
                return;
        if (setup_key_format(&key, again) != 0 || !memmem(text, len, again, strlen(again)))
                abort();
        setup_key_done(&key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        uint8_t bytes[400], hash[KEY_BYTES];
        char text[700] = "mesh-";
        try_text((const char *)data, size);
        if (size > sizeof(bytes) - 4)
                return 0;
        struct transcript t = transcript_named("setup-key");
        transcript_add(&t, data, size);
        transcript_hash(&t, NULL, hash);
        memcpy(bytes, data, size);
        memcpy(bytes + size, hash, 4);
        base32_encode(bytes, size + 4, text + 5);
        try_text(text, 5 + base32_text_len(size + 4));
        return 0;
}
