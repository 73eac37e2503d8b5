// SPDX-License-Identifier: GPL-2.0
/* What a tester sees and says: a command is a line, and so is its answer, in JSON. */
#include <stdlib.h>
#include <string.h>

#include "vnet.h"

static void report_mac(FILE *out, const uint8_t *mac)
{
	fprintf(out, "\"%02x:%02x:%02x:%02x:%02x:%02x\"", mac[0], mac[1], mac[2], mac[3], mac[4],
		mac[5]);
}

static void report_macs(const struct vnet_filter *f, unsigned int kind, FILE *out)
{
	unsigned int i;

	fputc('[', out);
	for (i = 0; i < f->nr[kind]; i++) {
		if (i)
			fputc(',', out);
		report_mac(out, f->macs[kind][i]);
	}
	fputc(']', out);
}

static void report_filter(const struct vnet *v, FILE *out)
{
	static const char * const names[] = { "promisc", "allmulti", "alluni", "nomulti", "nouni",
					      "nobcast" };
	const struct vnet_filter *f = &v->state.filter;
	const char *comma = "";
	unsigned int i;

	fputs(",\"mac\":", out);
	report_mac(out, v->state.mac);
	fputs(",\"rx_mode\":[", out);
	for (i = 0; i < 6; i++) {
		if (!f->flags[i])
			continue;
		fprintf(out, "%s\"%s\"", comma, names[i]);
		comma = ",";
	}
	fputs("],\"unicast\":", out);
	report_macs(f, 0, out);
	fputs(",\"multicast\":", out);
	report_macs(f, 1, out);
	fprintf(out, ",\"overflow\":[%d,%d],\"vlans\":[", f->overflow[0], f->overflow[1]);
	comma = "";
	for (i = 0; i < VNET_VLANS; i++) {
		if (!(f->vlans[i / 8] & 1 << i % 8))
			continue;
		fprintf(out, "%s%u", comma, i);
		comma = ",";
	}
	fputc(']', out);
}

static void report_rss(const struct vnet_rss *rss, FILE *out)
{
	unsigned int i;

	fprintf(out, ",\"rss\":{\"types\":%u,\"steering\":%s,\"key\":\"", rss->types,
		rss->steering ? "true" : "false");
	for (i = 0; i < rss->key_length; i++)
		fprintf(out, "%02x", rss->key[i]);
	fprintf(out, "\",\"unclassified\":%u,\"max_tx\":%u,\"table\":[", rss->unclassified,
		rss->max_tx);
	for (i = 0; rss->steering && i <= rss->mask; i++)
		fprintf(out, "%s%u", i ? "," : "", rss->table[i]);
	fputs("]}", out);
}

static void report_queue(const struct vnet *v, const struct vnet_queue *q, FILE *out)
{
	fprintf(out, "{\"index\":%u,\"kind\":\"%s\",\"enabled\":%s", q->index,
		q->index == vnet_ctrl_index(v) ? "ctrl" : q->index & 1 ? "tx" : "rx",
		q->enabled ? "true" : "false");
	fprintf(out, ",\"size\":%u,\"vector\":%u,\"resets\":%lu", q->size, q->vector, q->resets);
	fprintf(out, ",\"kicks\":%lu,\"interrupts\":%lu,\"held_back\":%lu", q->kicks,
		q->interrupts, q->held_back);
	fprintf(out, ",\"buffers\":%lu,\"packets\":%lu,\"bytes\":%lu", q->buffers, q->packets,
		q->bytes);
	fprintf(out, ",\"drops\":%lu,\"overruns\":%lu", q->drops, q->overruns);
	fprintf(out, ",\"usecs\":%u,\"max_packets\":%u}", q->coal.usecs, q->coal.packets);
}

static void report_frames(const char *name, const struct vnet_frame_counts *c, FILE *out)
{
	fprintf(out, ",\"%s\":{\"needs_csum\":%lu,\"csum_valid\":%lu,\"csum_none\":%lu", name,
		c->needs_csum, c->csum_valid, c->csum_none);
	fprintf(out, ",\"gso_packets\":%lu,\"gso_bytes\":%lu,\"gso_segments\":%lu",
		c->gso_packets, c->gso_bytes, c->gso_segments);
	fprintf(out, ",\"rsc_segments\":%lu}", c->rsc_segments);
}

