// SPDX-License-Identifier: GPL-2.0
/* ivnet-dump: the configuration of devices, as commands that make it again. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "devlink.h"
#include "ethtool.h"
#include "ioctl.h"
#include "link.h"
#include "script.h"

#define OUR_DRIVERS "ivnet"

static const char help[] =
"Usage: ivnet-dump [INTERFACE...]\n"
"Write the configuration of interfaces of ivnet (of all that there are) as commands\n"
"of ip, ethtool and devlink. \"sh\" makes the same of a fresh device.\n"
"\n"
"  -h, --help               show this and end\n"
"  -V, --version            show the version and end\n"
"\n"
"See ivnet-dump(8).\n";

static const struct option options[] = {
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 }
};

struct dump {
	struct netlink ethtool;
	struct netlink devlink;
	struct links links;
};

/*
 * A device starts anew with its parameters, so these are first; channels decide
 * about tables and settings of queues; memory units about MTU and offloads, and the
 * other way round; delays count in entries of rings.
 */
static bool dump_link(struct dump *d, const struct link *link, const char *driver)
{
	script_add("# %s: %s, %s/%s\n", link->word, driver, link->bus, link->device);
	if (!devlink_dump(&d->devlink, link))
		return false;
	link_dump(link);
	if (!channels_dump(&d->ethtool, link) || !features_dump(&d->ethtool, link) ||
	    !rings_dump(&d->ethtool, link) || !coalesce_dump(&d->ethtool, link) ||
	    !queues_dump(link) || !rss_dump(link) || !tunables_dump(link) ||
	    !messages_dump(&d->ethtool, link) || !wol_dump(&d->ethtool, link) ||
	    !speed_dump(&d->ethtool, link))
		return false;
	link_dump_state(link, &d->links);
	return true;
}

/* One interface; what cannot be told whole is not told at all. */
static bool dump_whole(struct dump *d, const struct link *link, const char *driver)
{
	return script_begin() && script_end(dump_link(d, link, driver));
}

static bool is_ours(const char *driver)
{
	return !strncmp(driver, OUR_DRIVERS, strlen(OUR_DRIVERS));
}

static bool dump_named(struct dump *d, const char *name)
{
	char driver[DRIVER_LEN];
	const struct link *link;
	size_t i;

	for (i = 0; i < d->links.count; i++) {
		link = &d->links.link[i];
		if (strcmp(link->name, name))
			continue;
		if (!driver_name(link, driver, sizeof(driver)))
			return false;
		if (is_ours(driver))
			return dump_whole(d, link, driver);
		pr_err("%s: not of ivnet, its driver is \"%s\"", name, driver);
		return false;
	}
	pr_err("%s: there is no such interface", name);
	return false;
}

static bool dump_all(struct dump *d)
{
	bool any = false, good = true;
	char driver[DRIVER_LEN];
	size_t i;

	for (i = 0; i < d->links.count; i++) {
		if (!driver_name(&d->links.link[i], driver, sizeof(driver))) {
			good = false;
			continue;
		}
		if (!is_ours(driver))
			continue;
		any = true;
		good &= dump_whole(d, &d->links.link[i], driver);
	}
	if (!any && good)
		pr_err("there is no interface of ivnet");
	return any && good;
}

int main(int argc, char **argv)
{
	static struct dump dump;
	bool good = true;
	int option;

	while ((option = getopt_long(argc, argv, "hV", options, NULL)) != -1)
		common_option(option, help);
	if (!links_read(&dump.links))
		return EXIT_FAILURE;
	if (!ethtool_open(&dump.ethtool))
		goto err_free;
	if (!nl_open_generic(&dump.devlink, "devlink", 1))
		goto err_close;

	if (optind == argc)
		good = dump_all(&dump);
	for (; optind < argc; optind++)
		good &= dump_named(&dump, argv[optind]);

	nl_close(&dump.devlink);
	nl_close(&dump.ethtool);
	links_free(&dump.links);
	return good ? EXIT_SUCCESS : EXIT_FAILURE;

err_close:
	nl_close(&dump.ethtool);
err_free:
	links_free(&dump.links);
	return EXIT_FAILURE;
}
