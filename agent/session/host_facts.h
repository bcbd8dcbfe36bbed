/* What a host tells of itself at enrolment: name, system, kernel, machine. Shown, never trusted. */
#pragma once

enum { HOST_FACT_MAX = 128 };

struct host_facts {
        char hostname[HOST_FACT_MAX];
        char system[HOST_FACT_MAX];  /* PRETTY_NAME of os-release(5) */
        char kernel[HOST_FACT_MAX];  /* uname -r */
        char machine[HOST_FACT_MAX]; /* uname -m */
};

/* Reads them; what cannot be read is "". */
void host_facts_read(struct host_facts *ret_facts);

/* A member name from a host name: its first label in lower case, with '-' for what may not stand in
 * a label. "" if nothing is left. OUT holds LABEL_MAX + 1 bytes. */
void host_label(const char *hostname, char *out);
