# SPDX-License-Identifier: GPL-2.0
"""Tests of ivshmem-tap: processes, servers, devices and regions that come and go."""
import os
import re
import signal
import time

import region
from server_rig import equal, expect, wait_for
from tap_rig import Segment, stream, transfer

TESTS = {}
KILLS = 50


def test(function):
    TESTS[function.__name__] = function
    return function


def costs(node):
    """(descriptors, KiB of private memory) of the program."""
    folder = f'/proc/{node.process.pid}'
    with open(f'{folder}/status', encoding='ascii') as file:
        lines = dict(line.split(':', 1) for line in file)
    return len(os.listdir(f'{folder}/fd')), int(lines['RssAnon'].split()[0])


@test
def kills(context):
    """a port killed and started 50 times under traffic; the others go on and do not grow"""
    with Segment(context, nodes=3, ports=4, queues=2, start=False) as found:
        one, two, three = found.nodes
        # What outlives the program keeps its addresses, and TCP its connections.
        three.ip('tuntap', 'add', 'dev', 'tap0', 'mode', 'tap', 'multi_queue', 'vnet_hdr')
        found.start()
        with stream(one, two, longest=4), stream(one, three, port=5002):
            for number in range(KILLS):
                time.sleep(0.2)
                three.kill()
                three.start(wait=False)
                three.wait_log('tap0 is port', count=number + 2)
                three.wait_link()
                one.ping(three)
                if number == 4:
                    before = [costs(node) for node in (one, two)]
        equal(len(set(re.findall(r'tap0 is port (\d+)', three.log()))), 1, three.log())
        after = [costs(node) for node in (one, two)]
        for (fds, memory), (fds_now, memory_now) in zip(before, after):
            equal(fds_now, fds, 'descriptors of a survivor')
            expect(memory_now <= memory + 512, f'{memory} KiB, then {memory_now}')
        equal([node.stop() for node in found.nodes], [0, 0, 0], 'status')


@test
def pause(context):
    """a port stopped for 5 s goes on; for 13 s it loses its port to who waits for one"""
    with Segment(context, nodes=4, ports=3, start=False) as found:
        one, two, three, four = found.nodes
        for node in (one, two, three):
            node.start()
        one.ping(three)
        restarts = one.state()[0]
        with stream(one, two, longest=3):
            three.process.send_signal(signal.SIGSTOP)
            time.sleep(5)
            expect('silent, no frames' in one.state()[0], one.state()[0])
            three.process.send_signal(signal.SIGCONT)
            one.ping(three, 20)
        equal(one.state()[0].count('restarts 1'), restarts.count('restarts 1'), 'no new link')

        four.start()
        four.wait_log('all 3 ports are taken, waiting')
        three.process.send_signal(signal.SIGSTOP)
        time.sleep(9)
        expect('tap0 is port' not in four.log(), 'too early')
        four.wait_log('tap0 is port 2 of 3', 6)
        one.ping(four, 10)
        three.process.send_signal(signal.SIGCONT)
        three.wait_log('port 2 was taken over')
        three.wait_log('all 3 ports are taken')
        three.wait_link(False)
        one.ping(four, 10)
        equal(four.stop(), 0, 'status')
        three.wait_log('tap0 is port 2 of 3', count=2)
        one.ping(three, 10)


@test
def takeover(context):
    """a killed process's port is for its device free at once, for others after 2 s"""
    with Segment(context, nodes=2, ports=2) as found:
        one, two = found.nodes
        two.kill()
        two.start()
        two.wait_log('tap0 is port 1 of 2', count=2)
        expect('ports are taken' not in two.log(), two.log())
        one.ping(two, 10)
        # Another device: it may be that the former process goes on without the server.
        two.kill()
        two.device = 'tap1'
        start = time.monotonic()
        two.start(wait=False)
        two.wait_log('all 2 ports are taken')
        two.wait_log('tap1 is port 1 of 2')
        took = time.monotonic() - start
        expect(1.9 < took < 5, f'after {took:.1f} s')
        two.give_addresses()
        one.ping(two, 10)
        # The same name in another network is another device.
        one.device, two.device = two.device, one.device
        one.stop()
        two.kill()
        one.start(wait=False)
        one.wait_log('tap1 is port 0 of 2')
        expect('is port 1' not in one.log(), one.log())


