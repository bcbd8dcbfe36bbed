/* What an enrolment asks for; see the header. */
#include "agent/session/enroll_request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/error.h"

int enroll_wishes_init(struct enroll_wishes *wishes, const char *name, char *const *tags,
                       size_t tag_count)
{
        *wishes = (struct enroll_wishes){ 0 };
        host_facts_read(&wishes->facts);
        if (name && name[0])
                (void)snprintf(wishes->name, sizeof(wishes->name), "%s", name);
        else
                host_label(wishes->facts.hostname, wishes->name);
        wishes->tags = calloc(tag_count + 1, sizeof(*wishes->tags));
        if (!wishes->tags)
                return MESH_ENOMEM;
        for (; wishes->tag_count < tag_count; wishes->tag_count++) {
                wishes->tags[wishes->tag_count] = strdup(tags[wishes->tag_count]);
                if (!wishes->tags[wishes->tag_count]) {
                        enroll_wishes_done(wishes);
                        return MESH_ENOMEM;
                }
        }
        return 0;
}

void enroll_wishes_done(struct enroll_wishes *wishes)
{
        for (size_t i = 0; i < wishes->tag_count; i++)
                free(wishes->tags[i]);
        free(wishes->tags);
        wishes->tags = NULL;
        wishes->tag_count = 0;
}

int enroll_wishes_request(const struct enroll_wishes *wishes, const struct setup_key *key,
                          const struct keyring *keys, struct buffer *ret_request,
                          struct enroll_pending *ret_pending)
{
        Mesh__V1__EnrollBody body = MESH__V1__ENROLL_BODY__INIT;
        Mesh__V1__HostFacts facts = MESH__V1__HOST_FACTS__INIT;
        Mesh__V1__Versions versions = MESH__V1__VERSIONS__INIT;
        char software[] = MESH_VERSION;
        struct enroll_wishes w = *wishes; /* protobuf-c's texts are not const */
        struct node_keys node = { .identity = &keys->identity,
                                  .wireguard = &keys->wireguard,
                                  .signal = &keys->signal };
        facts.hostname = w.facts.hostname;
        facts.system = w.facts.system;
        facts.kernel = w.facts.kernel;
        facts.machine = w.facts.machine;
        versions.lowest = versions.highest = 1;
        versions.software = software;
        body.wanted_name = w.name;
        body.wanted_tags = w.tags;
        body.n_wanted_tags = w.tag_count;
        body.facts = &facts;
        body.versions = &versions;
        return enroll_request_make(key, &node, &body, ret_request, ret_pending);
}

const char *enroll_refusal_text(const char *reason, const char *text)
{
        static const struct {
                const char *reason, *text;
        } rows[] = {
                { "unknown", "the coordinator does not know this setup key; make a new one there: "
                             "meshctl setup-key create" },
                { "expired", "the setup key has expired; make a new one on the coordinator: "
                             "meshctl setup-key create" },
                { "used_up", "the setup key has been used as often as it allows; make a new one on "
                             "the coordinator: meshctl setup-key create" },
                { "revoked",
                  "the setup key was revoked; ask for a new one, made on the coordinator "
                  "by: meshctl setup-key create" },
                { "barred", "this node was removed from the mesh by an administrator; to join as a "
                            "new node, run `meshctl leave` here first" },
        };
        for (size_t i = 0; reason && i < sizeof(rows) / sizeof(rows[0]); i++)
                if (strcmp(rows[i].reason, reason) == 0)
                        return rows[i].text;
        return text && text[0] ? text : "the coordinator refused without saying why";
}

const char *enroll_mistyped_text(int err)
{
        if (err == MESH_ECHECKSUM)
                return "the setup key is mistyped or cut short; copy the whole line again";
        if (err == MESH_EVERSION)
                return "the setup key was made by a newer coordinator; upgrade mesh on this host";
        return "this is no setup key; it begins with mesh- and comes from `meshctl setup-key "
               "create`";
}