static void report_counts(const struct vnet *v, FILE *out)
{
	const struct vnet_counts *c = &v->counts;

	fprintf(out, ",\"function_resets\":%lu,\"resets\":%lu,\"starts\":%lu", v->vfio.resets,
		c->resets, c->starts);
	fprintf(out, ",\"needs_reset\":%lu,\"broken\":%lu,\"odd\":%lu", c->needs_reset, c->broken,
		c->odd);
	fprintf(out, ",\"config_reads\":%lu,\"config_writes\":%lu,\"config_interrupts\":%lu",
		c->config_reads, c->config_writes, c->config_interrupts);
	fprintf(out, ",\"commands_ok\":%lu,\"commands_failed\":%lu,\"announced\":%lu",
		c->commands[0], c->commands[1], c->announced);
	fprintf(out, ",\"filtered\":%lu,\"too_long\":%lu,\"injected\":%lu", c->filtered,
		c->too_long, c->injected);
	fprintf(out, ",\"tx_bad\":%lu,\"tx_bad_why\":\"%s\"", c->tx_bad,
		c->tx_bad_why ? c->tx_bad_why : "");
}

static void report_commands(const struct vnet *v, FILE *out)
{
	unsigned long first = v->nr_commands > VNET_LOG ? v->nr_commands - VNET_LOG : 0, i;
	const struct vnet_command *c;

	fprintf(out, ",\"commands\":%lu,\"last\":[", v->nr_commands);
	for (i = first; i < v->nr_commands; i++) {
		c = &v->commands[i % VNET_LOG];
		fprintf(out, "%s[%u,%u,%u,%d]", i == first ? "" : ",", c->class, c->command,
			c->length, c->ack);
	}
	fputc(']', out);
}

/**
 * vnet_report() - all there is to know, as a line of JSON
 * @v: the device
 * @out: where to
 */
void vnet_report(const struct vnet *v, FILE *out)
{
	unsigned int i;

	fprintf(out, "{\"connected\":%s,\"status\":%u,\"running\":%s",
		v->vfio.sock >= 0 ? "true" : "false", v->state.status,
		vnet_running(v) ? "true" : "false");
	fputs(",\"offered\":", out);
	vnet_features_report(v->o.features, out);
	fputs(",\"accepted\":", out);
	vnet_features_report(v->state.accepted, out);
	fputs(",\"offloads\":", out);
	vnet_features_report(v->state.offloads, out);
	fprintf(out, ",\"pairs\":%u", v->state.pairs);
	report_filter(v, out);
	report_rss(&v->state.rss, out);
	report_counts(v, out);
	report_commands(v, out);
	report_frames("rx", &v->rx, out);
	report_frames("tx", &v->tx, out);
	fputs(",\"queues\":[", out);
	for (i = 0; i < vnet_queues(v); i++) {
		if (i)
			fputc(',', out);
		report_queue(v, &v->queues[i], out);
	}
	fputs("],\"lies\":", out);
	lies_report(&v->lies, out);
	fputs("}\n", out);
}

static const char *set_link(struct vnet *v, char *words)
{
	uint8_t *status = v->config + offsetof(struct virtio_net_config, status);

	if (!words || (strcmp(words, "up") && strcmp(words, "down")))
		return "link up or link down";
	if (!strcmp(words, "up"))
		*status |= VIRTIO_NET_S_LINK_UP;
	else
		*status &= ~VIRTIO_NET_S_LINK_UP;
	vnet_config_changed(v);

	return NULL;
}

static const char *announce(struct vnet *v, char *words)
{
	(void)words;
	if (!vnet_has(v, VIRTIO_NET_F_GUEST_ANNOUNCE))
		return "GUEST_ANNOUNCE was not accepted";
	v->config[offsetof(struct virtio_net_config, status)] |= VIRTIO_NET_S_ANNOUNCE;
	vnet_config_changed(v);

	return NULL;
}

static const char *set_config(struct vnet *v, char *words)
{
	unsigned int offset, value;

	if (!words || sscanf(words, "%i %i", (int *)&offset, (int *)&value) != 2 ||
	    offset >= sizeof(v->config) || value > 0xff)
		return "config OFFSET BYTE";
	v->config[offset] = (uint8_t)value;
	v->generation++;

	return NULL;
}

static const char *config_interrupt(struct vnet *v, char *words)
{
	(void)words;
	vnet_config_interrupt(v);

	return NULL;
}

static const char *needs_reset(struct vnet *v, char *words)
{
	(void)words;
	vnet_needs_reset(v, "the tester");

	return NULL;
}

/* For the next driver: this one has been offered what it has been offered. */
static const char *set_features(struct vnet *v, char *words, bool on)
{
	const char *name;
	int bit;

	for (name = strtok(words, " ,"); name; name = strtok(NULL, " ,")) {
		bit = vnet_feature(name);
		if (bit < 0)
			return "there is no such feature";
		if (on)
			v->o.features |= BIT(bit);
		else
			v->o.features = vnet_features_hide(v->o.features, bit);
	}

	return NULL;
}