@test
def server(context):
    """without a server those who are there go on; alone, a port joins the next one"""
    with Segment(context, ports=4, nodes=2) as found:
        one, two = found.nodes
        with stream(one, two, longest=3):
            found.server.process.kill()
            found.server.process.wait()
            for node in found.nodes:
                node.wait_log('the server is gone')
            time.sleep(1)
            found.serve()
            time.sleep(2)
        one.ping(two, 10)
        # In an orderly way: at once.
        equal(two.stop(), 0, 'status')
        one.wait_log('nobody is left')
        one.wait_log('is in the segment', count=2)
        expect('region formatted' in one.log().partition('nobody is left')[2], one.log())
        two.start()
        one.ping(two, 10)
        # Killed: when its heartbeat has stood still. And no server for a while.
        found.server.process.kill()
        found.server.process.wait()
        two.kill()
        one.wait_log('nobody is left', 15, count=2)
        one.wait_link(False)
        time.sleep(1.5)
        found.serve()
        one.wait_log('is in the segment', count=3)
        two.start()
        one.ping(two, 10)
        equal(one.stop(), 0, 'status')
        # While it waits it can be stopped as well.
        found.server.process.kill()
        found.server.process.wait()
        two.wait_log('nobody is left', 15)
        time.sleep(1.2)
        equal(two.stop(), 0, 'status')


@test
def regions(context):
    """a region of another kind is refused, with words, and left alone"""
    size = 1 << 20
    good = region.header(size, 4, 1, 7, 2000)
    path = os.path.join(context.folder, 'memory')
    with Segment(context, nodes=2, ports=0, start=False) as found:
        one, two = found.nodes
        for content, words in (
                (b'\0' * 4000 + b'x', 'in use by something else; --format'),
                (b'VNETSH1I' + bytes(4088), 'in use by something else; --format'),
                (region.header(size, major=2), 'another major version; version 2.0'),
                (region.header(size, crc=1), 'wrong length or checksum'),
                (region.header(size, header_len=72), 'wrong length or checksum'),
                (region.header(2 * size), 'made for another region size'),
                (region.header(size, must=1 << 40), 'unknown feature is required'),
                (region.header(size, ports=17), 'out of range'),
                (region.header(size, queues=5), 'out of range'),
                (region.header(size, order=16), 'out of range'),
                (region.header(size, ports=16, order=15), 'sections do not fit'),
                (region.header(size, stride=1 << 33), 'sections do not fit')):
            found.server.process.kill()
            found.server.process.wait()
            with open(path, 'wb') as file:
                file.write(content + bytes(size - len(content)))
            found.size = size
            found.serve('--memory', path)
            one.start(wait=False)
            equal(one.end(), 1, f'status for {content[:80]}')
            expect(words in one.log().splitlines()[-1], f'{words}: {one.log()}')
            with open(path, 'rb') as file:
                equal(file.read(len(content)), content, 'what is there')
        one.start('--format')
        two.start()
        one.ping(two)
        two.stop()
        two.start('--port', '2', wait=False)
        equal((two.end(), 'has ports 0 to 1' in two.log()), (1, True), two.log())
        two.start('--mtu', '65521')
        expect('MTU of 65521 is too large for frames of' in two.log(), two.log())
        # What is there is adopted; who wants something else is told.
        for words in (('--ports', '4'), ('--queues', '4'), ('--ports', '16', '--queues', '1')):
            two.stop()
            two.start(*words, wait=False)
            equal(two.end(), 1, f'status for {words}')
            expect('the region is in use with 2 ports and 2 queues, not ' in two.log(), two.log())
        equal(one.stop(), 0, 'status')
        two.start('--ports', '4', '--queues', '1')
        expect('4 ports, 1 queues' in two.log(), two.log())
        one.start()
        one.ping(two)
        for node in found.nodes:
            equal(node.stop(), 0, 'status')
        # A header of somebody else, by the rules.
        found.server.process.kill()
        found.server.process.wait()
        with open(path, 'wb') as file:
            file.write(good + bytes(size - len(good)))
        found.serve('--memory', path)
        found.start()
        expect('4 ports, 1 queues' in one.log() and 'formatted' not in
               one.log().rpartition('stopping')[2], one.log())
        transfer(one, two, 1 << 20)
        for node in found.nodes:
            equal(node.stop(), 0, 'status')
        found.server.process.kill()
        found.server.process.wait()
        os.unlink(path)
        # Too small for frames of 1,500 bytes with more queues, and for anything.
        found.size = '32K'
        found.serve()
        one.start()
        expect('formatted: 2 ports, 1 queues' in one.log(), one.log())
        equal(one.stop(), 0, 'status')
        found.server.process.kill()
        found.server.process.wait()
        found.size = '16K'
        found.serve()
        one.start(wait=False)
        equal(one.end(), 1, 'status for 16K')
        expect('is too small, at least 32768' in one.log(), one.log())


