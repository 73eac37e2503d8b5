/* SPDX-License-Identifier: GPL-2.0 */
/* Messages: to stderr, to the journal by way of stderr, or to a file. Not thread-safe. */
#ifndef LOG_H
#define LOG_H

#include <stdbool.h>
#include <syslog.h>	/* the levels */

#define ATTRIBUTE(what) __attribute__((what))
#define __printf(a, b) ATTRIBUTE(__format__(__printf__, a, b))

void log_level(int level);
int log_open(const char *path);
bool log_reopen(void);
int log_give_to(unsigned int uid, unsigned int gid);
bool log_is_stderr(void);
void log_print(int level, const char *format, ...) __printf(2, 3);
void log_limited(int level, const char *format, ...) __printf(2, 3);

#define pr_err(...) log_print(LOG_ERR, __VA_ARGS__)
#define pr_warn(...) log_print(LOG_WARNING, __VA_ARGS__)
#define pr_notice(...) log_print(LOG_NOTICE, __VA_ARGS__)
#define pr_info(...) log_print(LOG_INFO, __VA_ARGS__)

/* For what a client or a peer can cause as often as it likes. */
#define pr_limited_warn(...) log_limited(LOG_WARNING, __VA_ARGS__)
#define pr_limited_info(...) log_limited(LOG_INFO, __VA_ARGS__)

#endif
