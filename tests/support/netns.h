/* Private namespaces for a test: what it does to interfaces, addresses and /run is gone with it.
 *
 * Needs root. Linux namespaces belong to a thread: call these from the only one. */
#pragma once
#include <stdbool.h>

/* Moves this process into a mount and a network namespace of its own, with an empty /run and the
 * loopback up. False if that is not allowed (not root). */
bool netns_private(void);

/* Makes another network namespace, loopback up, and stays in the present one. Returns its file
 * descriptor; the namespace ends with the last descriptor and process. */
int netns_new(void);

/* The present one, and moving to another. */
int netns_current(void);
void netns_enter(int fd);

/* Joins the present namespace to that of FD by a veth pair NAME-PEER, up, with the addresses
 * ADDRESS and PEER_ADDRESS ("192.0.2.1/24"). */
void netns_veth(int fd, const char *name, const char *address, const char *peer,
                const char *peer_address);
