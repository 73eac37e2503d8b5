// SPDX-License-Identifier: GPL-2.0
#include "memory.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "log.h"

#ifndef MFD_HUGE_SHIFT
#define MFD_HUGE_SHIFT 26
#endif
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x8U
#endif

static const char *size_text(uint64_t size, char *text, size_t length)
{
	static const char * const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	unsigned int unit = 0;

	while (unit < 4 && size && !(size & 1023)) {
		size >>= 10;
		unit++;
	}
	snprintf(text, length, "%ju %s", (uintmax_t)size, units[unit]);
	return text;
}

static int create_memfd(uint64_t huge)
{
	unsigned int flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd;

	if (huge)
		flags |= MFD_HUGETLB;
	if (huge > HUGE_DEFAULT)
		flags |= (unsigned int)__builtin_ctzll(huge) << MFD_HUGE_SHIFT;
	fd = memfd_create("ivshmem", flags | MFD_NOEXEC_SEAL);
	/* Linux before 6.3 does not know that flag. */
	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("ivshmem", flags);
	return fd;
}

/* Missing pages are an error now rather than SIGBUS in a guest later. */
static int preallocate(struct memory *m, const char *hint)
{
	int code;

	do {
		code = fallocate(m->fd, 0, 0, (off_t)m->size);
	} while (code && errno == EINTR);
	if (code)
		pr_err("%s: cannot get all of it: %s%s", m->text, strerror(errno), hint);
	return code;
}

static int open_memfd(struct memory *m, const struct options *o)
{
	char size[32], huge[32];

	size_text(o->size, size, sizeof(size));
	snprintf(m->text, sizeof(m->text), "%s of anonymous memory%s", size,
		 o->huge ? " in huge pages" : "");
	if (o->huge > o->size) {
		pr_err("--size: %s is less than one huge page, %s", size,
		       size_text(o->huge, huge, sizeof(huge)));
		return -1;
	}
	m->size = o->size;
	m->fd = create_memfd(o->huge);
	if (m->fd < 0) {
		pr_err("%s: memfd_create: %s%s", m->text, strerror(errno),
		       o->huge ? " (is this size of huge pages in /sys/kernel/mm/hugepages?)" : "");
		return -1;
	}
	if (ftruncate(m->fd, (off_t)m->size)) {
		pr_err("%s: %s%s", m->text, strerror(errno),
		       o->huge ? " (at least one huge page is needed)" : "");
		return -1;
	}
	if ((o->prealloc || o->huge) &&
	    preallocate(m, o->huge ? " (see vm.nr_hugepages)" : ""))
		return -1;
	/*
	 * A client that could shrink the memory would end all the others by
	 * SIGBUS. Without the last seal one could add F_SEAL_FUTURE_WRITE and
	 * lock out those to come.
	 */
	if (fcntl(m->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)) {
		pr_err("%s: cannot seal its size: %s", m->text, strerror(errno));
		return -1;
	}
	return 0;
}

static int check_huge(struct memory *m, const char *path)
{
	struct statfs fs;
	char text[32];

	if (fstatfs(m->fd, &fs)) {
		pr_err("--memory %s: %s", path, strerror(errno));
		return -1;
	}
	if (fs.f_type != HUGETLBFS_MAGIC)
		return 0;
	if (m->size % (uint64_t)fs.f_bsize) {
		pr_err("--memory %s: the size must be a multiple of its huge pages, %s", path,
		       size_text((uint64_t)fs.f_bsize, text, sizeof(text)));
		return -1;
	}
	return 1;
}

static int set_file_size(struct memory *m, const struct options *o, uint64_t found)
{
	char there[32], asked[32];

	m->size = o->size;
	size_text(o->size, asked, sizeof(asked));
	size_text(found, there, sizeof(there));
	if (found && o->size_given && found != o->size) {
		pr_err("--memory %s: is %s, not %s: leave out --size, or remove the file",
		       o->memory, there, asked);
		return -1;
	}
	if (found && !size_is_valid(found)) {
		pr_err("--memory %s: is %s, but must be a power of two from 4K to 1T", o->memory,
		       there);
		return -1;
	}
	if (found)
		m->size = found;
	snprintf(m->text, sizeof(m->text), "%s of %.60s", found ? there : asked, o->memory);
	return 0;
}

static int open_file(struct memory *m, const struct options *o)
{
	const char *path = o->memory;
	struct stat st;
	int huge;

	/* Non-blocking for the sake of a path that is a FIFO. */
	m->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (m->fd < 0 || fstat(m->fd, &st)) {
		pr_err("--memory %s: %s", path, strerror(errno));
		return -1;
	}
	if (!S_ISREG(st.st_mode)) {
		pr_err("--memory %s: is not a regular file", path);
		return -1;
	}
	/*
	 * The lock belongs to the open file, so it lasts as long as any client
	 * has the descriptor. Guests of an earlier server have ids that this
	 * one would give out again: over the same memory that must not be.
	 */
	if (flock(m->fd, LOCK_EX | LOCK_NB)) {
		pr_err("--memory %s: is in use by another server, or by guests that got it from an earlier one",
		       path);
		return -1;
	}
	if (set_file_size(m, o, (uint64_t)st.st_size))
		return -1;
	huge = check_huge(m, path);
	if (huge < 0)
		return -1;
	if (!st.st_size && ftruncate(m->fd, (off_t)m->size)) {
		pr_err("%s: %s", m->text, strerror(errno));
		return -1;
	}
	if ((o->prealloc || huge) && preallocate(m, ""))
		return -1;
	return 0;
}

int memory_open(struct memory *m, const struct options *o)
{
	m->fd = -1;
	return o->memory ? open_file(m, o) : open_memfd(m, o);
}

void memory_close(struct memory *m)
{
	if (m->fd >= 0)
		close(m->fd);
	m->fd = -1;
}
