// SPDX-License-Identifier: GPL-2.0
/* Which CPUs serve which queue pair: XPS and interrupt hints. */

#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/cpumask.h>
#include <linux/mutex.h>
#include <linux/netdevice.h>
#include <linux/slab.h>

#include "ivnet.h"

/*
 * Taken inside the CPU hotplug lock. Hotplug callbacks cannot take rtnl, so
 * this is what keeps a queue set alive for them.
 */
static DEFINE_MUTEX(ivnet_affinity_lock);
static enum cpuhp_state ivnet_cpuhp_state;

/* Spread the online CPUs, less one that goes away, over the pairs in turn. */
static void spread(struct ivnet_net *net, int going)
{
	struct ivnet_dev *idev = net->idev;
	struct ivnet_qset *qs = net->qset;
	cpumask_var_t mask;
	unsigned int n;
	u32 i;
	int cpu;

	/* A hint that cannot be given is no fault. */
	if (!zalloc_cpumask_var(&mask, GFP_KERNEL))
		return;

	for (i = 0; i < qs->cfg.pairs; i++) {
		cpumask_clear(mask);
		n = 0;
		for_each_online_cpu(cpu) {
			if (cpu == going)
				continue;
			if (n++ % qs->cfg.pairs == i)
				cpumask_set_cpu(cpu, mask);
		}
		/* More pairs than CPUs: let anyone use the pair. */
		if (cpumask_empty(mask))
			cpumask_copy(mask, cpu_online_mask);
		if (idev->ops->set_affinity)
			idev->ops->set_affinity(idev, qs->q[i], mask);
		__netif_set_xps_queue(idev->netdev, cpumask_bits(mask), i,
				      XPS_CPUS);
	}

	free_cpumask_var(mask);
}

static int cpu_online_cb(unsigned int cpu, struct hlist_node *node)
{
	struct ivnet_net *net = hlist_entry(node, struct ivnet_net, cpuhp);

	mutex_lock(&ivnet_affinity_lock);
	if (net->spread)
		spread(net, -1);
	mutex_unlock(&ivnet_affinity_lock);

	return 0;
}

static int cpu_offline_cb(unsigned int cpu, struct hlist_node *node)
{
	struct ivnet_net *net = hlist_entry(node, struct ivnet_net, cpuhp);

	mutex_lock(&ivnet_affinity_lock);
	if (net->spread)
		spread(net, cpu);
	mutex_unlock(&ivnet_affinity_lock);

	return 0;
}

/**
 * ivnet_affinity_set() - spread a new queue set over the CPUs
 * @net: has the queue set
 *
 * Context: rtnl; sleeps.
 */
void ivnet_affinity_set(struct ivnet_net *net)
{
	cpus_read_lock();
	mutex_lock(&ivnet_affinity_lock);
	net->spread = true;
	spread(net, -1);
	mutex_unlock(&ivnet_affinity_lock);
	cpus_read_unlock();
}

/**
 * ivnet_affinity_clear() - the queue set is about to go
 * @net: has the queue set
 *
 * Context: rtnl; sleeps.
 */
void ivnet_affinity_clear(struct ivnet_net *net)
{
	mutex_lock(&ivnet_affinity_lock);
	net->spread = false;
	mutex_unlock(&ivnet_affinity_lock);
}

/**
 * ivnet_affinity_add() - follow CPU hotplug for a net_device
 * @net: its private part
 *
 * Return: 0 or an error.
 */
int ivnet_affinity_add(struct ivnet_net *net)
{
	return cpuhp_state_add_instance_nocalls(ivnet_cpuhp_state, &net->cpuhp);
}

/**
 * ivnet_affinity_del() - stop following CPU hotplug
 * @net: the net_device's private part
 */
void ivnet_affinity_del(struct ivnet_net *net)
{
	cpuhp_state_remove_instance_nocalls(ivnet_cpuhp_state, &net->cpuhp);
}

/**
 * ivnet_affinity_init() - at module load
 *
 * A dynamic state: the static one belongs to virtio_net.
 *
 * Return: 0 or an error.
 */
int ivnet_affinity_init(void)
{
	int state;

	state = cpuhp_setup_state_multi(CPUHP_AP_ONLINE_DYN, "net/ivnet:online",
					cpu_online_cb, cpu_offline_cb);
	if (state < 0)
		return state;
	ivnet_cpuhp_state = state;

	return 0;
}

/**
 * ivnet_affinity_exit() - at module unload
 */
void ivnet_affinity_exit(void)
{
	cpuhp_remove_multi_state(ivnet_cpuhp_state);
}
