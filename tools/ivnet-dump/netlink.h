/* SPDX-License-Identifier: GPL-2.0 */
/* Questions to the kernel, and answers whose attributes are checked. */
#ifndef NETLINK_H
#define NETLINK_H

#include <libmnl/libmnl.h>
#include <linux/types.h>
#include <stdbool.h>

/* Features in words are the longest answer, about 10 KiB. */
#define NETLINK_BUFFER 65536

/*
 * A socket of one family. What fails has been said, but for nl_ask(), whose
 * caller knows what the question was.
 */
struct netlink {
	struct mnl_socket *socket;
	const char *name;	/* for messages */
	__u16 family;	/* of generic netlink; 0 if the kernel has no such one */
	__u8 version;
	unsigned int seq;
	char buffer[NETLINK_BUFFER];
};

bool nl_open_route(struct netlink *nl);
/* True as well if there is no such family. */
bool nl_open_generic(struct netlink *nl, const char *family, __u8 version);
void nl_close(struct netlink *nl);

/* Begin a question; flags are 0 or NLM_F_DUMP. */
struct nlmsghdr *nl_route(struct netlink *nl, __u16 type, __u16 flags);
struct nlmsghdr *nl_generic(struct netlink *nl, __u8 command, __u16 flags);
/* Ask, and have @answer called for each message: MNL_CB_OK goes on. 0 or -errno. */
int nl_ask(struct netlink *nl, struct nlmsghdr *question, mnl_cb_t answer, void *data);

/*
 * Attributes by number. @types has MNL_TYPE_* of those that are wanted, up to
 * @max; others, also those of a newer kernel, are passed over. False for one that is
 * not what it should be.
 */
bool nl_parse_nested(const struct nlattr *nest, const __u8 *types, __u16 max,
		     const struct nlattr **found);
bool nl_parse(const struct nlmsghdr *answer, unsigned int header, const __u8 *types,
	      __u16 max, const struct nlattr **found);
/* What a callback returns then. */
int nl_malformed(void);

#endif