@test
def device(context):
    """the device goes down and up, gets another name, and is removed"""
    with Segment(context) as found:
        one, two = found.nodes
        two.ip('link', 'set', 'tap0', 'down')
        one.wait_link(False)
        two.ip('link', 'set', 'tap0', 'up')
        one.wait_link()
        two.give_addresses()
        one.ping(two, 10)
        # The other way round: the peer sees it at once, not after 3 s of silence.
        for _ in range(10):
            two.ip('link', 'set', 'tap0', 'down')
            one.wait_link(False, 2)
            two.ip('link', 'set', 'tap0', 'up')
            one.wait_link(True, 2)
        two.give_addresses()
        two.ip('link', 'set', 'tap0', 'name', 'other0')
        one.ping(two, 10)
        second = found.nodes[1]
        second.device = 'other0'
        two.ip('link', 'del', 'other0')
        equal(two.end(), 1, 'status')
        expect('is gone' in two.log(), two.log())
        one.wait_link(False, 2)
        two.device = 'tap0'
        two.start()
        one.ping(two, 10)
        # Two processes would share the frames.
        two.process, process = None, two.process
        two.start(wait=False)
        equal(two.end(), 1, 'status of a second one')
        expect('another process has it' in two.log() or 'another ivshmem-tap' in two.log(),
               two.log())
        two.process = process
        one.ping(two, 10)


def switches(node):
    """Voluntary context switches of all threads, and ticks of the processor."""
    folder, count = f'/proc/{node.process.pid}/task', 0
    for thread in os.listdir(folder):
        with open(f'{folder}/{thread}/status', encoding='ascii') as file:
            count += int(next(line for line in file
                              if line.startswith('voluntary_ctxt')).split()[1])
    with open(f'/proc/{node.process.pid}/stat', encoding='ascii') as file:
        words = file.read().rpartition(')')[2].split()
    return count, int(words[11]) + int(words[12])


@test
def idle(context):
    """at rest there is the heartbeat, and nothing else"""
    seconds, queues = 6, 4
    with Segment(context, queues=queues) as found:
        one, two = found.nodes
        transfer(one, two, 1 << 22)
        time.sleep(3)    # for what the stack has to say
        before = [switches(node) for node in found.nodes]
        time.sleep(seconds)
        for node, was in zip(found.nodes, before):
            now = switches(node)
            # Twice a second the main thread, and each queue for a look at its rings.
            limit = 2 * seconds * (1 + queues) * 1.3 + 4
            expect(now[0] - was[0] <= limit, f'{now[0] - was[0]} switches in {seconds} s')
            expect(now[1] - was[1] <= 3, f'{now[1] - was[1]} ticks in {seconds} s')
            wait_for(lambda each=node: not each.log().count('error'), 'no error')
