# SPDX-License-Identifier: GPL-2.0
"""Tests of ivshmem-tap: a peer that takes less, or says what is not so."""
import os
import sys
import time

import tap_frames as tf
from server_rig import equal, expect, wait_for
from shm_port import CSUM, ECN, TSO4, TSO6, USO, Port
from tap_rig import Segment

TESTS = {}
RAW = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'tap_raw.py')
MAC = '02:00:00:00:0a:01'
ALL = CSUM | TSO4 | TSO6 | ECN | USO
PAYLOAD = bytes(range(256)) * 220 + b'the end'


def test(function):
    TESTS[function.__name__] = function
    return function


def send_raw(context, node, port, frames, count):
    """Frames from a node's own stack to a port; what came of them."""
    path = os.path.join(context.folder, 'raw')
    with open(path, 'w', encoding='ascii') as file:
        for frame in frames:
            file.write(frame.hex() + '\n')
    port.frames.clear()
    sender = node.python(RAW, node.device, path)

    def ours():
        """Not what the stack has to say by itself: it has no such peer."""
        return [each for each in port.frames if each[1][:12] == frames[0][10:22]]

    port.run(lambda: len(ours()) >= count, 10, f'{count} frames')
    equal((sender.wait(10), sender.stdout.read()), (0, ''), 'the packet socket')
    port.run(seconds=0.1)
    return ours()


def check_segments(frames, frame, size):
    """Segments of one frame, each complete."""
    parts = [tf.Segment(each[1]) for each in frames]
    for part, (_, _, desc) in zip(parts, frames):
        expect(part.good, f'lengths or sums of a segment: {part.__dict__}')
        equal((desc[2] & 3, desc[7]), (0, 0), 'flags and type of a finished frame')
    equal(b''.join(part.payload for part in parts), PAYLOAD, 'the data')
    equal({len(part.payload) for part in parts[:-1]}, {size}, 'bytes of a segment')
    if not frame.v6:
        equal([part.id for part in parts], list(range(77, 77 + len(parts))), 'identification')
    if frame.tcp:
        equal([part.seq for part in parts],
              [(0xfffffff0 + size * n) & 0xffffffff for n in range(len(parts))], 'sequence')
        equal({part.flags for part in parts[1:-1]}, {tf.ACK}, 'flags in the middle')
        equal((parts[0].flags, parts[-1].flags),
              (tf.ACK | tf.CWR, tf.ACK | tf.PSH | tf.FIN), 'flags at the ends')


def big_frames():
    """Frames to be segmented: (frame, type)."""
    tcp = {'flags': tf.ACK | tf.PSH | tf.FIN | tf.CWR, 'seq': 0xfffffff0}
    for vlan in (False, True):
        yield tf.Frame(MAC, PAYLOAD, vlan=vlan, **tcp), tf.TCPV4
        yield tf.Frame(MAC, PAYLOAD, v6=True, vlan=vlan, options=b'\1' * 12, **tcp), tf.TCPV6
        yield tf.Frame(MAC, PAYLOAD, tcp=False, vlan=vlan), tf.UDP_L4
        yield tf.Frame(MAC, PAYLOAD, v6=True, tcp=False, vlan=vlan), tf.UDP_L4


