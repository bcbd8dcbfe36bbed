/* Text that somebody else wrote, made fit for a terminal, a log line and JSON.
 *
 * What a stranger or a coordinator says (a gRPC status, a reason, a comment) may hold escape
 * sequences, newlines or bytes that are no UTF-8. Names have a stricter rule: common/label.h. */
#pragma once

/* Replaces every byte of TEXT that is no visible ASCII character or space by '?'. */
void printable_make(char *text);
