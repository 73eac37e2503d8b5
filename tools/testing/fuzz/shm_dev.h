/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What ivshmem/region.c and output.c need of the kernel and of the driver, so that it can be
 * run here as it is. Whenever it looks at the region, or waits, the peer acts.
 */
#ifndef _FUZZ_SHM_DEV_H
#define _FUZZ_SHM_DEV_H

#include <stdio.h>
#include <net/ivnet/shm_region.h>

/* They include this header of the driver: nothing of it. */
#define _IVNET_SHM_H

#define __force
#define BIT(n)			(1U << (n))
#define ETH_ALEN		6
#define HZ			250
#define VLAN_ETH_FRAME_LEN	1518
#define IVNET_VERSION		"0"
#define SHM_BEAT		msecs_to_jiffies(500)
#define SHM_STALE		(10 * HZ)
#define SHM_PORT_ANY		255
#define SHM_FEATURES		0x7f

#define msecs_to_jiffies(ms)	((ms) * HZ / 1000UL)
#define jiffies_to_msecs(j)	((unsigned int)((j) * 1000 / HZ))
#define min_t(type, a, b)						\
	({								\
		type left = (a), right = (b);				\
									\
		left < right ? left : right;				\
	})

#define READ_ONCE(x)		(peer_acts(), ivnet_shm_load(&(x)))
#define WRITE_ONCE(x, v)	(ivnet_shm_store(&(x), (v)), peer_acts())
#define barrier()		peer_acts()
#define cmpxchg64(p, old, new)						\
	(peer_acts(), __sync_val_compare_and_swap((p), (old), (new)))

/* Formatted, so that the compiler and the sanitizers look at the arguments. */
#define say(whom, ...)							\
	do {								\
		char text[512];						\
									\
		(void)(whom);						\
		snprintf(text, sizeof(text), __VA_ARGS__);		\
	} while (0)
#define NL_SET_ERR_MSG_MOD(extack, ...)		say(extack, __VA_ARGS__)
#define NL_SET_ERR_MSG_FMT_MOD(extack, ...)	say(extack, __VA_ARGS__)
#define dev_info(dev, ...)			say(dev, __VA_ARGS__)
#define dev_warn(dev, ...)			say(dev, __VA_ARGS__)
#define dev_warn_ratelimited(dev, ...)		say(dev, __VA_ARGS__)
#define dev_err(dev, ...)			say(dev, __VA_ARGS__)
#define dev_name(dev)				((dev) ? "a" : "b")

struct netlink_ext_ack;

struct net_device {
	u8 dev_addr[ETH_ALEN];
	unsigned int mtu;
};

struct ivnet_dev {
	void *dev;
};

/* The members of the driver's struct shm_dev that they use. */
struct shm_dev {
	struct ivnet_dev *idev;
	u8 *base;
	u64 size;
	const __le32 *states;
	u8 *outputs[IVNET_SHM_PORTS_MAX];
	u64 output_size;
	u32 own_queues;
	u32 strange;
	u16 position;
	u16 vectors;
	u32 want_ports;
	u32 want_queues;
	u32 pin;
	bool format;
	struct ivnet_shm_geometry geo;
	struct ivnet_shm_header header;
	int port;
	u32 incarnation;
	u32 beat;
	u64 wants;
	struct net_device *netdev;
	u8 mac[ETH_ALEN];
	u16 mtu;
	struct {
		u64 claim;
		u32 beat;
		unsigned long at;
	} others[IVNET_SHM_PORTS_MAX];
};

extern unsigned long jiffies;

void peer_acts(void);

int shm_region_open(struct shm_dev *sd, struct netlink_ext_ack *extack);
bool shm_region_foreign(const struct shm_dev *sd);
bool shm_region_kept(const struct shm_dev *sd);
u64 shm_claim_read(struct shm_dev *sd, u32 i);
bool shm_port_claim(struct shm_dev *sd);
bool shm_port_mine(const struct shm_dev *sd);
void shm_port_release(struct shm_dev *sd);
void shm_announce(struct shm_dev *sd, enum ivnet_shm_state state);
int shm_output_open(struct shm_dev *sd, struct netlink_ext_ack *extack);
u64 shm_output_claim(struct shm_dev *sd, u32 i);

static inline void *shm_at(const struct shm_dev *sd, u32 i, u64 off)
{
	if (sd->states)
		return sd->outputs[i] + IVNET_SHM_PAGE +
		       (off - ivnet_shm_section(&sd->geo, i));

	return sd->base + off;
}

static inline bool time_after(unsigned long a, unsigned long b)
{
	return (long)(b - a) < 0;
}

static inline void msleep(unsigned int ms)
{
	jiffies += msecs_to_jiffies(ms);
	peer_acts();
}

static inline u32 get_random_u32(void)
{
	static u32 last;

	return ++last;
}

static inline unsigned long random_get_entropy(void)
{
	return 0;
}

static inline u32 num_online_cpus(void)
{
	return 2;
}

static inline void *memchr_inv(const void *p, int c, size_t size)
{
	const u8 *at;

	for (at = p; size; at++, size--)
		if (*at != c)
			return (void *)at;

	return NULL;
}

static inline void ether_addr_copy(u8 *to, const u8 *from)
{
	memcpy(to, from, ETH_ALEN);
}

static inline void copy_text(u8 *to, const char *from, size_t size)
{
	snprintf((char *)to, size, "%s", from);
}

#define strscpy(to, from, size)	copy_text(to, from, size)

#endif
