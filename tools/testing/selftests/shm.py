#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What only transports over shared memory have: links, ports, a forwarding table."""
import contextlib
import json
import re

from lib import traffic
from lib.ktap import case, main
from lib.net import diagnosed, read, run, wait_for

ANY_PORT = 255
# A peer that goes says so: much less than its heartbeat would take.
SOON = 2


def device(side):
    """What devlink calls the device of an interface that may be in a namespace."""
    info = side.ethtool('-i').stdout
    driver = re.search(r'^driver: (\S+)', info, re.M).group(1)
    place = re.search(r'^bus-info: (\S*)', info, re.M).group(1)
    return driver, f'{"pci" if driver == "ivnet_ivshmem" else "platform"}/{place}'


def need(t):
    driver, name = device(t.net.local)
    if driver not in ('ivnet_ivshmem', 'ivnet_loop'):
        t.skip(f'{driver} has no shared memory')
    return name


def links(name):
    """Links that are up, by the peer's address."""
    return {each['address']: each for each in diagnosed(name, 'peer')['links']
            if each['state'] == 'up'}


def parameter(name, key, value, **options):
    return run('devlink dev param set', name, 'name', key, 'value', value, 'cmode driverinit',
               **options)


def carrier(side, wanted, timeout):
    wait_for(lambda: side.link()['operstate'] == ('UP' if wanted else 'DOWN'),
             f'carrier {"on" if wanted else "off"} at {side.ifname}', timeout=timeout)


@case('139')
def links_are_shown(t):
    name = need(t)
    t.net.ping()
    _, other = device(t.net.remote)
    mine, theirs = diagnosed(name, 'device'), diagnosed(other, 'device')
    t.true(mine['has_port'] and theirs['has_port'], f'no port: {mine} {theirs}')
    t.true(mine['port'] != theirs['port'], f'both have port {mine["port"]}')
    t.equal(mine['region_bytes'], theirs['region_bytes'], 'size of the region')
    link = links(name).get(t.net.remote.mac())
    t.true(link, f'no link to {t.net.remote.mac()}: {links(name)}')
    t.equal((link['port'], link['incarnation'], link['position'], link['run']),
            (theirs['port'], theirs['incarnation'], theirs['position'], True), 'link')
    back = links(other)[t.net.local.mac()]
    t.equal(link['features'], back['features'], 'features at both ends')


@case('139')
def address(t):
    """Made by the driver: of a kind that nobody owns, and the same after a new start."""
    need(t)
    before = t.net.local.mac()
    t.true(int(before[:2], 16) & 3 == 2, f'{before} is not a local unicast address')
    t.true(before != t.net.remote.mac(), f'both have {before}')
    t.net.reload()
    t.equal(t.net.local.mac(), before, 'address after a reload')
    t.net.ping()


@case('112 141')
def forwarding_table(t):
    """Announced addresses are there at once, others when they were seen."""
    name = need(t)
    net = t.net
    port = links(name)[net.remote.mac()]['port']

    def known():
        return {each['mac']: each.get('port') for each in
                json.loads(run('bridge -j fdb show dev', net.local.ifname).stdout)}

    t.equal(known().get(net.remote.mac()), port, 'port of the announced address')
    net.remote.ip('link add link', net.remote.ifname, 'name other type macvlan mode bridge')
    t.defer(net.remote.ip, 'link del other', check=False)
    net.remote.ip('addr add 198.51.100.9/24 dev other')
    net.remote.ip('link set other up')
    new = json.loads(net.remote.ip('-j link show dev other').stdout)[0]['address']
    net.remote.run('ping -c 1 -W 5 -I other', net.local.v4)
    t.equal(known().get(new), port, 'port of an address that was seen')


@case('109')
def group_by_hand(t):
    """A multicast address that no socket asks for."""
    need(t)
    side = t.net.local
    side.ip('maddr add 33:33:00:00:be:ef dev', side.ifname)
    t.defer(side.ip, 'maddr del 33:33:00:00:be:ef dev', side.ifname)
    t.true('33:33:00:00:be:ef' in side.ip('maddr show dev', side.ifname).stdout,
           'the address is not in the list')


