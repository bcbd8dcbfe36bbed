/* mesh-agent: the daemon on each member, and its oneshots. Arguments only. */
#include <getopt.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "agent/agent.h"
#include "agent/boot.h"

enum { EXIT_WRONG_USE = 64 };

static const char usage[] = "usage: mesh-agent [VERB] [OPTIONS]\n"
                            "\n"
                            "verbs:\n"
                            "  (none)             run the daemon\n"
                            "  load-firewall      load the last good firewall from disk, and end\n"
                            "  unload-firewall    remove the firewall table, and end\n"
                            "  write-hosts-line   not built yet\n"
                            "\n"
                            "options:\n"
                            "  --config FILE      default " AGENT_CONFIG_PATH "\n"
                            "  --state-dir DIR    default " AGENT_STATE_DIR "\n"
                            "  --interface NAME   default " AGENT_INTERFACE "\n"
                            "  --socket PATH      default " AGENT_SOCKET "\n"
                            "  --metrics ADDR     not built yet\n"
                            "  --version, --help\n";

static const struct option options[] = {
        { "config", required_argument, NULL, 'c' },
        { "state-dir", required_argument, NULL, 'd' },
        { "interface", required_argument, NULL, 'i' },
        { "socket", required_argument, NULL, 's' },
        { "metrics", required_argument, NULL, 'm' },
        { "version", no_argument, NULL, 'V' },
        { "help", no_argument, NULL, 'h' },
        { 0 },
};

static const struct {
        const char *verb;
        int (*run)(const struct agent_flags *flags); /* NULL: not built yet */
} verbs[] = {
        { "", agent_run },
        { "load-firewall", boot_load_firewall },
        { "unload-firewall", boot_unload_firewall },
        { "write-hosts-line", NULL },
};

static int wrong_use(const char *what, const char *word)
{
        (void)fprintf(stderr, "mesh-agent: %s%s%s\n%s", word ? word : "", word ? ": " : "", what,
                      usage);
        return EXIT_WRONG_USE;
}

/* Returns -1 to go on, else the exit code. */
static int read_flags(int argc, char **argv, struct agent_flags *flags)
{
        for (;;) {
                int found = getopt_long(argc, argv, "", options, NULL);
                switch (found) {
                case -1:
                        return -1;
                case 'c':
                        flags->config = optarg;
                        break;
                case 'd':
                        flags->state_dir = optarg;
                        break;
                case 'i':
                        flags->interface = optarg;
                        break;
                case 's':
                        flags->socket = optarg;
                        break;
                case 'm':
                        return wrong_use("not built yet", "--metrics");
                case 'V':
                        (void)puts("mesh-agent " MESH_VERSION);
                        return 0;
                case 'h':
                        (void)fputs(usage, stdout);
                        return 0;
                default: /* getopt has said what */
                        (void)fputs(usage, stderr);
                        return EXIT_WRONG_USE;
                }
        }
}

/* Whether the host is booting: then even a wrong command line must not leave it without rules. */
static bool loads_firewall(int argc, char **argv)
{
        for (int i = 1; i < argc; i++)
                if (strcmp(argv[i], "load-firewall") == 0)
                        return true;
        return false;
}

static int run_verb(const char *verb, const struct agent_flags *flags)
{
        for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
                if (strcmp(verb, verbs[i].verb) != 0)
                        continue;
                return verbs[i].run ? verbs[i].run(flags) : wrong_use("not built yet", verb);
        }
        return wrong_use("unknown verb", verb);
}

int main(int argc, char **argv)
{
        const struct rlimit no_core = { 0, 0 }; /* memory holds keys */
        struct agent_flags flags = { 0 };
        int code = read_flags(argc, argv, &flags);
        if (code == -1 && argc - optind > 1)
                code = wrong_use("one verb at a time", argv[optind + 1]);
        bool rescue = code == EXIT_WRONG_USE && loads_firewall(argc, argv);
        if (code != -1 && !rescue)
                return code;
        if (sodium_init() < 0) {
                (void)fprintf(stderr, "mesh-agent: no random numbers\n");
                return 1;
        }
        (void)setrlimit(RLIMIT_CORE, &no_core);
        (void)umask(077);
        (void)signal(SIGPIPE, SIG_IGN);
        if (rescue)
                return boot_load_safe(&flags);
        return run_verb(optind < argc ? argv[optind] : "", &flags);
}