static const char *offer(struct vnet *v, char *words)
{
	return words ? set_features(v, words, true) : "which?";
}

static const char *hide(struct vnet *v, char *words)
{
	return words ? set_features(v, words, false) : "which?";
}

static struct vnet_queue *queue(struct vnet *v, const char *words)
{
	unsigned long index;
	char *end;

	if (!words)
		return NULL;
	index = strtoul(words, &end, 10);
	if (end == words || *end || index >= vnet_queues(v))
		return NULL;

	return &v->queues[index];
}

static const char *interrupt(struct vnet *v, char *words)
{
	struct vnet_queue *q = queue(v, words);

	if (!q)
		return "which queue?";
	vnet_interrupt(v, q);

	return NULL;
}

static const char *work(struct vnet *v, char *words)
{
	struct vnet_queue *q = queue(v, words);

	if (!q)
		return "which queue?";
	q->kicked = true;

	return NULL;
}

static const char *lie(struct vnet *v, char *words)
{
	return words ? lies_set(&v->lies, words) : "which?";
}

static const char *at_random(struct vnet *v, char *words)
{
	return words ? lies_random(&v->lies, words) : "random SEED [chance=N] [NAME...]";
}

/* What was not looked at is, now. */
static const char *truth(struct vnet *v, char *words)
{
	unsigned int i;

	for (i = 0; i < vnet_queues(v); i++)
		v->queues[i].kicked = true;

	return lies_clear(&v->lies, words);
}

static int parse_hex(const char *text, uint8_t *to, unsigned int room)
{
	unsigned int n;
	int end;

	for (n = 0; text[2 * n]; n++) {
		end = 0;
		if (n == room || sscanf(text + 2 * n, "%2hhx%n", to + n, &end) != 1 || end != 2)
			return -1;
	}

	return (int)n;
}

static bool set_field(struct virtio_net_hdr *h, unsigned int *pair, const char *word)
{
	unsigned long value = strtoul(strchr(word, '=') + 1, NULL, 0);

	if (!strncmp(word, "flags=", 6))
		h->flags = (uint8_t)value;
	else if (!strncmp(word, "gso_type=", 9))
		h->gso_type = (uint8_t)value;
	else if (!strncmp(word, "hdr_len=", 8))
		h->hdr_len = (uint16_t)value;
	else if (!strncmp(word, "gso_size=", 9))
		h->gso_size = (uint16_t)value;
	else if (!strncmp(word, "csum_start=", 11))
		h->csum_start = (uint16_t)value;
	else if (!strncmp(word, "csum_offset=", 12))
		h->csum_offset = (uint16_t)value;
	else if (!strncmp(word, "pair=", 5))
		*pair = (unsigned int)value;
	else
		return false;

	return true;
}

static const char *inject(struct vnet *v, char *words)
{
	static uint8_t frame[VNET_FRAME_MAX];
	struct virtio_net_hdr header = { 0 };
	unsigned int pair = 0;
	int length = 0;
	char *word;

	for (word = strtok(words, " "); word; word = strtok(NULL, " ")) {
		if (!strchr(word, '='))
			length = parse_hex(word, frame, sizeof(frame));
		else if (!set_field(&header, &pair, word))
			return "there is no such field";
	}
	if (length <= 0 || pair >= v->o.pairs)
		return "[FIELD=N...] [pair=N] HEX";
	if (!vnet_inject(v, pair, &header, frame, (uint32_t)length))
		return "there is no buffer for it";

	return NULL;
}

static const struct {
	const char *name;
	const char *(*run)(struct vnet *v, char *words);
} commands[] = {
	{ "lie", lie },
	{ "random", at_random },
	{ "truth", truth },
	{ "offer", offer },
	{ "hide", hide },
	{ "link", set_link },
	{ "announce", announce },
	{ "config", set_config },
	{ "config-interrupt", config_interrupt },
	{ "needs-reset", needs_reset },
	{ "interrupt", interrupt },
	{ "kick", work },
	{ "inject", inject },
};

/**
 * control_command() - a line of a tester
 * @v: the device
 * @line: the line, without its end
 * @out: where the answer goes
 */
void control_command(struct vnet *v, char *line, FILE *out)
{
	const char *wrong = "there is no such command";
	char *words = strchr(line, ' ');
	unsigned int i;

	if (words)
		*words++ = '\0';
	if (!strcmp(line, "state")) {
		vnet_report(v, out);
		return;
	}
	if (!strcmp(line, "lies")) {
		lies_list(&v->lies, out);
		fputc('\n', out);
		return;
	}
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(commands[i].name, line))
			wrong = commands[i].run(v, words);
	if (wrong)
		fprintf(out, "{\"error\":\"%s\"}\n", wrong);
	else
		fputs("{}\n", out);
}
