// SPDX-License-Identifier: GPL-2.0
#include "lies.h"

#include <stdlib.h>
#include <string.h>

#define VALUES 6

/*
 * Name, what is done, and values: the first is said unless another one is given, and at
 * random any of them.
 */
static const struct {
	const char *name;
	const char *text;
	unsigned int nr;
	uint32_t values[VALUES];
	bool fatal;		/* not at random unless it is named */
} table[LIES] = {
	[LIE_USED_ID] = { "used-id", "the id of a used buffer is VALUE", 4,
			  { 0xffff, 0, 1, 0x8000 }, true },
	[LIE_USED_TWICE] = { "used-twice", "a buffer is returned twice", 1, { 0 }, true },
	[LIE_USED_LEN] = { "used-len", "the length of a used buffer is VALUE", 6,
			   { 0, 0xffffffff, 1, 11, 0x10000, 0x80000000 }, false },
	[LIE_USED_LOST] = { "used-lost", "a buffer is never returned", 1, { 0 }, false },
	[LIE_USED_JUMP] = { "used-jump", "the used index goes VALUE too far", 3,
			    { 1, 0x100, 0x8000 }, true },
	[LIE_NUM_BUFFERS] = { "num-buffers", "num_buffers is VALUE", 5,
			      { 0, 0xffff, 2, 20, 0x8000 }, false },
	[LIE_HDR_FLAGS] = { "hdr-flags", "flags of a header are VALUE", 5,
			    { 0xff, 1, 2, 3, 4 }, false },
	[LIE_HDR_GSO_TYPE] = { "hdr-gso-type", "gso_type is VALUE", 6,
			       { 0xff, 1, 3, 4, 5, 0x81 }, false },
	[LIE_HDR_LEN] = { "hdr-len", "hdr_len is VALUE", 3, { 0xffff, 0, 1 }, false },
	[LIE_HDR_GSO_SIZE] = { "hdr-gso-size", "gso_size is VALUE", 4, { 0, 0xffff, 1, 8 }, false },
	[LIE_HDR_CSUM_START] = { "hdr-csum-start", "csum_start is VALUE", 3,
				 { 0xffff, 0, 60 }, false },
	[LIE_HDR_CSUM_OFFSET] = { "hdr-csum-offset", "csum_offset is VALUE", 3,
				  { 0xffff, 0, 1500 }, false },
	[LIE_HDR_HASH] = { "hdr-hash", "hash_report is VALUE", 3, { 0xffff, 10, 1 }, false },
	[LIE_HDR_AFTER] = { "hdr-after", "bytes of the header become VALUE once it is visible", 3,
			    { 0xff, 0, 1 }, false },
	[LIE_IRQ_LOST] = { "irq-lost", "an interrupt that is wanted does not come", 1, { 0 },
			   false },
	[LIE_IRQ_EXTRA] = { "irq-extra", "VALUE interrupts that nobody wants", 3, { 1, 2, 10 },
			    false },
	[LIE_RX_STOP] = { "rx-stop", "a receive queue is not looked at", 1, { 0 }, false },
	[LIE_TX_STOP] = { "tx-stop", "a transmit queue is not looked at", 1, { 0 }, true },
	[LIE_CTRL_SILENT] = { "ctrl-silent", "a command is taken and never answered", 1, { 0 },
			      true },
	[LIE_CTRL_ACK] = { "ctrl-ack", "a command is not carried out, its answer is VALUE", 4,
			   { 1, 0xff, 2, 0x80 }, false },
	[LIE_CTRL_REPLY] = { "ctrl-reply", "a command's result is bytes of VALUE", 3,
			     { 0xff, 0, 0x5a }, false },
	[LIE_CTRL_LATE] = { "ctrl-late", "an answer takes VALUE ms", 3, { 100, 500, 2000 }, false },
	[LIE_CONFIG_FLIP] = { "config-flip", "a read of the configuration is inverted", 1, { 0 },
			      false },
	[LIE_CONFIG_GENERATION] = { "config-generation", "the generation is another one", 1, { 0 },
				    false },
	[LIE_CONFIG_PAIRS] = { "config-pairs", "max_virtqueue_pairs is VALUE", 3,
			       { 0, 0xffff, 0x8000 }, true },
	[LIE_CONFIG_MTU] = { "config-mtu", "mtu is VALUE", 4, { 0, 67, 0xffff, 1 }, true },
	[LIE_STATUS_STUCK] = { "status-stuck", "status reads as before the reset", 1, { 0 }, true },
	[LIE_FEATURES_REFUSED] = { "features-refused", "FEATURES_OK does not stay", 1, { 0 },
				   true },
	[LIE_ENABLE_REFUSED] = { "enable-refused", "queue_enable stays 0", 1, { 0 }, true },
	[LIE_QUEUE_RESET_STUCK] = { "queue-reset-stuck", "queue_reset reads as 1", 1, { 0 }, true },
	[LIE_QUEUE_SIZE] = { "queue-size", "queue_size reads as VALUE", 5,
			     { 0, 1, 2, 3, 0xffff }, true },
	[LIE_QUEUES] = { "queues", "num_queues reads as VALUE", 3, { 0, 1, 0xffff }, true },
	[LIE_NEEDS_RESET] = { "needs-reset", "DEVICE_NEEDS_RESET, at any buffer", 1, { 0 }, true },
};

