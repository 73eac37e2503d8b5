#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The MAC address: permanent, changed, refused, kept."""
import re

from lib import packets, traffic
from lib.ktap import case, main

NEW = '02:12:34:56:78:9a'


def permanent(side):
    return re.search(r'Permanent address: (\S+)', side.ethtool('-P').stdout).group(1)


def change(t, address):
    """Set an address; everybody else must look it up again."""
    side = t.net.local
    have = side.mac()
    done = side.ip('link set', side.ifname, 'address', address, check=False)
    if done.returncode and 'not supported' in done.stderr:
        t.skip('the device cannot be told another address')
    t.equal(done.returncode, 0, done.stderr)
    t.defer(forget, t.net)
    t.defer(side.ip, 'link set', side.ifname, 'address', have)
    forget(t.net)


def forget(net):
    for side in (net.local, net.remote):
        side.ip('neigh flush dev', side.ifname)


@case('101')
def is_permanent(t):
    side = t.net.local
    t.equal(permanent(side), side.mac(), 'permanent address')
    first = int(side.mac()[:2], 16)
    t.true(not first & 1, 'the address is a multicast address')


@case('103 105', timeout=90)
def is_used(t):
    """Another address is what frames come from and go to."""
    side, peer = t.net.local, t.net.remote
    before = permanent(side)
    change(t, NEW)
    t.equal(side.mac(), NEW, 'address')
    t.equal(permanent(side), before, 'permanent address')
    with packets.Raw(peer) as raw:
        t.net.ping()
        found = raw.receive(lambda frame: frame.raw[6:12] == packets.mac(NEW))
    t.true(found, 'no frame came from the new address')
    traffic.both_ways(t.net)


@case('103 174', timeout=90)
def is_kept(t):
    """Down and up, other rings, a reload: the address stays, and works."""
    side = t.net.local
    change(t, NEW)
    t.defer(side.up)

    def down_and_up():
        side.down()
        side.up()

    rings = side.rings()
    for step in (down_and_up, lambda: side.ethtool('-G', 'rx 128', check=False),
                 lambda: side.ethtool('-G', f'rx {rings["rx"]}', check=False), t.net.reload):
        step()
        t.equal(side.mac(), NEW, 'address')
        t.net.ping()
    traffic.both_ways(t.net)


@case('103')
def changes_while_down(t):
    side = t.net.local
    t.defer(side.up)
    side.down()
    change(t, NEW)
    side.up()
    t.equal(side.mac(), NEW, 'address')
    t.net.ping()


@case('105')
def refused(t):
    """No multicast address, no broadcast address, not zero; nothing changes."""
    side = t.net.local
    have = side.mac()
    with traffic.Stream(side, t.net.remote) as stream:
        for address in ('01:00:5e:00:00:01', 'ff:ff:ff:ff:ff:ff', '00:00:00:00:00:00'):
            done = side.ip('link set', side.ifname, 'address', address, check=False)
            t.true(done.returncode, f'{address} was accepted')
            t.equal(side.mac(), have, 'address')
            stream.progress()


if __name__ == '__main__':
    main()
