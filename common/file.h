/* Files that survive power loss, and small files read whole.
 *
 * Writing is temp + fsync + rename + fsync of the directory (06-boot.md, point 7), created with
 * the final mode. A state file carries a header (magic, version, length) and a BLAKE2b-256 hash
 * that finds damage. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct buffer;

/* Replaces PATH by LEN bytes, atomically and durably, with MODE. On failure PATH is what it was
 * and the temporary file is gone. MESH_ENOSPC, MESH_EPERM, MESH_EIO... */
int file_write(const char *path, const void *bytes, size_t len, mode_t mode);

/* Reads a whole file into RET (initialised by the caller; its maximum holds). MESH_ENOENT,
 * MESH_ELIMIT for a larger file, MESH_EIO. */
int file_read(const char *path, struct buffer *ret);

/* The same with the state header: MAGIC is 4 characters, VERSION is what this program writes. */
int state_file_write(const char *path, const char magic[4], uint16_t version, const void *bytes,
                     size_t len);

/* Reads a state file's payload into RET and its version into *RET_VERSION. MESH_EDAMAGED for a
 * torn or altered file, MESH_EVERSION if it was written by a newer program (version > NEWEST). */
int state_file_read(const char *path, const char magic[4], uint16_t newest, struct buffer *ret,
                    uint16_t *ret_version);

/* Moves a damaged file to PATH.damaged, replacing an earlier one, so that it is kept for a look.
 * Best effort. */
void file_set_aside(const char *path);

/* Creates a directory and its parents with MODE; an existing directory is fine. */
int directory_make(const char *path, mode_t mode);

/* Writes "DIR/NAME" to OUT. MESH_ELIMIT if it does not fit. */
int path_join(char *out, size_t size, const char *dir, const char *name);
