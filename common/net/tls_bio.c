/* The BIO; see the header. */
#include "common/net/tls_bio.h"

#include <limits.h>
#include <string.h>
#include <uv.h>

#include "common/buffer.h"

static int read_slice(BIO *bio, char *out, size_t size, size_t *ret_len)
{
        struct tls_bio *state = BIO_get_data(bio);
        BIO_clear_retry_flags(bio);
        *ret_len = state->in_len < size ? state->in_len : size;
        if (*ret_len == 0) {
                BIO_set_retry_read(bio);
                return 0;
        }
        memcpy(out, state->in, *ret_len);
        state->in += *ret_len;
        state->in_len -= *ret_len;
        return 1;
}

static int write_buffer(BIO *bio, const char *bytes, size_t len, size_t *ret_len)
{
        struct tls_bio *state = BIO_get_data(bio);
        BIO_clear_retry_flags(bio);
        buffer_put(state->out, bytes, len);
        *ret_len = buffer_error(state->out) ? 0 : len;
        return *ret_len == len;
}

static long control(BIO *bio, int command, long number, void *pointer)
{
        (void)bio, (void)number, (void)pointer;
        return command == BIO_CTRL_FLUSH; /* written bytes are on their way */
}

static BIO_METHOD *method; /* made once, constant afterwards */
static uv_once_t method_once = UV_ONCE_INIT;

static void make_method(void)
{
        method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "mesh transport");
        if (!method)
                return;
        BIO_meth_set_read_ex(method, read_slice);
        BIO_meth_set_write_ex(method, write_buffer);
        BIO_meth_set_ctrl(method, control);
}

BIO *tls_bio_new(struct tls_bio *state)
{
        uv_once(&method_once, make_method);
        BIO *bio = method ? BIO_new(method) : NULL;
        if (!bio)
                return NULL;
        BIO_set_data(bio, state);
        BIO_set_init(bio, 1);
        return bio;
}
