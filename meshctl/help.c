/* Help from the verb table; see the header. */
#include "meshctl/help.h"

#include <string.h>

#include "meshctl/parse.h"

static void print_line(const struct verb *verb, FILE *out)
{
        char left[64];
        (void)snprintf(left, sizeof(left), "%s%s%s", verb->name, verb->arguments ? " " : "",
                       verb->arguments ? verb->arguments : "");
        (void)fprintf(out, "  %-28s %s\n", left, verb->summary);
}

static void print_globals(FILE *out)
{
        (void)fprintf(out,
                      "\nEverywhere:\n"
                      "  --json                       results as JSON, \"schema\": 1\n"
                      "  --agent-socket PATH          default " MESHCTL_AGENT_SOCKET "\n"
                      "  --coordinator-socket PATH    default " MESHCTL_COORDINATOR_SOCKET "\n");
}

void help_all(FILE *out)
{
        (void)fprintf(out, "meshctl: join, watch and administer a mesh.\n\n"
                           "  meshctl enroll --setup-key KEY\n"
                           "  meshctl status\n\n"
                           "Verbs (`meshctl help VERB` tells more):\n");
        for (const struct verb *verb = verb_table(); verb->name; verb++)
                print_line(verb, out);
        print_globals(out);
}

void help_verb(const struct verb *verb, FILE *out)
{
        (void)fprintf(out, "%s\n\n  meshctl %s%s%s%s\n", verb->summary, verb->name,
                      verb->arguments ? " " : "", verb->arguments ? verb->arguments : "",
                      verb->options[0].name ? " [OPTIONS]" : "");
        if (verb->options[0].name)
                (void)fprintf(out, "\nOptions:\n");
        for (size_t i = 0; i < VERB_OPTIONS_MAX && verb->options[i].name; i++) {
                char left[64];
                (void)snprintf(left, sizeof(left), "--%s%s%s", verb->options[i].name,
                               verb->options[i].value ? " " : "",
                               verb->options[i].value ? verb->options[i].value : "");
                (void)fprintf(out, "  %-28s %s\n", left, verb->options[i].help);
        }
        print_globals(out);
        if (verb->example)
                (void)fprintf(out, "\nExample:\n  %s\n", verb->example);
}

bool help_group(const char *group, FILE *out)
{
        size_t len = strlen(group);
        bool found = false;
        for (const struct verb *verb = verb_table(); verb->name; verb++) {
                if (strncmp(verb->name, group, len) != 0 || verb->name[len] != ' ')
                        continue;
                if (!found)
                        (void)fprintf(out, "Verbs of `%s`:\n", group);
                found = true;
                print_line(verb, out);
        }
        return found;
}
