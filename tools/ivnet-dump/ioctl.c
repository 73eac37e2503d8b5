// SPDX-License-Identifier: GPL-2.0
#include "ioctl.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

int ethtool_ioctl(const struct link *link, void *command)
{
	struct ifreq request = { .ifr_data = command };
	int fd, err;

	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	memcpy(request.ifr_name, link->name, sizeof(request.ifr_name));
	err = ioctl(fd, SIOCETHTOOL, &request) < 0 ? -errno : 0;
	close(fd);
	return err;
}

bool driver_name(const struct link *link, char *name, size_t size)
{
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };
	int err = ethtool_ioctl(link, &info);

	*name = '\0';
	if (err == -EOPNOTSUPP)
		return true;
	if (err) {
		pr_err("%s: its driver: %s", link->name, strerror(-err));
		return false;
	}
	strncat(name, info.driver, size - 1);
	return true;
}

bool tunables_dump(const struct link *link)
{
	static const struct {
		__u32 id;
		const char *name;
	} tunables[] = {
		{ ETHTOOL_RX_COPYBREAK, "rx-copybreak" },
		{ ETHTOOL_TX_COPYBREAK, "tx-copybreak" },
	};
	union {
		struct ethtool_tunable head;
		char room[sizeof(struct ethtool_tunable) + sizeof(__u32)];
	} command;
	__u32 value;
	size_t i;
	int err;

	for (i = 0; i < sizeof(tunables) / sizeof(*tunables); i++) {
		memset(&command, 0, sizeof(command));
		command.head.cmd = ETHTOOL_GTUNABLE;
		command.head.id = tunables[i].id;
		command.head.type_id = ETHTOOL_TUNABLE_U32;
		command.head.len = sizeof(value);
		err = ethtool_ioctl(link, &command);
		if (err == -EOPNOTSUPP)
			continue;
		if (err) {
			pr_err("%s: %s: %s", link->name, tunables[i].name, strerror(-err));
			return false;
		}
		memcpy(&value, command.room + sizeof(command.head), sizeof(value));
		script_add("ethtool --set-tunable %s %s %u\n", link->word, tunables[i].name,
			   value);
	}
	return true;
}
