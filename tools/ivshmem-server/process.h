/* SPDX-License-Identifier: GPL-2.0 */
/* What a daemon does about itself: background, locks, privileges, limits. */
#ifndef PROCESS_H
#define PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

/* A file that holds our process id and is locked for as long as we live. */
struct lock_file {
	int fd;
	const char *path;
};

int lock_file_take(struct lock_file *lock, const char *path, const char *purpose);
void lock_file_release(struct lock_file *lock);

int find_user(const char *name, uid_t *uid, gid_t *gid);
int find_group(const char *name, gid_t *gid);
int drop_privileges(const char *user, const char *group);
void raise_descriptor_limit(unsigned int needed, const char *what);

int go_to_background(void);
void background_is_ready(int ready_fd);

#endif