@test
def segments(context):
    """a peer without features gets segments and whole checksums; so when it wants them"""
    with Segment(context, nodes=1, start=False) as found:
        node, = found.nodes
        node.start()
        with Port(found.server) as port:
            port.join()
            for frame, kind in big_frames():
                count = -(-len(PAYLOAD) // 1000)
                got = send_raw(context, node, port, [frame.vnet(kind, 1000)], count)
                equal(len(got), count, 'segments')
                check_segments(got, frame, 1000)
            for v6 in (False, True):
                for odd in (0, 1):
                    frame = tf.Frame(MAC, PAYLOAD[:1001 + odd], v6=v6)
                    got = send_raw(context, node, port, [frame.vnet()], 1)
                    expect(tf.Segment(got[0][1]).good, 'a sum')
                    equal(got[0][2][2], 0, 'flags')
        with Port(found.server, features=ALL) as port:
            port.join()
            if port.links[0]['features'] != ALL:
                return 'the kernel knows no UDP segmentation'
            for frame, kind in big_frames():
                got = send_raw(context, node, port, [frame.vnet(kind, 1000)], 1)
                equal(got[0][1], frame.data, 'a frame that passes whole')
                equal((got[0][2][2], got[0][2][7], got[0][2][6], got[0][2][4]),
                      (1, kind, 1000, frame.l4), 'flags, type, size, start')
            port.wants = CSUM | TSO6
            port.announce_me()
            port.bell(0, 0)
            port.run(lambda: port.word(port.block(0, port.me) + 24) == CSUM | TSO6,
                     what='it says what it uses')
            frame = tf.Frame(MAC, PAYLOAD, flags=tf.ACK | tf.PSH | tf.FIN | tf.CWR,
                             seq=0xfffffff0)
            check_segments(send_raw(context, node, port, [frame.vnet(tf.TCPV4, 1000)], 57),
                           frame, 1000)
            frame = tf.Frame(MAC, PAYLOAD, v6=True)
            got = send_raw(context, node, port, [frame.vnet(tf.TCPV6, 1000)], 1)
            equal(got[0][1], frame.data, 'a frame that passes whole')
    return None


@test
def descriptors(context):
    """a frame that breaks a rule is dropped and counted by its reason; the next one passes"""
    with Segment(context, nodes=1, start=False) as found:
        node, = found.nodes
        node.start()
        with Port(found.server, features=ALL & ~USO) as port:
            port.join()
            good = tf.Frame(node.mac, b'x' * 2000, source=MAC)
            six = tf.Frame(node.mac, b'x' * 2000, v6=True, source=MAC)
            datagram = tf.Frame(node.mac, b'x' * 2000, tcp=False, source=MAC)
            many = good.described(tf.TCPV4, 1000)
            size = len(good.data)
            cases = [
                ('rx_err_offset', good.data, {'offset_': 32}),
                ('rx_err_offset', good.data, {'offset_': port.data_size - 64}),
                ('rx_err_offset', good.data, {'offset_': 0xffffffc0}),
                ('rx_err_len', good.data, {'length': 13}),
                ('rx_err_len', good.data, {'length': port.max_frame + 1}),
                ('rx_err_len', good.data, {'length': 0xffffffff}),
                ('rx_err_flags', good.data, {'flags': 4}),
                ('rx_err_flags', good.data, {'flags': 0x8000}),
                ('rx_err_seq', good.data, {'seq': 0x1234}),
                ('rx_err_csum', good.data, {**good.described(), 'start': size - 17}),
                ('rx_err_csum', good.data, {**good.described(), 'start': 13}),
                ('rx_err_csum', good.data, {**good.described(), 'offset': 0xffff}),
                ('rx_err_gso', good.data, {**many, 'gso': 3}),
                ('rx_err_gso', good.data, {**many, 'gso': 0x80}),
                ('rx_err_gso', good.data, {**many, 'gso_size': 0}),
                ('rx_err_gso', good.data, {**many, 'gso_size': 7}),
                ('rx_err_gso', six.data, {**many}),
                ('rx_err_gso', datagram.data, datagram.described(tf.UDP_L4, 1000)),
                ('rx_err_csum', good.data, {**many, 'start': 35}),
            ]
            for name, data, wrong in cases:
                before = node.counts()
                port.send(0, data, **wrong)
                port.send(0, good.data, **many)
                port.run(lambda was=before: node.counts()['rx_frames'] >
                         was['rx_frames'], 10, f'{name} {wrong}: the next frame')
                after = node.counts()
                equal({key: after[key] - before.get(key, 0) for key in after
                       if 'err' in key and after[key] != before.get(key, 0)}, {name: 1},
                      f'counters for {wrong}')
            equal(port.links[0]['state'], 'up', 'the link')


@test
def indices(context):
    """an index that runs ahead costs the link, for 1, 2, 4 s; a new life does not"""
    with Segment(context, nodes=1, start=False) as found:
        node, = found.nodes
        node.start()
        with Port(found.server, features=ALL) as port:
            port.join()
            good = tf.Frame(node.mac, b'x' * 200, source=MAC).data
            for lie, error, pause in (
                    (lambda: port.put(port.prod(port.me, 0), port.ring_size + 9), 1, 1),
                    (lambda: port.put(port.cons(port.me, 0), 0x80000000), 2, 2),
                    (lambda: port.put(port.prod(port.me, 0), -1), 1, 4)):
                port.taking = error != 2
                lie()
                port.bell(0, 1)
                start = time.monotonic()
                # It is seen when the other side has sent a few frames.
                node.popen('ping', '-c', '40', '-i', '0.01', '-W', '1', '-b', '10.0.0.255')
                wait_for(lambda code=error: port.link(0, port.me)[4] == code, f'error {error}', 5)
                port.taking = True
                port.run(lambda: port.link(0, port.me)[4] == 0 and port.up_with(0), pause + 3,
                         'the link is back')
                took = time.monotonic() - start
                expect(pause - 0.1 <= took <= pause + 2.5, f'after {took:.1f} s, not {pause}')
                before = node.counts()
                port.send(0, good)
                port.run(lambda was=before: node.counts()['rx_frames'] ==
                         was['rx_frames'] + 1, what='a frame')
            counts = node.counts()
            equal((counts['rx_err_ring'], counts['tx_err_ring']), (2, 1), 'counted')
            # The same index, but of a side that begins anew: nobody is to blame.
            resets = port.link(0, port.me)[5]
            for _ in range(20):
                port.put(port.block(port.me, 0) + 4, 0)
                port.put(port.prod(port.me, 0), port.ring_size + 9)
                port.bell(0, 1)
                time.sleep(0.02)
                port.empty(0)
                port.join()
            expect(port.link(0, port.me)[5] >= resets + 20, 'it began anew as often')
            equal(node.counts()['rx_err_ring'], 2, 'blamed')


@test
def owner(context):
    """only the claim of its own former life is taken at once, not a later one over it"""
    with Segment(context, nodes=1, ports=2, start=False) as found:
        node, = found.nodes
        node.start()
        node.wait_log('tap0 is port 0 of 2')
        with Port(found.server, features=ALL) as port:
            wait_for(lambda: port.announce(0)[0], 'an announcement')
            key = port.owner(0) ^ port.claim(0)[0]
            expect(key >> 63, f'key {key:x}')
            node.kill()
            # Somebody took the port; what the former one said is still there.
            for number in range(1, 4):
                port.put_claim(0, port.claim(0)[0] + number)
                claim = port.claim(0)
                node.start(wait=False)
                node.wait_log('all 2 ports are taken', count=number)
                equal(port.claim(0), claim, 'the claim')
                node.kill()
            # And this is what a life of the same owner would have said.
            port.put_owner(0, key ^ port.claim(0)[0])
            node.start()
            node.wait_log('tap0 is port 0 of 2', count=2)
            equal(port.owner(0) ^ port.claim(0)[0], key, 'key')
            port.run(lambda: port.up_with(0), what='a link')


@test
def silence(context):
    """a peer without heartbeat: no carrier after 3 s, nothing lost when it goes on"""
    with Segment(context, nodes=1, start=False) as found:
        node, = found.nodes
        node.start()
        with Port(found.server, features=ALL) as port:
            port.join()
            node.wait_link()
            resets, life = port.link(0, port.me)[5], port.link(0, port.me)[0]
            good = tf.Frame(node.mac, b'x' * 200, source=MAC).data
            before = node.counts()
            port.beating = False
            start = time.monotonic()
            node.wait_link(False, 6)
            took = time.monotonic() - start
            expect(2.8 <= took <= 4.5, f'silent after {took:.1f} s')
            expect('silent, no frames' in node.state()[0], node.state()[0])
            for _ in range(10):    # while nobody listens
                port.send(0, good)
            time.sleep(0.7)
            equal(node.counts()['rx_frames'], before['rx_frames'], 'frames')
            port.beating = True
            port.run(lambda: node.counts()['rx_frames'] >=
                     before['rx_frames'] + 10, what='what was sent in the meantime')
            node.wait_link()
            equal((port.link(0, port.me)[5], port.link(0, port.me)[0]), (resets, life),
                  'restarts and life of the link')
            # Another incarnation is another peer, at once.
            port.start()
            port.join()
            expect(port.link(0, port.me)[5] > resets, 'a new incarnation')
            port.send(0, good)
            port.run(lambda: node.counts()['rx_frames'] >= before['rx_frames'] + 11,
                     what='a frame')


@test
def doorbells(context):
    """rung when an index passes the event, and only then; polls a peer without doorbells"""
    with Segment(context, nodes=1, start=False) as found:
        node, = found.nodes
        node.start()
        with Port(found.server, features=ALL) as port:
            port.join()
            port.run(seconds=0.3)
            broadcast = tf.Frame(MAC, b'x' * 100).vnet()
            port.rung(1)
            send_raw(context, node, port, [broadcast], 1)
            expect(port.rung(1) >= 1, 'not rung, though the event was passed')
            # An event that is far away is not passed by a few frames.
            port.put(port.cons(port.me, 0) + 4, port.links[0]['got'][0] + 1000)
            port.taking = False
            port.rung(1)
            path = os.path.join(context.folder, 'raw')
            done = node.run(sys.executable, RAW, node.device, path)
            equal(done.returncode, 0, done.stdout)
            port.run(seconds=0.3)
            expect(port.word(port.prod(0, port.me)) != port.links[0]['got'][0], 'nothing was sent')
            equal(port.rung(1), 0, 'rings before the event')
            port.taking = True
            # What we send is taken at once: it has asked to be rung.
            good = tf.Frame(node.mac, b'x' * 200, source=MAC).data
            port.run(seconds=0.3)
            for _ in range(20):
                start = time.monotonic()
                port.send(0, good)
                index = port.links[0]['sent'][0]
                while port.word(port.cons(0, port.me)) != index:
                    expect(time.monotonic() < start + 0.25, 'it did not wake up')
                time.sleep(0.01)
        with Port(found.server, features=ALL, vectors=0) as port:
            port.join()
            port.client.peers.clear()    # it rings nobody, either
            for _ in range(20):
                start = time.monotonic()
                port.send(0, good)
                index = port.links[0]['sent'][0]
                while port.word(port.cons(0, port.me)) != index:
                    expect(time.monotonic() < start + 0.25, 'it does not poll')
                port.run(seconds=0.01)
            expect('(polling)' in node.state()[0], node.state()[0])
            equal([port.rung(vector) for vector in range(5)], 5 * [0], 'rings')
