# SPDX-License-Identifier: GPL-2.0
"""IVSHMEM v2 devices, as Jailhouse has them: tools/testing/device behind QEMU's
vfio-user-pci.

Like a region of shm.py the memory of one process has networks 10.0.n.0/24 and
fd00:n::/64, is made at its first use and vanishes with the run.
"""
import itertools
import json
import os
import socket

from .device import START, Process
from .net import Network, networks, parse
from .rig import VmError, isolate, run_dir
from .shm import FIRST_SLOT, size_of

# From here on QEMU has memory modules, and a guest this much of it for each peer.
_MODULES, _MODULES_EACH = 4 << 30, 64 << 20
_numbers = itertools.count(1)


class Peers(Network, Process):
    """Peers that share memory, of which each is a device of a guest.

    peers    2 to 4
    protocol type of the protocol, hexadecimal
    rw, output  sizes of the section that all write, and of each peer's own
    vectors  of MSI-X; with intx there is one interrupt
    intx, one_shot, trap  as options of the program
    fixed    True: the memory is in no BAR, but at an address of the guest; there QEMU
             has a memory module for each section, read-only or not
    sanitize True: built with the address and undefined-behaviour sanitizers
    """

    def __init__(self, name, peers=2, protocol='4000', rw=0, output='1M', vectors=2, intx=False,
                 one_shot=False, trap=False, fixed=False, sanitize=False):
        isolate()
        Network.__init__(self, name)
        self.count, self.protocol = int(peers), int(str(protocol), 16)
        self.rw, self.output = size_of(rw), size_of(output)
        if 4096 + self.rw + self.count * self.output > _MODULES_EACH:
            raise VmError(f'{name}: too much memory')
        self.index = next(_numbers)
        base = os.path.join(run_dir(), f'peers{self.index}')
        self.sockets = [f'{base}.{number}.sock' for number in range(self.count)]
        self.path = f'{base}.mem'
        self.free = list(range(self.count))
        self.fixed = fixed in (True, 'on')
        words = ['--memory', self.path, '--protocol', str(protocol), '--rw-size', str(self.rw),
                 '--output-size', str(self.output), '--vectors', str(vectors)]
        for number, path in enumerate(self.sockets):
            words += ['--socket', path]
            if self.fixed:
                words += ['--address', f'{self.address_of(number):x}']
        for option, given in (('--intx', intx), ('--one-shot', one_shot), ('--trap', trap)):
            words += [option] if given else []
        Process.__init__(self, 'device', base, words, sanitize)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def report(self):
        """Its counters, a dictionary for each peer."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(START)
            sock.connect(self.control)
            with sock.makefile() as file:
                return json.loads(file.read())['peers']

    def address_of(self, peer):
        """Where a peer's guest has the memory."""
        return _MODULES + (self.index * 4 + peer) * _MODULES_EACH

    def sections(self, peer):
        """(offset, size, whether the peer may write it) of each."""
        result = [(0, 4096, False), (4096, self.rw, True)]
        result += [(self.section(each), self.output, each == peer) for each in range(self.count)]
        return [each for each in result if each[1]]

    def section(self, peer):
        """Where a peer's own section is in the memory."""
        return 4096 + self.rw + peer * self.output

    def read(self, offset, length):
        with open(self.path, 'rb') as file:
            file.seek(offset)
            return file.read(length)

    def close(self):
        """End the process; its exit status. No guest uses the devices any more."""
        code = self.end(self.path, *self.sockets)
        self.forget()
        return code


def peers(name, **options):
    """The peers of that name, made at their first use."""
    found = networks.get(name)
    if not found:
        return Peers(name, **options)
    if not isinstance(found, Peers):
        raise VmError(f'{name} is a segment or a region')
    if options:
        raise VmError(f'{name} is there already: {" ".join(options)} must be said first')
    return found


class Ivshmem2:
    """An IVSHMEM v2 device of a guest; stands where a Nic can stand.

    net      name of the peers; several devices with one name share memory, also
             within a guest
    peer     its number among them; the first that is free
    port     True: behind a root port of its own
    id       QEMU's; found by itself
    options  of Peers, with the first device that names them
    """

    netdev = mac = tap = None
    qemu = 'debian13'    # no older one has vfio-user-pci
    OPTIONS = ('peers', 'protocol', 'rw', 'output', 'vectors', 'intx', 'one_shot', 'trap',
               'fixed')

    def __init__(self, net='peers', peer=None, port=False, id=None, **options):
        self.net, self.number = net, None if peer is None else int(peer)
        self.port = port in (True, 'on')
        self.id = id
        self.options = options
        self.bus = self.slot = self.segment = None

    @classmethod
    def parse(cls, text):
        """From the command line: "PEERS" or "PEERS,key=value,intx,one_shot,trap"."""
        flags = ('port', 'intx', 'one_shot', 'trap', 'fixed')
        values = parse('--ivshmem2', text, ('net', 'peer', 'port', 'id', *cls.OPTIONS), flags)
        unknown = values.pop('props')
        if unknown:
            raise VmError(f'--ivshmem2 {text}: there is no {" ".join(unknown)}')
        return cls(**values)

    def prepare(self, guest, index):
        """Fill in what is not given."""
        self.id = self.id or f'nic{index}'
        self.slot = FIRST_SLOT + index
        if self.slot > 0x1e:
            raise VmError(f'{guest.name}: no place for {self.id}')
        self.attach()

    def attach(self):
        """Have the process, and one of its devices."""
        if self.segment:
            return
        self.segment = peers(self.net, **self.options)
        if self.number is None and self.segment.free:
            self.number = self.segment.free[0]
        if self.number not in self.segment.free:
            raise VmError(f'{self.net}: no peer is left for {self.id}')
        self.segment.free.remove(self.number)

    def release(self):
        """Another guest may be this peer."""
        if self.segment:
            self.segment.free.append(self.number)
            self.segment = None

    def device(self):
        """Properties of the device, as for QMP."""
        result = {'driver': 'vfio-user-pci', 'id': self.id, 'rombar': 0,
                  'socket': {'type': 'unix', 'path': self.segment.sockets[self.number]}}
        if self.bus:
            result['bus'] = self.bus
        else:
            result.update(bus='pcie.0', addr=f'{self.slot:x}')
        return result

    def arguments(self):
        """QEMU's arguments."""
        return self._modules() + ['-device', json.dumps(self.device())]

    def _modules(self):
        """Of the memory that is in no BAR: NVDIMMs, as no guest takes them for its RAM."""
        peers_ = self.segment
        if not peers_.fixed:
            return []
        result = ['-machine', 'nvdimm=on', '-m', 'slots=64,maxmem=64G']
        for index, (offset, size, writable) in enumerate(peers_.sections(self.number)):
            name, closed = f'{self.id}-{index}', 'off' if writable else 'on'
            result += ['-object', f'memory-backend-file,id={name}-mem,mem-path={peers_.path},'
                       f'share=on,offset={offset},size={size},readonly={closed},rom={closed}',
                       '-device', f'nvdimm,id={name},memdev={name}-mem,unarmed={closed},'
                       f'addr={peers_.address_of(self.number) + offset:#x}']
        return result