@case('65 66 67')
def summed_while_copied(t):
    """Frames whose checksum nobody vouches for: of all lengths, over both versions."""
    need(t)
    side, peer = t.net.local, t.net.remote
    side.feature('rx-checksumming', True)
    t.net.keep_feature(t, peer, 'tx-checksumming')
    peer.feature('tx-checksumming', False)
    before = side.stats()
    traffic.both_ways(t.net, 300000)
    for version in (4, 6):
        receiver, sender = traffic.udp_pair(side, peer, version)
        with contextlib.closing(receiver), contextlib.closing(sender):
            for length in (1, 17, 213, 215, 1001, 1400):
                payload = traffic.data(length, length)
                sender.send(payload)
                t.true(receiver.recv(65536) == payload, f'{length} bytes')
    # These take more than one page, and the second begins anywhere.
    mtu = side.link()['mtu']
    t.defer(t.net.set_mtu, mtu)
    t.net.set_mtu(min(65000, side.link()['max_mtu']))
    # what is sent before the links have agreed anew is lost
    t.net.ping()
    receiver, sender = traffic.udp_pair(side, peer)
    with contextlib.closing(receiver), contextlib.closing(sender):
        for length in range(side.link()['mtu'] - 40, 1500, -8001):
            payload = traffic.data(length, length)
            sender.send(payload)
            t.true(receiver.recv(65536) == payload, f'{length} bytes')
    after = side.stats()
    t.grew(before, after, 'rx_csum_complete', 100)
    t.same(before, after, 'rx_csum_partial')


@case('113 144')
def peer_goes_and_comes(t):
    need(t)
    side, peer = t.net.local, t.net.remote
    t.defer(t.net.ping)
    t.defer(peer.ip, 'link set', peer.ifname, 'up')
    for _ in range(3):
        peer.ip('link set', peer.ifname, 'down')
        carrier(side, False, SOON)
        t.equal(read(side.sysfs('carrier')), '0', 'carrier in sysfs')
        peer.ip('link set', peer.ifname, 'up')
        carrier(side, True, SOON)
    t.net.ping()


@case('131 144', timeout=120)
def new_start_under_traffic(t):
    """The other side sees another life, and the stream goes on."""
    name = need(t)
    _, other = device(t.net.remote)
    before, life = links(other)[t.net.local.mac()], diagnosed(name, 'device')['incarnation']
    with traffic.Stream(t.net.local, t.net.remote) as out, \
            traffic.Stream(t.net.remote, t.net.local) as back:
        t.net.reload()
        for stream in (out, back):
            stream.progress(least=1 << 20)
    now = diagnosed(name, 'device')['incarnation']
    t.true(now != life, f'the incarnation is still {now}')
    after = links(other)[t.net.local.mac()]
    t.equal(after['incarnation'], now, 'incarnation that the peer sees')
    t.grew(before, after, 'resets')


@case('139', timeout=90)
def pinned_port(t):
    """A port by number, one that is taken, and any."""
    name = need(t)
    facts = diagnosed(name, 'device')
    if facts['ports'] < 3:
        t.skip('the region has no third port')
    _, other = device(t.net.remote)
    taken = {facts['port'], diagnosed(other, 'device')['port']}
    free = min(set(range(facts['ports'])) - taken)
    t.defer(t.net.ping)
    t.defer(t.net.reload)
    t.defer(parameter, name, 'port', ANY_PORT)
    parameter(name, 'port', free)
    t.net.reload()
    wait_for(lambda: diagnosed(name, 'device')['has_port'], 'a port')
    t.equal(diagnosed(name, 'device')['port'], free, 'port')
    t.net.ping()
    parameter(name, 'port', diagnosed(other, 'device')['port'])
    t.net.reload()
    t.true(not diagnosed(name, 'device')['has_port'], 'it has the port of its peer')
    carrier(t.net.local, False, 10)


@case('161')
def parameters_out_of_range(t):
    name = need(t)
    for key, value in (('ports', 1), ('ports', 17), ('queues', 5), ('port', 16)):
        done = parameter(name, key, value, check=False)
        t.true(done.returncode and key in done.stderr, f'{key} {value}: {done.stderr}')


@case('46', timeout=90)
def moderation(t):
    """Interrupts may wait; nothing is lost."""
    need(t)
    side = t.net.local
    t.defer(side.ethtool, '-C', 'rx-usecs 0')
    for usecs in (50, 5000):
        side.ethtool('-C', f'rx-usecs {usecs}')
        t.true(re.search(rf'^rx-usecs:\s+{usecs}$', side.ethtool('-c').stdout, re.M),
               side.ethtool('-c').stdout)
        t.net.ping()
        traffic.both_ways(t.net)
    done = side.ethtool('-C', 'rx-usecs 1000000', check=False)
    t.true(done.returncode and 'rx-usecs' in done.stderr, done.stderr)


@case('145 146')
def doorbells(t):
    """Traffic arrives by interrupt, or, without one, by looking."""
    name = need(t)
    side = t.net.local
    before = side.stats()
    for _ in range(20):
        t.net.ping()
    after = side.stats()
    t.grew(before, after, 'rx_packets', 20)
    if diagnosed(name, 'device')['polling']:
        t.same(before, after, 'rx_interrupts')
    else:
        t.grew(before, after, 'rx_interrupts')


if __name__ == '__main__':
    main()
