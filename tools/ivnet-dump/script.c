// SPDX-License-Identifier: GPL-2.0
#include "script.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
	FILE *file;
	char *text;
	size_t len;
} script;

bool script_begin(void)
{
	script.file = open_memstream(&script.text, &script.len);
	if (!script.file)
		pr_err("%s", strerror(errno));
	return script.file;
}

void script_add(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(script.file, format, args);
	va_end(args);
}

bool script_end(bool good)
{
	bool failed = ferror(script.file);

	failed |= !!fclose(script.file);
	if (good && failed)
		pr_err("no memory");
	good &= !failed;
	if (good && (fwrite(script.text, 1, script.len, stdout) != script.len || fflush(stdout))) {
		pr_err("cannot write: %s", strerror(errno));
		good = false;
	}
	free(script.text);
	return good;
}

const char *script_word(char *buffer, size_t size, const char *text)
{
	char *end = buffer + size - 2, *p = buffer;
	const char *c = text;

	while (isalnum((unsigned char)*c) || (*c && strchr("._:/@%+=,-", *c)))
		c++;
	if (*text && !*c) {
		snprintf(buffer, size, "%s", text);
		return buffer;
	}
	*p++ = '\'';
	for (; *text && p + 4 <= end; text++) {
		if (*text == '\'')
			p = stpcpy(p, "'\\''");
		else
			*p++ = *text;
	}
	*p++ = '\'';
	*p = '\0';
	return buffer;
}
