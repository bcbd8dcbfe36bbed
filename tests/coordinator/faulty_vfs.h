/* A disk that fails on demand: SQLite's own VFS with a switch before its writes and syncs.
 *
 * Becomes the default VFS of the process, so that the store under test is opened on it without
 * knowing. Not thread-safe beyond the one writer. */
#pragma once
#include <sqlite3.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/unit.h"

struct faulty_disk {
        int write_error, sync_error; /* SQLITE_OK, or what the next ones return */
        int writes_before;           /* that still succeed */
        int writes, syncs;           /* that were asked for */
};

/* The switch; one per test program. */
static struct faulty_disk faulty_disk;

struct faulty_file {
        sqlite3_file base;
        sqlite3_file *real; /* behind this struct */
};

static inline sqlite3_file *faulty_real(sqlite3_file *file)
{
        return ((struct faulty_file *)file)->real;
}

#define FAULTY_PASS(name, parameters, arguments)                                                   \
        static inline int faulty_##name parameters                                                 \
        {                                                                                          \
                return faulty_real(file)->pMethods->name arguments;                                \
        }

FAULTY_PASS(xClose, (sqlite3_file * file), (faulty_real(file)))
FAULTY_PASS(xRead, (sqlite3_file * file, void *out, int len, sqlite3_int64 at),
            (faulty_real(file), out, len, at))
FAULTY_PASS(xTruncate, (sqlite3_file * file, sqlite3_int64 size), (faulty_real(file), size))
FAULTY_PASS(xFileSize, (sqlite3_file * file, sqlite3_int64 *size), (faulty_real(file), size))
FAULTY_PASS(xLock, (sqlite3_file * file, int level), (faulty_real(file), level))
FAULTY_PASS(xUnlock, (sqlite3_file * file, int level), (faulty_real(file), level))
FAULTY_PASS(xCheckReservedLock, (sqlite3_file * file, int *out), (faulty_real(file), out))
FAULTY_PASS(xFileControl, (sqlite3_file * file, int op, void *arg), (faulty_real(file), op, arg))
FAULTY_PASS(xSectorSize, (sqlite3_file * file), (faulty_real(file)))
FAULTY_PASS(xDeviceCharacteristics, (sqlite3_file * file), (faulty_real(file)))

static inline int faulty_xWrite(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 at)
{
        faulty_disk.writes++;
        if (faulty_disk.write_error && faulty_disk.writes_before-- <= 0)
                return faulty_disk.write_error;
        return faulty_real(file)->pMethods->xWrite(faulty_real(file), bytes, len, at);
}

static inline int faulty_xSync(sqlite3_file *file, int flags)
{
        faulty_disk.syncs++;
        if (faulty_disk.sync_error)
                return faulty_disk.sync_error;
        return faulty_real(file)->pMethods->xSync(faulty_real(file), flags);
}

static const sqlite3_io_methods faulty_methods = {
        .iVersion = 1, /* no shared memory: the store locks exclusively */
        .xClose = faulty_xClose,
        .xRead = faulty_xRead,
        .xWrite = faulty_xWrite,
        .xTruncate = faulty_xTruncate,
        .xSync = faulty_xSync,
        .xFileSize = faulty_xFileSize,
        .xLock = faulty_xLock,
        .xUnlock = faulty_xUnlock,
        .xCheckReservedLock = faulty_xCheckReservedLock,
        .xFileControl = faulty_xFileControl,
        .xSectorSize = faulty_xSectorSize,
        .xDeviceCharacteristics = faulty_xDeviceCharacteristics,
};

static sqlite3_vfs *faulty_base;

static inline int faulty_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                              int *out_flags)
{
        struct faulty_file *f = (struct faulty_file *)file;
        (void)vfs;
        f->real = (sqlite3_file *)(f + 1);
        f->base.pMethods = NULL;
        int rc = faulty_base->xOpen(faulty_base, name, f->real, flags, out_flags);
        if (f->real->pMethods)
                f->base.pMethods = &faulty_methods;
        return rc;
}

/* Call once, before the first store is opened. */
static inline void faulty_vfs_install(void)
{
        static sqlite3_vfs vfs;
        faulty_base = sqlite3_vfs_find(NULL);
        vfs = *faulty_base;
        vfs.zName = "faulty";
        vfs.szOsFile = (int)sizeof(struct faulty_file) + faulty_base->szOsFile;
        vfs.xOpen = faulty_open;
        assert_int_equal(sqlite3_vfs_register(&vfs, 1), SQLITE_OK);
}

static inline void faulty_heal(void)
{
        faulty_disk = (struct faulty_disk){ 0 };
}
