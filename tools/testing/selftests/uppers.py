#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What uses an interface: bridge, bond, macvlan, promiscuous mode, namespaces,
threaded NAPI."""
import os
import socket
import struct

from lib import packets, traffic
from lib.ktap import case, main
from lib.net import Side, need_module, read, run, wait_for, write

_SOL_PACKET, _ADD_MEMBERSHIP, _MULTICAST = 263, 1, 0


def addresses(side, name):
    """Both addresses of an end, on another device."""
    side.sysctl(f'net/ipv6/conf/{name}/accept_dad', 0)
    side.sysctl(f'net/ipv6/conf/{name}/keep_addr_on_down', 1)
    side.ip('link set', name, 'up')
    side.ip('addr replace', f'{side.v4}/24', 'dev', name)
    side.ip('-6 addr replace', f'{side.v6}/64', 'dev', name, 'nodad')


def give_up(t):
    """The addresses leave the interface, until the end of the case."""
    side = t.net.local
    t.defer(t.net.ping)
    t.defer(t.net.remote.ip, 'neigh flush dev', t.net.remote.ifname)
    t.defer(addresses, side, side.ifname)
    side.ip('addr flush dev', side.ifname, 'scope global')


def through(t, name):
    """Traffic by the device on top."""
    upper = Side(name, None, t.net.local.v4, t.net.local.v6)
    addresses(upper, name)
    t.net.remote.ip('neigh flush dev', t.net.remote.ifname)
    t.net.ping()
    for source, target in ((upper, t.net.remote), (t.net.remote, upper)):
        for version in (4, 6):
            traffic.tcp(source, target, 500000, version)


@case('83 107')
def bridge(t):
    need_module('bridge')
    side = t.net.local
    give_up(t)
    side.ip('link add ivbr0 type bridge forward_delay 0')
    t.defer(side.ip, 'link del ivbr0')
    side.ip('link set', side.ifname, 'master ivbr0')
    t.equal(side.link().get('promiscuity', 1) >= 1, True, 'promiscuous in a bridge')
    side.ip('link set ivbr0 up')
    through(t, 'ivbr0')


@case('107')
def bond(t):
    """Active-backup, and the link is watched by its carrier."""
    need_module('bonding')
    side = t.net.local
    give_up(t)
    side.ip('link add ivbond0 type bond mode active-backup miimon 100')
    t.defer(side.up)
    t.defer(side.ip, 'link del ivbond0')
    side.down()
    side.ip('link set', side.ifname, 'master ivbond0')
    side.ip('link set ivbond0 up')
    wait_for(lambda: read('/sys/class/net/ivbond0/carrier') == '1', 'carrier of the bond')
    through(t, 'ivbond0')


@case('110')
def macvlan(t):
    """A second unicast address on the same interface."""
    need_module('macvlan')
    side = t.net.local
    side.ip('link add link', side.ifname, 'name ivmac0 type macvlan mode bridge')
    t.defer(t.net.ping)
    t.defer(t.net.remote.ip, 'neigh flush dev', t.net.remote.ifname)
    t.defer(side.ip, 'link del ivmac0')
    upper = Side('ivmac0', None, '203.0.113.1', '2001:db8:99::1')
    addresses(upper, 'ivmac0')
    other = Side(t.net.remote.ifname, t.net.remote.ns, '203.0.113.2', '2001:db8:99::2')
    for text in (f'{other.v4}/24', f'{other.v6}/64'):
        other.ip('addr add', text, 'dev', other.ifname, 'nodad' if ':' in text else '')
        t.defer(other.ip, 'addr del', text, 'dev', other.ifname)
    for source, target in ((upper, other), (other, upper)):
        for version in (4, 6):
            traffic.tcp(source, target, 300000, version)


@case('107')
def promiscuous(t):
    """Frames for others are seen, and are known as such."""
    side, peer = t.net.local, t.net.remote
    side.hear(t)
    frame = packets.ethernet('02:99:99:99:99:99', peer.mac(), packets.ETH_TEST, b'for nobody' * 10)
    with packets.Raw(side, packets.ETH_TEST) as into, packets.Raw(peer) as out:
        out.send(frame)
        found = into.receive()
    t.true(found, 'the frame was not seen')
    t.equal(found[0].kind, 3, 'type of the packet (3: for another host)')


@case('109')
def many_groups(t):
    """A hundred multicast groups, then none; frames to the last one come."""
    side, peer = t.net.local, t.net.remote
    groups = [f'01:00:5e:00:77:{number:02x}' for number in range(100)]
    index = socket.if_nametoindex(side.ifname)
    member = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    t.defer(member.close)
    before = side.commands()
    for group in groups:
        member.setsockopt(_SOL_PACKET, _ADD_MEMBERSHIP, struct.pack(
            '=iHH8s', index, _MULTICAST, 6, packets.mac(group)))
    shown = side.ip('maddr show dev', side.ifname).stdout
    t.true(all(group in shown for group in groups), 'a group is missing in the list of addresses')
    side.told(before)
    for group in (groups[0], groups[-1]):
        with packets.Raw(side, packets.ETH_TEST) as into, packets.Raw(peer) as out:
            out.send(packets.ethernet(group, peer.mac(), packets.ETH_TEST, bytes(50)))
            found = into.receive()
        t.true(found, f'nothing came to {group}')
        t.equal(found[0].kind, 2, 'type of the packet (2: multicast)')
    member.close()
    t.net.ping()


@case('45', timeout=90)
def threaded(t):
    """NAPI in threads."""
    side = t.net.local
    path = side.sysfs('threaded')
    t.defer(write, path, read(path))

    def threads():
        names = run('ps -e -o comm=').stdout.split()
        return [name for name in names if name.startswith(f'napi/{side.ifname}'[:15])]

    write(path, 1)
    t.true(threads(), 'no thread of NAPI')
    traffic.both_ways(t.net, 1 << 20)
    side.down()
    side.up()
    t.net.ping()
    side.ethtool('-G', 'rx 128', check=False)
    traffic.both_ways(t.net)
    side.ethtool('-G', 'rx', side.rings()['rx-max'], check=False)
    write(path, 0)
    traffic.both_ways(t.net)


def busy_polled():
    """Packets that a reader fetched from the device by itself."""
    names, values = (line.split() for line in read('/proc/net/netstat').splitlines()
                     if line.startswith('TcpExt:'))
    return int(dict(zip(names, values)).get('BusyPollRxPackets', 0))


@case('45', timeout=90)
def busy_poll(t):
    side = t.net.local
    if 'ivnet_loop' in side.ethtool('-i').stdout:
        t.skip('frames of the pair arrive before their sender goes on: nobody waits for them')
    before = busy_polled()
    for setting in ('net/core/busy_read', 'net/core/busy_poll'):
        t.defer(side.sysctl, setting, 0)
        side.sysctl(setting, 10000)
    traffic.both_ways(t.net)

    def polled():
        # on a busy host the reader may have slept by the time a packet comes
        for version in (4, 6):
            traffic.udp(t.net.remote, side, 500, 20, version)
        return busy_polled() > before

    wait_for(polled, 'a packet that is received by busy polling', 30)


@case('113 131')
def namespace_and_name(t):
    """Into another namespace and back, under another name and back."""
    side = t.net.local
    name = side.ifname
    before = side.stats()['rx_packets']
    t.defer(t.net.ping)
    t.defer(addresses, side, name)
    run('ip netns add ivtest')
    t.defer(run, 'ip netns del ivtest')
    run('ip link set', name, 'netns ivtest name other0')
    there = Side('other0', 'ivtest', side.v4, side.v6)
    addresses(there, 'other0')
    t.net.remote.ip('neigh flush dev', t.net.remote.ifname)
    t.true(there.stats()['rx_packets'] >= before, 'counters went back')
    traffic.tcp(there, t.net.remote, 300000)
    there.ip('link set other0 down')
    there.ip('link set other0 netns', os.getpid(), 'name', name)


if __name__ == '__main__':
    main()
