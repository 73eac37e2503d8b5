/* SPDX-License-Identifier: GPL-2.0 */
/* What a daemon does about itself: background, locks, privileges, limits, signals. */
#ifndef PROCESS_H
#define PROCESS_H

#include <signal.h>
#include <stdint.h>
#include <sys/types.h>

/* A file that holds our process id and is locked for as long as we live. */
struct lock_file {
	int fd;
	const char *path;
};

int lock_file_take(struct lock_file *lock, const char *path, const char *purpose);
void lock_file_release(struct lock_file *lock);

int64_t now_ms(void);		/* CLOCK_MONOTONIC */

/* Those that a signalfd takes: SIGTERM, SIGINT, SIGHUP. */
void stop_signals(sigset_t *set);
/* Block them: whatever comes before the loop waits for it. SIGPIPE is ignored. */
void set_signals(void);
/* Descriptors 0 to 2 must not become another's. */
int fill_standard_streams(void);

int find_user(const char *name, uid_t *uid, gid_t *gid);
int find_group(const char *name, gid_t *gid);
int drop_privileges(const char *user, const char *group);
void raise_descriptor_limit(unsigned int needed, const char *what);

int go_to_background(void);
void background_is_ready(int ready_fd);

#endif