/* Steele, Lea, Flood: splitmix64. Good enough, and the same everywhere. */
static uint64_t next_random(struct lies *l)
{
	uint64_t z = l->random += 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;

	return z ^ (z >> 31);
}

static bool queue_matches(int wanted, int queue)
{
	switch (wanted) {
	case LIE_ANY_QUEUE:
		return true;
	case LIE_RX_QUEUES:
		return queue >= 0 && queue < LIE_CTRL_INDEX && !(queue & 1);
	case LIE_TX_QUEUES:
		return queue >= 0 && queue < LIE_CTRL_INDEX && queue & 1;
	case LIE_CTRL_QUEUE:
		return queue == LIE_CTRL_INDEX;
	}

	return queue == wanted;
}

/**
 * lie_told_slowly() - lie_told() for one that is on
 * @l: the lies
 * @which: one of them
 * @queue: see lie_told()
 * @value: likewise
 *
 * Return: true if it is to be told.
 */
bool lie_told_slowly(struct lies *l, enum lie which, int queue, uint32_t *value)
{
	struct lie_state *lie = &l->each[which];
	bool now;

	if (!queue_matches(lie->queue, queue))
		return false;
	lie->occasions++;
	if (lie->skip) {
		lie->skip--;
		return false;
	}
	if (lie->chance)
		now = next_random(l) % lie->every == 0;
	else
		now = (lie->occasions - 1) % lie->every == 0;
	if (!now)
		return false;
	if (value && lie->any)
		*value = table[which].values[next_random(l) % table[which].nr];
	else if (value)
		*value = lie->value;
	lie->told++;
	if (!--lie->left) {
		lie->on = false;
		l->armed--;
	}

	return true;
}

static int find(const char *name)
{
	int i;

	for (i = 0; name && i < LIES; i++)
		if (!strcmp(table[i].name, name))
			return i;

	return -1;
}

static void arm(struct lies *l, int which)
{
	if (!l->each[which].on)
		l->armed++;
	l->each[which].on = true;
	l->each[which].any = false;
	l->each[which].value = table[which].values[0];
	l->each[which].queue = LIE_ANY_QUEUE;
	l->each[which].skip = 0;
	l->each[which].every = 1;
	l->each[which].chance = false;
	l->each[which].left = 1;
	l->each[which].occasions = 0;
}

static bool parse_queue(const char *word, int *queue)
{
	char *end;

	if (!strcmp(word, "rx"))
		*queue = LIE_RX_QUEUES;
	else if (!strcmp(word, "tx"))
		*queue = LIE_TX_QUEUES;
	else if (!strcmp(word, "ctrl"))
		*queue = LIE_CTRL_QUEUE;
	else
		*queue = (int)strtol(word, &end, 10);

	return *queue < 0 || (end != word && !*end && *queue < LIE_CTRL_INDEX);
}

