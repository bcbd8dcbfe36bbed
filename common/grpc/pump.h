/* From an engine to its transport. Internal to common/grpc. */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct transport;

/* The engine's next bytes: *RET_LEN is 0 when there are none. */
typedef int grpc_pump_next(void *engine, const uint8_t **ret_bytes, size_t *ret_len);

/* Writes what NEXT(ENGINE) gives until there is nothing left or the transport is full. Small frames
 * are collected, so that they share a TLS record and a system call. Errors of NEXT and of
 * transport_write; what came before an error of NEXT has been written. */
int grpc_pump(struct transport *transport, grpc_pump_next *next, void *engine);
