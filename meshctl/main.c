/* meshctl: the command line tool. One verb a call. */
#include <sodium.h>
#include <stdio.h>

#include "meshctl/parse.h"

int main(int argc, char **argv)
{
        struct invocation in;
        if (sodium_init() < 0) {
                (void)fprintf(stderr, "meshctl: no random numbers\n");
                return EXIT_FAILED;
        }
        int code = parse_arguments(argc, argv, &in);
        if (code != -1)
                return code;
        code = in.verb->run(&in);
        if (fflush(stdout) != 0 && code == EXIT_OK) /* a full disk, a closed pipe */
                code = EXIT_FAILED;
        return code;
}