static bool set_word(struct lies *l, int which, const char *word)
{
	struct lie_state *lie = &l->each[which];
	const char *equals = strchr(word, '=');
	unsigned long number;
	char *end;

	if (!equals)
		return false;
	if (!strncmp(word, "queue=", 6))
		return parse_queue(equals + 1, &lie->queue);
	if (!strcmp(word, "value=any")) {
		lie->any = true;
		return true;
	}
	if (!strcmp(word, "count=all")) {
		lie->left = 0;
		return true;
	}
	number = strtoul(equals + 1, &end, 0);
	if (*end || end == equals + 1)
		return false;
	if (!strncmp(word, "value=", 6))
		lie->value = (uint32_t)number;
	else if (!strncmp(word, "count=", 6) && number)
		lie->left = number;
	else if (!strncmp(word, "skip=", 5))
		lie->skip = number;
	else if (!strncmp(word, "every=", 6) && number)
		lie->every = number;
	else if (!strncmp(word, "chance=", 7) && number)
		lie->every = number, lie->chance = true;
	else
		return false;

	return true;
}

/**
 * lies_set() - switch a lie on
 * @l: the lies
 * @words: its name, and how it is told
 *
 * Return: NULL, or what is wrong.
 */
const char *lies_set(struct lies *l, char *words)
{
	int which = find(strtok(words, " "));
	const char *word;

	if (which < 0)
		return "there is no such lie";
	arm(l, which);
	while ((word = strtok(NULL, " "))) {
		if (set_word(l, which, word))
			continue;
		lies_clear(l, table[which].name);
		return "not understood";
	}

	return NULL;
}

/**
 * lies_random() - switch many lies on, told at random
 * @l: the lies
 * @words: a seed, then the options of each, names, or "all"
 *
 * Return: NULL, or what is wrong.
 */
const char *lies_random(struct lies *l, char *words)
{
	const char *word = strtok(words, " ");
	unsigned long chance = 100;
	bool named = false;
	char *end;
	int i;

	if (!word)
		return "a seed is missing";
	l->random = strtoull(word, &end, 0);
	if (*end)
		return "the seed is no number";
	for (word = strtok(NULL, " "); word; word = strtok(NULL, " ")) {
		if (!strncmp(word, "chance=", 7)) {
			chance = strtoul(word + 7, NULL, 0);
			if (!chance)
				return "not a chance";
			continue;
		}
		i = find(word);
		if (i < 0)
			return "there is no such lie";
		named = true;
		arm(l, i);
		l->each[i].every = 0;
	}
	for (i = 0; i < LIES; i++) {
		if (named ? !l->each[i].on || l->each[i].every : table[i].fatal)
			continue;
		arm(l, i);
		l->each[i].any = true;
		l->each[i].chance = true;
		l->each[i].every = chance;
		l->each[i].left = 0;
	}

	return NULL;
}

/**
 * lies_clear() - tell the truth
 * @l: the lies
 * @name: of one of them, or NULL for all
 *
 * Return: NULL, or what is wrong.
 */
const char *lies_clear(struct lies *l, const char *name)
{
	int i, which = find(name);

	if (name && which < 0)
		return "there is no such lie";
	for (i = 0; i < LIES; i++) {
		if ((name && i != which) || !l->each[i].on)
			continue;
		l->each[i].on = false;
		l->armed--;
	}

	return NULL;
}

/**
 * lies_report() - what was told, as a JSON object
 * @l: the lies
 * @out: where to
 */
void lies_report(const struct lies *l, FILE *out)
{
	const char *comma = "";
	int i;

	fputc('{', out);
	for (i = 0; i < LIES; i++) {
		if (!l->each[i].on && !l->each[i].told)
			continue;
		fprintf(out, "%s\"%s\":{\"on\":%s,\"occasions\":%lu,\"told\":%lu}", comma,
			table[i].name, l->each[i].on ? "true" : "false", l->each[i].occasions,
			l->each[i].told);
		comma = ",";
	}
	fputc('}', out);
}

/**
 * lies_list() - all lies that there are, as a JSON object
 * @l: the lies
 * @out: where to
 */
void lies_list(const struct lies *l, FILE *out)
{
	int i;

	(void)l;
	fputc('{', out);
	for (i = 0; i < LIES; i++)
		fprintf(out, "%s\"%s\":\"%s\"", i ? "," : "", table[i].name, table[i].text);
	fputc('}', out);
}
