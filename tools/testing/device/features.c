// SPDX-License-Identifier: GPL-2.0
/* Features by name. */
#include <string.h>

#include "vnet.h"

static const struct {
	const char *name;
	unsigned int bit;
	bool offered;		/* unless it is hidden */
	int needs;		/* goes with this one, or -1 */
} table[] = {
	{ "csum", VIRTIO_NET_F_CSUM, true, -1 },
	{ "guest_csum", VIRTIO_NET_F_GUEST_CSUM, true, -1 },
	{ "ctrl_guest_offloads", VIRTIO_NET_F_CTRL_GUEST_OFFLOADS, true, VIRTIO_NET_F_CTRL_VQ },
	{ "mtu", VIRTIO_NET_F_MTU, false, -1 },
	{ "mac", VIRTIO_NET_F_MAC, true, -1 },
	{ "guest_tso4", VIRTIO_NET_F_GUEST_TSO4, true, VIRTIO_NET_F_GUEST_CSUM },
	{ "guest_tso6", VIRTIO_NET_F_GUEST_TSO6, true, VIRTIO_NET_F_GUEST_CSUM },
	{ "guest_ecn", VIRTIO_NET_F_GUEST_ECN, true, VIRTIO_NET_F_GUEST_TSO4 },
	{ "host_tso4", VIRTIO_NET_F_HOST_TSO4, true, VIRTIO_NET_F_CSUM },
	{ "host_tso6", VIRTIO_NET_F_HOST_TSO6, true, VIRTIO_NET_F_CSUM },
	{ "host_ecn", VIRTIO_NET_F_HOST_ECN, true, VIRTIO_NET_F_HOST_TSO4 },
	{ "mrg_rxbuf", VIRTIO_NET_F_MRG_RXBUF, true, -1 },
	{ "status", VIRTIO_NET_F_STATUS, true, -1 },
	{ "ctrl_vq", VIRTIO_NET_F_CTRL_VQ, true, -1 },
	{ "ctrl_rx", VIRTIO_NET_F_CTRL_RX, true, VIRTIO_NET_F_CTRL_VQ },
	{ "ctrl_vlan", VIRTIO_NET_F_CTRL_VLAN, true, VIRTIO_NET_F_CTRL_VQ },
	{ "ctrl_rx_extra", VIRTIO_NET_F_CTRL_RX_EXTRA, true, VIRTIO_NET_F_CTRL_RX },
	{ "guest_announce", VIRTIO_NET_F_GUEST_ANNOUNCE, true, VIRTIO_NET_F_CTRL_VQ },
	{ "mq", VIRTIO_NET_F_MQ, false, VIRTIO_NET_F_CTRL_VQ },
	{ "ctrl_mac_addr", VIRTIO_NET_F_CTRL_MAC_ADDR, true, VIRTIO_NET_F_CTRL_VQ },
	{ "indirect_desc", VIRTIO_RING_F_INDIRECT_DESC, true, -1 },
	{ "event_idx", VIRTIO_RING_F_EVENT_IDX, true, -1 },
	{ "version_1", VIRTIO_F_VERSION_1, true, -1 },
	{ "access_platform", VIRTIO_F_ACCESS_PLATFORM, false, -1 },
	{ "packed", VIRTIO_F_RING_PACKED, false, -1 },
	{ "in_order", VIRTIO_F_IN_ORDER, false, -1 },
	{ "notification_data", VIRTIO_F_NOTIFICATION_DATA, false, -1 },
	{ "ring_reset", VIRTIO_F_RING_RESET, true, -1 },
	{ "device_stats", VIRTIO_NET_F_DEVICE_STATS, false, VIRTIO_NET_F_CTRL_VQ },
	{ "vq_notf_coal", VIRTIO_NET_F_VQ_NOTF_COAL, false, VIRTIO_NET_F_CTRL_VQ },
	{ "notf_coal", VIRTIO_NET_F_NOTF_COAL, false, VIRTIO_NET_F_CTRL_VQ },
	{ "guest_uso4", VIRTIO_NET_F_GUEST_USO4, false, VIRTIO_NET_F_GUEST_CSUM },
	{ "guest_uso6", VIRTIO_NET_F_GUEST_USO6, false, VIRTIO_NET_F_GUEST_CSUM },
	{ "host_uso", VIRTIO_NET_F_HOST_USO, false, VIRTIO_NET_F_CSUM },
	{ "hash_report", VIRTIO_NET_F_HASH_REPORT, false, VIRTIO_NET_F_CTRL_VQ },
	{ "guest_hdrlen", VIRTIO_NET_F_GUEST_HDRLEN, false, -1 },
	{ "rss", VIRTIO_NET_F_RSS, false, VIRTIO_NET_F_CTRL_VQ },
	{ "rsc_ext", VIRTIO_NET_F_RSC_EXT, false, VIRTIO_NET_F_GUEST_TSO4 },
	{ "standby", VIRTIO_NET_F_STANDBY, false, -1 },
	{ "speed_duplex", VIRTIO_NET_F_SPEED_DUPLEX, false, -1 },
};

#define FEATURES ARRAY_SIZE(table)

/**
 * vnet_feature() - the bit of a feature
 * @name: of it, or a number
 *
 * Return: it, or -1.
 */
int vnet_feature(const char *name)
{
	unsigned int i;
	int bit, end;

	for (i = 0; i < FEATURES; i++)
		if (!strcmp(table[i].name, name))
			return (int)table[i].bit;
	if (sscanf(name, "%d%n", &bit, &end) == 1 && !name[end] && bit >= 0 && bit < 64)
		return bit;

	return -1;
}

/**
 * vnet_features_default() - what is offered if nothing else is said
 *
 * Return: feature bits.
 */
uint64_t vnet_features_default(void)
{
	uint64_t features = 0;
	unsigned int i;

	for (i = 0; i < FEATURES; i++)
		if (table[i].offered)
			features |= BIT(table[i].bit);

	return features;
}

/**
 * vnet_features_hide() - take a feature away
 * @features: feature bits
 * @bit: of the feature
 *
 * What needs it goes, too (virtio 1.3, 5.1.3.1).
 *
 * Return: what is left.
 */
uint64_t vnet_features_hide(uint64_t features, int bit)
{
	unsigned int i;

	features &= ~BIT(bit);
	for (i = 0; i < FEATURES; i++)
		if (table[i].needs == bit && features & BIT(table[i].bit))
			features = vnet_features_hide(features, (int)table[i].bit);

	return features;
}

/**
 * vnet_features_report() - features as a JSON list of names
 * @features: bits
 * @out: where to
 */
void vnet_features_report(uint64_t features, FILE *out)
{
	const char *comma = "";
	unsigned int i;

	fputc('[', out);
	for (i = 0; i < FEATURES; i++) {
		if (!(features & BIT(table[i].bit)))
			continue;
		fprintf(out, "%s\"%s\"", comma, table[i].name);
		comma = ",";
	}
	fputc(']', out);
}
