#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""VLAN devices on top: one tag, two tags, priorities, offloads behind a tag."""
import contextlib

from lib import packets, traffic
from lib.ktap import case, main, times
from lib.net import Side, need_module
from lib.segments import LENGTHS, MSS, TYPE, receive, send


def vlan(t, side, lower, name, tag, number, protocol='802.1Q', extra=''):
    """A VLAN device on an end, with addresses; returns it as an end."""
    need_module('8021q')
    side.ip('link add link', lower, 'name', name, 'type vlan protocol', protocol, 'id', tag, extra)
    t.defer(side.ip, 'link del', name, check=False)
    host = 1 if side is t.net.local else 2
    upper = Side(name, side.ns, f'203.0.113.{host + 16 * number}', f'2001:db8:{number:x}9::{host}')
    side.sysctl(f'net/ipv6/conf/{name}/accept_dad', 0)
    side.ip('link set', name, 'up')
    side.ip('addr add', f'{upper.v4}/28', 'dev', name)
    side.ip('-6 addr add', f'{upper.v6}/64', 'dev', name, 'nodad')
    return upper


def pair(t, tag=100, number=1, **options):
    return [vlan(t, side, side.ifname, f'{side.ifname}.{tag}', tag, number, **options)
            for side in (t.net.local, t.net.remote)]


def exchange(first, second, length=200000):
    for source, target in ((first, second), (second, first)):
        for version in (4, 6):
            traffic.tcp(source, target, length, version)
            traffic.udp(source, target, 1000, 5, version)


@case('94 96', timeout=90)
def transfer(t):
    """A tagged network of full MTU; the tag is on the wire, the other network
    does not see it."""
    first, second = pair(t)
    t.equal(first.link()['mtu'], t.net.local.link()['mtu'], 'MTU')
    exchange(first, second)
    with packets.Raw(t.net.remote) as raw:
        traffic.udp(first, second, 300, 3)
        found = raw.receive(lambda frame: frame.protocol == packets.UDP and
                            frame.src == first.v4)
    t.true(found, 'no frame was seen')
    t.equal(found[0].vlans, [(packets.ETH_VLAN, 100)], 'tags')


@case('94')
def separate(t):
    """Another tag is another network."""
    first, _ = pair(t, 100, 1)
    pair(t, 200, 2)
    t.net.remote.ip('link set', f'{t.net.remote.ifname}.100', 'down')
    done = first.run('ping -c 2 -i 0.2 -W 0.5', '203.0.113.18', check=False)
    t.true(done.returncode, 'an answer from another VLAN')


@case('95', timeout=90)
def two_tags(t):
    """802.1ad outside, 802.1Q inside."""
    net, inner = t.net, []
    for side in (net.local, net.remote):
        vlan(t, side, side.ifname, 'outer', 300, 3, '802.1ad')
        side.ip('link set outer mtu', side.link()['mtu'])
        inner.append(vlan(t, side, 'outer', 'inner', 301, 4))
        side.ip('link set inner mtu 1496')
    exchange(*inner, 300000)
    with packets.Raw(net.remote) as raw:
        traffic.udp(*inner, 300, 3)
        found = raw.receive(lambda frame: frame.protocol == packets.UDP and
                            frame.src == inner[0].v4)
    t.true(found, 'no frame was seen')
    t.equal(found[0].vlans, [(packets.ETH_QINQ, 300), (packets.ETH_VLAN, 301)], 'tags')


@case('70 72 94', timeout=90)
def segmentation_behind_a_tag(t):
    """Offloads hold for tagged frames: one piece out, one piece in."""
    net = t.net
    first, second = pair(t)
    if not first.features()['tx-tcp-segmentation'][0]:
        t.true(not net.local.features()['tx-tcp-segmentation'][0], 'tagged frames are not segmented')
        t.skip('the device has no segmentation')
    net.keep_feature(t, net.remote, 'generic-receive-offload')
    net.remote.feature('generic-receive-offload', False)
    for version in TYPE:
        before = net.local.stats()
        with packets.Raw(first) as out, packets.Raw(second) as into:
            for length in LENGTHS:
                payload = traffic.data(length, length)
                send(out, first, second, version, payload)
                receive(t, into, payload, f'{length} bytes in segments of {MSS}')
        t.grew(before, net.local.stats(), 'tx_gso_packets', len(LENGTHS))
    before = net.local.stats()
    traffic.tcp(first, second, 2 << 20)
    t.grew(before, net.local.stats(), 'tx_gso_packets')


@case('99')
def priority(t):
    """The priority of a packet becomes that of its tag."""
    first, second = pair(t, extra='egress-qos-map 0:5')
    with packets.Raw(t.net.remote) as raw:
        traffic.udp(first, second, 300, 3)
        found = raw.receive(lambda frame: frame.protocol == packets.UDP and
                            frame.src == first.v4)
    t.true(found, 'no frame was seen')
    t.equal(found[0].vlans, [(packets.ETH_VLAN, 5 << 13 | 100)], 'tags')


@case('94 100', timeout=90)
def survives(t):
    """Below the VLAN device: down and up, other rings, reload."""
    side = t.net.local
    first, second = pair(t)
    t.defer(side.up)

    def down_and_up():
        side.down()
        side.up()

    for step in (down_and_up, lambda: side.ethtool('-G', 'rx 128', check=False), t.net.reload,
                 lambda: side.ethtool('-G', 'rx', side.rings()['rx-max'], check=False)):
        step()
        t.net.ping()
        first.sysctl(f'net/ipv6/conf/{first.ifname}/accept_dad', 0)
        first.up()
        first.ip('-6 addr replace', f'{first.v6}/64', 'dev', first.ifname, 'nodad')
        exchange(first, second, 50000)


@case('94')
def many(t):
    """Many VLANs come and go."""
    side = t.net.local
    need_module('8021q')
    names = [f'{side.ifname}.{tag}' for tag in range(1000, 1000 + times(100, 20))]
    with contextlib.ExitStack() as undo:
        for name in names:
            undo.callback(side.ip, 'link del', name, check=False)
        text = ''.join(f'link add link {side.ifname} name {name} type vlan id {name.split(".")[1]}\n'
                       f'link set {name} up\n' for name in names)
        side.run('ip -batch -', text=text)
        t.net.ping()
        side.run('ip -batch -', text=''.join(f'link del {name}\n' for name in names))
    traffic.both_ways(t.net, 50000)


if __name__ == '__main__':
    main()
