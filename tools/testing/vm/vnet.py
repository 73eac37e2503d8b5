# SPDX-License-Identifier: GPL-2.0
"""A virtio-net device of our own: tools/testing/device behind QEMU's vfio-user-pci."""
import itertools
import json
import os
import socket

from .device import START, Process
from .net import parse, segment
from .rig import VmError, isolate, run_dir

_numbers = itertools.count(1)


class Vnet:
    """A virtio-net device of a guest that says what it knows, and lies on demand; stands
    where a Nic can stand.

    net      name of the segment
    peer     name of a cable to another of these devices, instead of a segment
    mac, id  found by itself
    port     True: behind a root port of its own
    sanitize True: built with the address and undefined-behaviour sanitizers
    options  of the program, by name with "_" for "-": pairs=2, offer='packed,rss',
             hide='mrg_rxbuf', vectors=0, mtu=9000; of lie a list
    """

    qemu = 'debian13'    # no older one has vfio-user-pci
    tap = None

    def __init__(self, net='lan', mac=None, id=None, port=False, sanitize=False, peer=None,
                 **options):
        isolate()
        self.net, self.mac, self.id, self.peer = net, mac, id, peer
        self.port = port in (True, 'on')
        self.sanitize = sanitize in (True, 'on')
        self.options = options
        self.bus = self.segment = self.process = self.control = None
        self.code = None    # exit status of the process
        self.base = os.path.join(run_dir(), f'vnet{next(_numbers)}')

    @classmethod
    def parse(cls, text):
        """From the command line: "SEGMENT" or "SEGMENT,key=value,port"."""
        values = parse('--vnet', text, ('net', 'mac', 'id', 'port', 'sanitize', 'peer'),
                       ('port', 'sanitize'))
        return cls(**values.pop('props'), **values)

    def prepare(self, guest, index):
        """Fill in what is not given, start the process."""
        self.id = self.id or f'nic{index}'
        self.mac = self.mac or f'52:54:00:00:{guest.number:02x}:{index:02x}'
        self.attach()

    def attach(self):
        """Have the process."""
        if self.process:
            return
        words = ['--socket', f'{self.base}.sock', '--mac', self.mac]
        if self.peer:
            words += ['--peer', os.path.join(run_dir(), f'{self.peer}.cable')]
        else:
            self.segment = segment(self.net)
            self.tap = self.segment.add_tap(1)
            words += ['--tap', self.tap]
        for name, value in self.options.items():
            for each in value if isinstance(value, list) else [value]:
                words += [f'--{name.replace("_", "-")}', str(each)]
        self.process = Process('vnet', self.base, words, self.sanitize)

    def release(self):
        """End the process; no guest uses the device any more."""
        if self.control:
            self.control.close()
            self.control = None
        if self.process:
            self.code = self.process.end(f'{self.base}.sock')
            self.process = None
        if self.tap:
            self.segment.remove_tap(self.tap)
            self.tap = None

    def messages(self):
        """What the process has said."""
        with open(f'{self.base}.log', encoding='utf-8', errors='replace') as file:
            return file.read()

    def device(self):
        """Properties of the device, as for QMP."""
        result = {'driver': 'vfio-user-pci', 'id': self.id, 'rombar': 0,
                  'socket': {'type': 'unix', 'path': f'{self.base}.sock'}}
        if self.bus:
            result['bus'] = self.bus
        return result

    def arguments(self):
        """QEMU's arguments."""
        return ['-device', json.dumps(self.device())]

    # What a tester says; see tools/testing/device/README.rst

    def ask(self, *words):
        """A command; its answer, a dictionary."""
        if not self.control:
            sock = socket.socket(socket.AF_UNIX)
            sock.settimeout(START)
            sock.connect(self.process.control)
            self.control = sock.makefile('rw', encoding='ascii')
            sock.close()    # the file keeps it open
        self.control.write(' '.join(map(str, words)) + '\n')
        self.control.flush()
        line = self.control.readline()
        if not line:
            raise VmError(f'{self.id}: the device is gone:\n{self.messages()}')
        answer = json.loads(line)
        if 'error' in answer:
            raise VmError(f'{self.id}: {" ".join(map(str, words))}: {answer["error"]}')
        return answer

    def state(self):
        """All that the device knows."""
        return self.ask('state')

    def lie(self, name, **options):
        """Switch a lie on: value, count, skip, every, chance, queue."""
        self.ask('lie', name, *(f'{key}={value}' for key, value in options.items()))

    def truth(self, *name):
        """No lies any more, or not that one."""
        self.ask('truth', *name)

    def random_lies(self, seed, *names, chance=100):
        """Lies at random: these, or all that leave the device working."""
        self.ask('random', seed, f'chance={chance}', *names)

    def inject(self, frame, **fields):
        """A frame for the guest, with fields of its header; pair is the queue pair."""
        self.ask('inject', *(f'{key}={value}' for key, value in fields.items()), frame.hex())
