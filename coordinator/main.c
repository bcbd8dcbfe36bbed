/* mesh-coordinator: the daemon on the public host. */
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "coordinator/daemon.h"

int main(int argc, char **argv)
{
        static struct coordinator_config config;
        const struct rlimit no_core = { 0, 0 }; /* memory holds keys */
        int code = coordinator_config_read(argc, argv, &config);
        if (code != -1)
                return code;
        if (sodium_init() < 0) {
                (void)fprintf(stderr, "mesh-coordinator: no random numbers\n");
                return 1;
        }
        (void)setrlimit(RLIMIT_CORE, &no_core);
        (void)umask(077);
        (void)signal(SIGPIPE, SIG_IGN);
        return coordinator_run(&config);
}
