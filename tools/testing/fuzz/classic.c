// SPDX-License-Identifier: GPL-2.0
/*
 * Both directions of the classic format against a peer that writes to all the
 * memory they share: between operations, and whenever we look at it or show
 * something. Both areas are allocations of exactly their size.
 */

#include "hooks.h"
#include "run.h"

static void peer_acts(void);

/* For indices and states alike. */
#define look(p)								\
	({ peer_acts(); __atomic_load_n((p), __ATOMIC_RELAXED); })
#define show(p, v)							\
	({ peer_acts(); *(p) = (v); peer_acts(); })

#include <net/ivnet/shm_classic.h>

#define N_MAX	128

/**
 * struct world - all there is in a run
 * @in: what is left of the input
 * @l: layout
 * @side: ours
 * @areas: both sides' areas
 * @tx: our sending side
 * @rx: our receiving side
 * @flight: frames that the peer may read, by descriptor
 * @got: a frame was received
 */
static struct world {
	struct bytes in;
	struct ivnet_classic_layout l;
	u32 side;
	u8 *areas[2];
	struct ivnet_classic_tx tx;
	struct ivnet_classic_rx rx;
	struct {
		u64 offset;
		u32 len;
	} flight[N_MAX];
	bool got;
} w;

static void put16(u8 *p, u16 v)
{
	__le16 word = cpu_to_le16(v);

	memcpy(p, &word, sizeof(word));
}

/* An index near those that count. */
static u16 index_near(u16 tail, u16 head)
{
	u8 how = take8(&w.in);

	switch (how % 4) {
	case 0:
		return tail + (how >> 2);
	case 1:
		return head;
	case 2:
		return head + (how >> 2) - 32;
	default:
		return take16(&w.in);
	}
}

/* A frame of the peer's that is right but for what the input breaks of it. */
static void peer_sends(u8 how)
{
	u8 *theirs = w.areas[!w.side];
	u32 slot = (w.rx.tail + how % 4) & (w.l.n - 1), id = slot;
	u32 len = 14 + take16(&w.in) % (w.rx.max_frame - 13);
	struct ivnet_classic_desc d;
	u64 addr = w.rx.data_addr;

	addr += take16(&w.in) % (w.rx.data_size - len + 1);
	d = (struct ivnet_classic_desc) {};
	switch (how >> 4) {
	case 1:
		len = take32(&w.in);
		break;
	case 2:
		addr = take32(&w.in);
		break;
	case 3:
		addr = w.rx.data_addr - take8(&w.in);
		break;
	case 4:
		addr = w.rx.data_addr + w.rx.data_size - len + take8(&w.in);
		break;
	case 5:
		d.flags = cpu_to_le16(take16(&w.in));
		break;
	case 6:
		addr = (u64)take32(&w.in) << 32 | take32(&w.in);
		break;
	case 7:
		id = take16(&w.in);
		break;
	}
	d.addr = cpu_to_le64(addr);
	d.len = cpu_to_le32(len);
	memcpy(theirs + w.l.desc + (id & (w.l.n - 1)) * sizeof(d), &d, sizeof(d));
	put16(theirs + w.l.avail + 4 + 2 * slot, id);
}

static void peer_returns(u8 how)
{
	u32 i = (w.tx.tail + how % 4) & (w.l.n - 1);
	struct ivnet_classic_used u = {
		.id	= cpu_to_le32(how & 0x40 ? take32(&w.in) : i),
		.len	= cpu_to_le32(how & 0x80 ? take32(&w.in) : 1),
	};

	memcpy(w.areas[!w.side] + w.l.used + 4 + 8 * i, &u, sizeof(u));
}

static void peer_acts(void)
{
	u8 *theirs = w.areas[!w.side], *p;
	u8 how = take8(&w.in);

	switch (how % 16) {
	case 0:
	case 1:
		put16(theirs + w.l.used + 2, index_near(w.tx.tail, w.tx.published));
		break;
	case 2:
	case 3:
		put16(theirs + w.l.avail + 2,
		      index_near(w.rx.tail, w.rx.tail + w.l.n));
		break;
	case 4:
	case 5:
	case 6:
		peer_sends(take8(&w.in));
		break;
	case 7:
	case 8:
	case 9:
		peer_returns(take8(&w.in));
		break;
	case 10:
		/* It may write everywhere, to our area as well. */
		p = w.areas[how >> 7];
		p[take32(&w.in) % w.l.area] = take8(&w.in);
		break;
	case 11:
		if (how & 0x80)
			memset(w.areas[0], take8(&w.in), w.l.data);
		break;
	}
}

