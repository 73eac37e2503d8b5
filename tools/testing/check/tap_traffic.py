# SPDX-License-Identifier: GPL-2.0
"""Tests of ivshmem-tap: what passes."""
import collections
import os

from server_rig import equal, expect
from tap_rig import Segment, transfer

TESTS = {}
MEGA = 1 << 20


def test(function):
    TESTS[function.__name__] = function
    return function


def grown(before, after):
    return collections.Counter({name: after[name] - before[name] for name in after})


@test
def ping(context):
    """two ports: IPv4 and IPv6, short and long packets"""
    with Segment(context) as found:
        one, two = found.nodes
        for sender, receiver in ((one, two), (two, one)):
            sender.ping(receiver, 50)
            sender.ping(receiver, 50, v6=True)
            done = sender.run('ping', '-c', '3', '-i', '0.01', '-s', '30000', receiver.address)
            expect(' 3 received' in done.stdout, done.stdout)
        equal([node.stop() for node in found.nodes], [0, 0], 'status')


@test
def tcp(context):
    """TCP both ways, IPv4 and IPv6; frames of up to 64 KiB pass whole"""
    with Segment(context) as found:
        for kind in ('tcp4', 'tcp6'):
            for sender, receiver in (found.nodes, found.nodes[::-1]):
                before = sender.counts(), receiver.counts(), receiver.link()
                transfer(sender, receiver, 64 * MEGA, kind)
                sent = grown(before[0], sender.counts())
                got = grown(before[1], receiver.counts())
                # In words of the device, a frame that comes is one packet.
                packets = receiver.link()['rx']['packets'] - before[2]['rx']['packets']
                expect(sent['tx_gso'] > 1000 and got['rx_gso'] == sent['tx_gso'],
                       f'{kind}: segmented frames: {sent}, {got}')
                equal(packets, got['rx_frames'], 'packets of the device')
                expect(64 * MEGA / packets > 20000, f'{kind}: {64 * MEGA / packets} bytes each')
                equal({name: value for name, value in {**sent, **got}.items()
                       if value and ('err' in name or 'segmented' in name)}, {}, 'faults')


@test
def udp(context):
    """UDP in fragments, and UDP that the kernel segments"""
    with Segment(context) as found:
        one, two = found.nodes
        kinds = ['udp4', 'udp6', 'uso4', 'uso6']
        for kind in kinds:
            before = one.counts(), two.counts()
            transfer(one, two, 4 * MEGA, kind)
            sent, got = grown(before[0], one.counts()), grown(before[1], two.counts())
            # Features 1f say that both devices take them.
            if kind.startswith('uso') and 'features 1f,' in one.state()[0]:
                expect(sent['tx_gso'] > 300, f'{kind}: {sent}')
                equal(got['rx_gso'], sent['tx_gso'], kind)


@test
def queues(context):
    """four queues: all of them carry streams; a device of one queue serves four"""
    with Segment(context, queues=4) as found:
        one, two = found.nodes
        for kind, streams in (('tcp4', 16), ('tcp6', 16), ('udp4', 4)):
            transfer(one, two, 8 * MEGA, kind, streams)
            transfer(two, one, 8 * MEGA, kind, streams)
        for node in found.nodes:
            text = node.state()[0]
            used = [line for line in text.splitlines() if ': rx_frames' in line
                    and 'tx_frames' in line]
            equal(len(used), 4, f'queues in use:\n{text}')
        # The same segment, a device that was made with one queue.
        two.stop()
        two.ip('tuntap', 'add', 'dev', 'tap0', 'mode', 'tap', 'vnet_hdr')
        two.start()
        expect('not multi_queue: it has one queue instead of 4' in two.log(), two.log())
        one.ping(two)
        transfer(one, two, 4 * MEGA, 'tcp4', 8)
        transfer(two, one, 4 * MEGA, 'tcp4', 8)


@test
def vectors(context):
    """four queues on fewer doorbells: rings reach each of the threads that share one"""
    for number in (1, 2, 3):
        with Segment(context, queues=4, vectors=number) as found:
            one, two = found.nodes
            transfer(one, two, 2 * MEGA, 'tcp4', 8)
            transfer(two, one, 2 * MEGA, 'tcp6', 8)
            # Twice a second all rings are looked at anyway.
            took = one.round_trip(two)
            expect(took < 100, f'{number} vectors: {took} ms')
            os.rename(found.server.log_path, f'{found.server.log_path}.{number}')


@test
def three(context):
    """three ports: broadcast to all, known addresses to one alone"""
    with Segment(context, nodes=3) as found:
        one, two, three = found.nodes
        for sender in found.nodes:
            for receiver in found.nodes:
                if sender is not receiver:
                    sender.ping(receiver, 10)
        before = three.counts()
        transfer(one, two, 16 * MEGA)
        frames = grown(before, three.counts())['rx_frames']
        expect(frames < 20, f'{frames} frames of others')
        before = [node.counts() for node in found.nodes]
        one.run('ping', '-c', '20', '-i', '0.01', '-b', '10.0.0.255')
        for node, was in list(zip(found.nodes, before))[1:]:
            expect(grown(was, node.counts())['rx_frames'] >= 20, f'{node.name} hears no broadcast')
        # Another address behind a port is learnt from its frames.
        two.ip('link', 'set', 'tap0', 'address', '02:00:00:00:0f:01')
        one.ip('neigh', 'flush', 'all')
        one.ping(two, 10)
        before = three.counts()
        transfer(one, two, 4 * MEGA)
        expect(grown(before, three.counts())['rx_frames'] < 20, 'a new address is not learnt')


@test
def file(context):
    """a file arrives as it was, by socat and sha256sum"""
    with Segment(context) as found:
        one, two = found.nodes
        path = os.path.join(context.folder, 'file')
        with open(path, 'wb') as data:
            data.write(os.urandom(50 * MEGA))
        listen = two.popen('sh', '-c', 'timeout 60 socat -u TCP-LISTEN:7000 - | sha256sum')
        done = one.run('timeout', '60', 'socat', '-u', f'FILE:{path}',
                       f'TCP:{two.address}:7000,retry=20,interval=0.2')
        equal((done.returncode, done.stdout), (0, ''), 'the sender')
        digest = listen.communicate(timeout=70)[0].split()[0]
        equal(digest, one.run('sha256sum', path).stdout.split()[0], 'digest')


@test
def small(context):
    """the smallest regions: short frames, segments in software, full rings"""
    for size, ports, queues in (('128K', 2, 1), ('1M', 4, 2)):
        with Segment(context, size=size, ports=ports, queues=queues) as found:
            one, two = found.nodes
            transfer(one, two, 8 * MEGA)
            transfer(two, one, 8 * MEGA, 'tcp6')
            counts = one.counts()
            expect(counts['tx_segmented'] > 100, f'{size}: {counts}')
            equal([counts.get(name, 0) for name in ('rx_err_csum', 'rx_err_len', 'tx_err_gso')],
                  [0, 0, 0], 'errors')
            equal([node.bad_sums() for node in found.nodes], [0, 0], 'wrong checksums')
            os.rename(found.server.log_path, f'{found.server.log_path}.{size}')
