/* SPDX-License-Identifier: GPL-2.0 */
/* What a dump is written to: lines for a shell. */
#ifndef SCRIPT_H
#define SCRIPT_H

#include <stdbool.h>
#include <stddef.h>

#include "log.h"

/* A word of up to @len bytes, quoted. */
#define WORD(len) (4 * (len) + 3)

/* Begin a script in memory; what is not finished is never seen. */
bool script_begin(void);
void script_add(const char *format, ...) __printf(1, 2);
/* Hand it on to stdout, if @good. */
bool script_end(bool good);

/* As one word for a shell: a name may contain whatever is not a blank or a slash. */
const char *script_word(char *buffer, size_t size, const char *text);

#endif
