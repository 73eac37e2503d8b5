# SPDX-License-Identifier: GPL-2.0
"""Regions that a port must not use, or not as it was told, and how it says so."""
import os
import time

import region
import vm

MIB = 1 << 20


class Bad:
    """A region with something in it, and what the driver is to say.

    content  what lies at its start; the rest is noise too, unless it is None
    words    what the message contains
    plain    ivshmem-plain instead of ivshmem-doorbell
    """

    def __init__(self, name, words, content=b'', size=MIB, plain=True):
        self.name, self.words, self.content = name, words, content
        self.size, self.plain = size, plain
        self.shared = self.nic = self.before = None

    def make(self, ctx):
        self.shared = ctx.region(size=self.size)
        noise = os.urandom(4096) * (self.size // 4096)
        self.before = (self.content + noise[len(self.content):])
        self.shared.write(self.before)
        self.nic = vm.Shm(self.shared.name, plain=self.plain)
        return self.nic


def bad_regions():
    header = region.header
    return [
        Bad('too small', ('too small', '16384', '32768'), b'', 16384),
        Bad('too small, zero', ('too small', '16384'), bytes(16384), 16384, plain=False),
        Bad('not ours', ('something else', 'format='), b'not a region'),
        Bad('not ours, with doorbells', ('something else', 'format='), b'other', plain=False),
        Bad('not ours, zero but for one byte', ('something else',), bytes(4095) + b'\1'),
        Bad('other major version', ('another major version', 'version 2.0'),
            header(MIB, major=2)),
        Bad('checksum', ('checksum',), header(MIB, crc=1)),
        Bad('length of the header', ('length',), header(MIB, header_len=64)),
        Bad('unknown feature', ('unknown feature',), header(MIB, must=1 << 40)),
        Bad('other size', ('another region size', str(2 * MIB), str(MIB)), header(2 * MIB)),
        Bad('17 ports', ('out of range',), header(MIB, ports=17)),
        Bad('sections past the end', ('do not fit',), header(MIB, stride=MIB)),
        Bad('frames too short', ('frames of 85 bytes, not 86 to 65554',), header(MIB, max_frame=85)),
        Bad('frames that do not fit', ('do not fit',), header(MIB, max_frame=65554, ports=8)),
    ]


def log_of(guest, nic):
    """What the kernel's log says about a device."""
    place = guest.pci_address(nic)
    return '\n'.join(line for line in guest.dmesg().splitlines() if place in line)


def judge(guest, bad):
    """What is wrong with how a device with a bad region was treated."""
    said, text = log_of(guest, bad.nic), ''
    missing = [word for word in bad.words if word not in said]
    if missing:
        text += f'no {missing} in:\n{said}\n'
    after = bad.shared.read()
    if after != bad.before:
        text += 'changed at ' + ' '.join(str(at) for at in range(bad.size)
                                         if after[at] != bad.before[at])[:200] + '\n'
    if guest.run(f'ls /sys/bus/pci/devices/{guest.pci_address(bad.nic)}/net'):
        text += 'there is an interface\n'
    return text


def refused(ctx, high):
    """Regions that are left alone, in one guest."""
    where = 'above' if high else 'below'
    regions = bad_regions()
    nics = [each.make(ctx) for each in regions]
    with ctx.guest(nics, name=f'regions-{where}', high_bars=high) as guest:
        guest.load('ivnet_ivshmem')
        time.sleep(1)
        wrong = {each: judge(guest, each) for each in regions}
        guest.run('rmmod ivnet_ivshmem', check=True)
        for each in regions:
            if each.shared.read() != each.before:
                wrong[each] += 'it is changed in the end\n'
            ctx.check(f'regions: {each.name}: left alone, with a message, BAR {where} 4 GiB',
                      not wrong[each], wrong[each])
        ctx.splats(guest, 'regions')
    for each in regions:
        each.shared.close()


def carrier(guest, ifname, wanted, seconds):
    """Wait for a carrier, or that there is none."""
    return guest.run(f'for i in $(seq {seconds * 10}); do '
                     f'[ "$(cat /sys/class/net/{ifname}/carrier)" = {wanted} ] && exit; '
                     'sleep 0.1; done; exit 1', timeout=seconds + 30).code == 0


def adopted(ctx):
    """A layout that somebody else chose, and a user who wants another one."""
    with ctx.region(size=MIB) as shared:
        shared.write(region.header(MIB, ports=3, order=5, max_frame=2000))
        before = shared.read(0, region.HEADER_LEN)
        with ctx.guest([vm.Shm(shared.name), vm.Shm(shared.name)], name='adopted') as guest:
            guest.load('ivnet_ivshmem')
            names = guest.addresses()
            ctx.check('regions: other layout: adopted', carrier(guest, names[0], 1, 10),
                      guest.dmesg()[-2000:])
            device = f'pci/{guest.pci_address()}'
            health = guest.run(f'devlink health diagnose {device} reporter device')
            for words in ('ports: 3', 'ring: 32', 'max_frame: 2000'):
                ctx.check(f'regions: other layout: {words}', words in health.out,
                          f'{health.out}{health.err}')
            done = guest.run(f'devlink dev param set {device} name ports value 2 cmode driverinit; '
                             f'devlink dev reload {device} action driver_reinit', timeout=60)
            said = done.err + log_of(guest, guest.nics[0])
            wanted = ('in use', '3 ports', 'not 2')
            ctx.check('regions: other layout wanted: both are shown',
                      done.code and all(word in said for word in wanted), f'{done.code} {said}')
            ctx.check('regions: other layout wanted: the header stays',
                      shared.read(0, region.HEADER_LEN) == before)
            ctx.splats(guest, 'regions: other layout')


def crowded(ctx):
    """A port more than there is room for."""
    with ctx.region(size=MIB) as shared:
        with ctx.guest([vm.Shm(shared.name) for _ in range(3)], name='crowded') as guest:
            guest.load('ivnet_ivshmem')
            guest.addresses()
            time.sleep(2)
            with shared.map() as memory:
                view = region.View(memory)
                ports = [view.port_of(guest.read(f'/sys/class/net/{guest.ifname(nic)}/address')
                                      .strip()) for nic in guest.nics]
                ctx.check('regions: all ports taken: two of three have one',
                          view.ports == 2 and sorted(ports, key=str) == [0, 1, None], str(ports))
                left = guest.nics[ports.index(None)]
                text = log_of(guest, left)
                ctx.check('regions: all ports taken: a message',
                          'ports' in text and 'taken' in text, text)
                ctx.check('regions: all ports taken: no carrier',
                          carrier(guest, guest.ifname(left), 0, 1))
                # The next one in the queue gets a port that is given back.
                gone = guest.nics[ports.index(0)]
                mac = guest.read(f'/sys/class/net/{guest.ifname(left)}/address').strip()
                guest.run(f'echo {guest.pci_address(gone)} '
                          '>/sys/bus/pci/drivers/ivnet_ivshmem/unbind', check=True)
                took = region.wait(memory, lambda now: now.port_of(mac) is not None and
                                   now.up(0, 1), 5)
                ctx.check('regions: all ports taken: one that is given back is used',
                          took is not None, text)
            ctx.splats(guest, 'regions: all ports taken')


def few_vectors(ctx):
    """Devices with more vectors than the server gives."""
    with ctx.region(size=MIB, vectors=2) as shared:
        nics = [vm.Shm(shared.name, device_vectors=5) for _ in range(2)]
        with ctx.guest(nics, smp=2, qemu='debian13', name='few-vectors') as guest:
            guest.load('ivnet_ivshmem')
            names = guest.addresses()
            text = log_of(guest, guest.nics[0])
            ctx.check('regions: fewer vectors than the device has: a message',
                      ' vectors arrive' in text and 'server' in text, text)
            ctx.check('regions: fewer vectors than the device has: it works',
                      carrier(guest, names[0], 1, 10), text)
            with shared.map() as memory:
                view = region.View(memory)
                ctx.check('regions: fewer vectors than the device has: announced',
                          {view.announce(port)[4] for port in range(2)} == {2},
                          str([view.announce(port) for port in range(2)]))
            ctx.splats(guest, 'regions: few vectors')


def narrow(ctx):
    """More processors than there is room for queues with frames of 1,514 bytes."""
    with ctx.region(size='64K') as shared:
        with ctx.guest([vm.Shm(shared.name)], smp=4, qemu='debian13', name='narrow') as guest:
            guest.load('ivnet_ivshmem')
            name = guest.addresses()[0]
            text = log_of(guest, guest.nics[0])
            ctx.check('regions: small, many processors: fewer queues',
                      'formatted: 2 ports, 3 queues' in text, text)
            done = guest.run(f'ip link set {name} mtu 1500')
            ctx.check('regions: small, many processors: an MTU of 1500', done.code == 0, done.err)
            ctx.splats(guest, 'regions: small, many processors')


def placed(ctx):
    """BAR 2 below and above 4 GiB."""
    for high in (False, True):
        where = 'above' if high else 'below'
        with ctx.region(size='4M') as shared:
            nics = [vm.Shm(shared.name), vm.Shm(shared.name)]
            with ctx.guest(nics, high_bars=high, name=f'bar-{where}') as guest:
                guest.load('ivnet_ivshmem')
                names = guest.addresses()
                lines = guest.read(f'/sys/bus/pci/devices/{guest.pci_address()}/resource')
                start = int(lines.splitlines()[2].split()[0], 16)
                ctx.check(f'regions: BAR {where} 4 GiB: it is there', (start >> 32 > 0) == high,
                          f'{start:#x}')
                ctx.check(f'regions: BAR {where} 4 GiB: a link', carrier(guest, names[0], 1, 10),
                          guest.dmesg()[-2000:])
                text = log_of(guest, guest.nics[0])
                ctx.check(f'regions: BAR {where} 4 GiB: mapped write-back',
                          'uncached' not in text and
                          ('page by page' in text) != high, text)
                ctx.splats(guest, f'regions: BAR {where} 4 GiB')


def run(ctx):
    refused(ctx, False)
    refused(ctx, True)
    adopted(ctx)
    crowded(ctx)
    few_vectors(ctx)
    narrow(ctx)
    placed(ctx)
