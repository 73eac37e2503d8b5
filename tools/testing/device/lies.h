/* SPDX-License-Identifier: GPL-2.0 */
/* What a virtio-net device can be made to do wrong; see lies.c for what each means. */
#ifndef DEVICE_LIES_H
#define DEVICE_LIES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum lie {
	LIE_USED_ID,
	LIE_USED_TWICE,
	LIE_USED_LEN,
	LIE_USED_LOST,
	LIE_USED_JUMP,
	LIE_NUM_BUFFERS,
	LIE_HDR_FLAGS,
	LIE_HDR_GSO_TYPE,
	LIE_HDR_LEN,
	LIE_HDR_GSO_SIZE,
	LIE_HDR_CSUM_START,
	LIE_HDR_CSUM_OFFSET,
	LIE_HDR_HASH,
	LIE_HDR_AFTER,
	LIE_IRQ_LOST,
	LIE_IRQ_EXTRA,
	LIE_RX_STOP,
	LIE_TX_STOP,
	LIE_CTRL_SILENT,
	LIE_CTRL_ACK,
	LIE_CTRL_REPLY,
	LIE_CTRL_LATE,
	LIE_CONFIG_FLIP,
	LIE_CONFIG_GENERATION,
	LIE_CONFIG_PAIRS,
	LIE_CONFIG_MTU,
	LIE_STATUS_STUCK,
	LIE_FEATURES_REFUSED,
	LIE_ENABLE_REFUSED,
	LIE_QUEUE_RESET_STUCK,
	LIE_QUEUE_SIZE,
	LIE_QUEUES,
	LIE_NEEDS_RESET,
	LIES
};

/**
 * struct lie_state - whether and when a lie is told
 * @on: it may be told
 * @any: @value is chosen at random out of the lie's own
 * @value: what is said
 * @queue: index of the only queue, or one of enum lie_queue
 * @skip: occasions that still pass before the first
 * @every: told at every so many occasions; at random if @chance is set
 * @chance: @every is a chance of one in so many
 * @left: how often it is still told
 * @occasions: when it could have been told, while it was on
 * @told: how often it was, since the start
 */
struct lie_state {
	bool on;
	bool any;
	uint32_t value;
	int queue;
	unsigned long skip;
	unsigned long every;
	bool chance;
	unsigned long left;
	unsigned long occasions;
	unsigned long told;
};

/**
 * struct lies - which lies are told, and when
 * @armed: number of those that may be told
 * @random: state of the generator
 * @each: by lie
 */
struct lies {
	unsigned int armed;
	uint64_t random;
	struct lie_state each[LIES];
};

enum lie_queue {
	LIE_ANY_QUEUE = -1,
	LIE_RX_QUEUES = -2,
	LIE_TX_QUEUES = -3,
	LIE_CTRL_QUEUE = -4,
};

/* What lie_told() asks about when no queue is concerned. */
#define LIE_NO_QUEUE (-1)
#define LIE_CTRL_INDEX 0x10000

bool lie_told_slowly(struct lies *l, enum lie which, int queue, uint32_t *value);
const char *lies_set(struct lies *l, char *words);
const char *lies_random(struct lies *l, char *words);
const char *lies_clear(struct lies *l, const char *name);
void lies_report(const struct lies *l, FILE *out);
void lies_list(const struct lies *l, FILE *out);

/**
 * lie_told() - is a lie to be told now?
 * @l: the lies
 * @which: one of them
 * @queue: the queue that it is about (%LIE_CTRL_INDEX for the control queue), or
 *	%LIE_NO_QUEUE
 * @value: set to what is to be said, if it is; may be NULL
 *
 * Return: true if it is.
 */
static inline bool lie_told(struct lies *l, enum lie which, int queue, uint32_t *value)
{
	return l->armed && l->each[which].on && lie_told_slowly(l, which, queue, value);
}

#endif