/* What we took back is not in use; what is, does not overlap. */
static void sent_frame(u64 offset, u32 len)
{
	u32 id = w.tx.head & (w.l.n - 1);
	u16 i;

	MUST(offset <= w.l.data_size && len <= w.l.data_size - offset);
	for (i = w.tx.tail; i != w.tx.head; i++) {
		u64 from = w.flight[i & (w.l.n - 1)].offset;
		u32 bytes = w.flight[i & (w.l.n - 1)].len;

		MUST(offset + len <= from || from + bytes <= offset);
	}
	MUST((u16)(w.tx.head - w.tx.tail) < w.l.n);
	w.flight[id].offset = offset;
	w.flight[id].len = len;
	memset(w.areas[w.side] + w.l.data + offset, len, len);
	ivnet_classic_tx_put(&w.tx, offset, len);
}

static void reclaimed(enum ivnet_classic_err err, u16 tail, u32 done)
{
	MUST((u16)(w.tx.tail - tail) == done);
	MUST(done <= w.l.n);
	MUST((u16)(w.tx.published - w.tx.tail) <= w.l.n);
	MUST(!err || err >= IVNET_CLASSIC_ERR_USED_INDEX);
}

static bool send(void)
{
	u32 len = 14 + take16(&w.in) % w.rx.max_frame, done;
	enum ivnet_classic_err err;
	u16 tail = w.tx.tail;
	u64 offset = ~0ULL;

	switch (take8(&w.in) % 8) {
	case 0:
		ivnet_classic_tx_publish(&w.tx);
		return true;
	case 1:
		if (w.tx.published == w.tx.tail)
			return true;
		err = ivnet_classic_tx_arm(&w.tx, 1 + take8(&w.in), &done);
		reclaimed(err, tail, done);
		return true;
	case 2:
	case 3:
		err = ivnet_classic_tx_reclaim(&w.tx, &done);
		reclaimed(err, tail, done);
		return true;
	default:
		if (ivnet_classic_tx_alloc(&w.tx, len, &offset))
			sent_frame(offset, len);
		else
			MUST(w.tx.head != w.tx.tail || len + 82 > w.l.data_size);
		return true;
	}
}

static bool receive(void)
{
	static u8 frame[IVNET_SHM_FRAME_MAX];
	struct ivnet_classic_frame f;
	enum ivnet_classic_err err;
	u32 count;

	err = ivnet_classic_rx_avail(&w.rx, &count);
	MUST(count <= w.l.n);
	MUST(!err || (err == IVNET_CLASSIC_ERR_AVAIL_INDEX && !count));
	for (; count; count--) {
		err = ivnet_classic_rx_fetch(&w.rx, &f);
		if (err == IVNET_CLASSIC_ERR_AVAIL_ID)
			return false;
		MUST(f.id < w.l.n);
		if (!err) {
			MUST(f.len >= 14 && f.len <= w.rx.max_frame);
			MUST(f.offset <= w.l.data_size - f.len);
			/* The sanitizer knows where the area ends. */
			memcpy(frame, w.areas[!w.side] + w.l.data + f.offset, f.len);
			w.got = true;
		}
		ivnet_classic_rx_return(&w.rx, f.id);
		if (take8(&w.in) & 1)
			ivnet_classic_rx_publish(&w.rx);
	}
	ivnet_classic_rx_publish(&w.rx);
	ivnet_classic_rx_arm(&w.rx);

	return true;
}

/* Whatever the states do, one step is one step. */
static void states(void)
{
	enum ivnet_classic_state own = take8(&w.in) % 4, next;

	next = ivnet_classic_next(own, take32(&w.in), take8(&w.in) & 1);
	MUST(next == own || next == own + 1 || next == IVNET_CLASSIC_RESET);
	MUST(next <= IVNET_CLASSIC_RUN);
}

bool classic_run(const u8 *data, size_t size)
{
	u64 end[N_MAX];
	u8 how;

	w = (struct world) { .in = { data, size } };
	how = take8(&w.in);
	w.side = how & 1;
	/* The smallest sections and regions have the most edges. */
	if (how & 2)
		MUST(ivnet_classic_layout_v2(&w.l, 2112 + take8(&w.in) * 64));
	else
		MUST(ivnet_classic_layout_v1(&w.l, 15616 + take8(&w.in) * 128));
	MUST(w.l.n <= N_MAX);
	w.areas[0] = calloc(1, w.l.area);
	w.areas[1] = calloc(1, w.l.area);
	MUST(w.areas[0] && w.areas[1]);
	ivnet_classic_area_reset(&w.l, w.areas[w.side]);
	w.tx.end = end;
	ivnet_classic_tx_reset(&w.tx, &w.l, w.areas, w.side);
	ivnet_classic_rx_reset(&w.rx, &w.l, w.areas, w.side);

	while (w.in.left) {
		how = take8(&w.in);
		if (how % 8 == 7)
			states();
		else if (how & 1 ? !send() : !receive())
			break;
		peer_acts();
	}
	free(w.areas[0]);
	free(w.areas[1]);

	return w.got;
}
