/* The frame of a test server on common/grpc: listeners, the loop, an end without leaks.
 *
 * Listens on 127.0.0.1 with TLS and h2c and on a Unix socket, and prints where. Its services are
 * the program's. For the servers in tests/interop. */
#pragma once
#include <stddef.h>

struct grpc_service;

/* Makes a certificate and the socket in DIRECTORY, prints "TLS_PORT H2C_PORT SOCKET", serves until
 * standard input ends and the calls are over. Returns the exit code of the program. */
int serve(const char *directory, const struct grpc_service *const *services, size_t service_count);
