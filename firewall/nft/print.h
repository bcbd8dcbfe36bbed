/* A ruleset in nft syntax, for people and for `nft -f`. Pure. */
#pragma once

struct buffer;
struct ruleset;

/* Appends the table; each rule ends in a comment that says where it comes from. A ruleset without
 * chains prints nothing. The buffer's sticky error tells. */
void ruleset_print(const struct ruleset *rs, struct buffer *out);
