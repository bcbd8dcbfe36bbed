/* Exit codes of meshctl. Others script against them: 11-cli.md. */
#pragma once

enum exit_code {
        EXIT_OK = 0,
        EXIT_FAILED = 1,      /* failed, findings, or denied by policy */
        EXIT_CHANGES = 2,     /* differences found */
        EXIT_UNREACHABLE = 3, /* daemon not running or unreachable */
        EXIT_REFUSED = 4,     /* rights, setup key */
        EXIT_TIMEOUT = 5,
        EXIT_USAGE = 64,      /* wrong use; a mistyped setup key too */
        EXIT_UNREADABLE = 65, /* input that cannot be read */
};
