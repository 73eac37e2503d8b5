# SPDX-License-Identifier: GPL-2.0
"""Segments (a bridge of the rig's network namespace each) and NICs.

Segment number n has the networks 10.0.n.0/24 and fd00:n::/64. The host's end is
.1, so the host can be the peer; guest number i has .(10 + i).
"""
import itertools

from .rig import VmError, host, isolate

# Segments and regions of shared memory by name.
networks = {}
_count = itertools.count(1)
_taps = itertools.count()


class Network:
    """What segments and regions of shared memory have in common: addresses."""

    def __init__(self, name):
        self.name = name
        self.number = next(_count)
        networks[name] = self

    def address(self, number=1):
        return f'10.0.{self.number}.{number}'

    def address6(self, number=1):
        return f'fd00:{self.number}::{number:x}'

    def forget(self):
        """The name may be used anew."""
        networks.pop(self.name, None)


class Segment(Network):
    """An Ethernet segment that guests and the host share."""

    def __init__(self, name, mtu=1500):
        isolate()
        super().__init__(name)
        self.bridge = f'br{self.number}'
        self.mtu = mtu
        self.taps = []
        # Else it has the least of its ports' addresses, and guests one that is no more.
        host('ip', 'link', 'add', self.bridge, 'address', f'02:00:00:00:ff:{self.number:02x}',
             'type', 'bridge', 'forward_delay', '0', 'mcast_snooping', '0')
        with open(f'/proc/sys/net/ipv6/conf/{self.bridge}/accept_dad', 'w',
                  encoding='ascii') as file:
            file.write('0')
        host('ip', 'addr', 'add', f'{self.address()}/24', 'dev', self.bridge)
        host('ip', 'addr', 'add', f'{self.address6()}/64', 'dev', self.bridge, 'nodad')
        host('ip', 'link', 'set', self.bridge, 'mtu', str(mtu), 'up')

    def set_mtu(self, mtu):
        """MTU of the host's end, and of everything that forwards."""
        self.mtu = mtu
        for device in self.taps + [self.bridge]:
            host('ip', 'link', 'set', device, 'mtu', str(mtu))

    def add_tap(self, queues):
        tap = f'tap{next(_taps)}'
        host('ip', 'tuntap', 'add', 'dev', tap, 'mode', 'tap', 'vnet_hdr',
             *(['multi_queue'] if queues > 1 else []))
        host('ip', 'link', 'set', tap, 'mtu', str(self.mtu), 'master', self.bridge, 'up')
        self.taps.append(tap)
        return tap

    def remove_tap(self, tap):
        self.taps.remove(tap)
        host('ip', 'link', 'del', tap, check=False)


def parse(option, text, arguments, flags=()):
    """What the command line says of a device: "NET" or "key=value,key=value,flag".

    Returns what is named in arguments, by name, and the rest as "props".
    """
    values = {}
    for word in filter(None, text.split(',')):
        key, equals, value = word.partition('=')
        if equals:
            values[key] = value.replace(';', ',')
        elif not values:
            values['net'] = key
        elif key in flags:
            values[key] = True
        else:
            raise VmError(f'{option} {text}: "{word}" is not key=value')
    props = {key: values.pop(key) for key in list(values) if key not in arguments}
    return {'props': props, **values}


def segment(name, mtu=None):
    """The segment of that name, made at its first use."""
    found = networks.get(name) or Segment(name, mtu or 1500)
    if mtu and mtu != found.mtu:
        found.set_mtu(mtu)
    return found


class Nic:
    """A network device of a guest.

    net     name of the segment (default "lan"), unless netdev is given
    netdev  text for -netdev without its id, e.g. "hubport,hubid=0",
            "socket,listen=127.0.0.1:5000", "user"
    queues  queue pairs (mq=on and the vectors are set for more than one)
    port    True: behind a root port of its own, so that it can be unplugged
    driver  QEMU's device
    Everything else is a property of the device; in Python a dict "props" takes
    names with a "-". True and False stand for on and off.
    """

    def __init__(self, net='lan', netdev=None, queues=1, port=False, mac=None, id=None,
                 driver='virtio-net-pci', props=None, **more):
        self.net = None if netdev else net
        self.netdev = netdev
        self.queues = int(queues)
        self.port = port in (True, 'on')
        self.mac = mac
        self.id = id
        self.driver = driver
        self.props = {**(props or {}), **more}
        self.bus = None
        self.tap = None
        self.segment = None

    @classmethod
    def parse(cls, text):
        """A NIC from the command line: "SEGMENT" or "key=value,key=value"."""
        return cls(**parse('--nic', text,
                           ('net', 'netdev', 'queues', 'port', 'mac', 'id', 'driver')))

    def prepare(self, guest, index):
        """Fill in what is not given, make the tap."""
        self.id = self.id or f'nic{index}'
        self.mac = self.mac or f'52:54:00:00:{guest.number:02x}:{index:02x}'
        self.attach()

    def attach(self):
        """Have a tap, where one is needed."""
        if self.netdev is None and not self.tap:
            self.segment = segment(self.net)
            self.tap = self.segment.add_tap(self.queues)

    def release(self):
        if self.tap:
            self.segment.remove_tap(self.tap)
            self.tap = None

    def backend(self):
        """Properties of the netdev, as for QMP."""
        if self.tap:
            result = {'type': 'tap', 'id': f'{self.id}-net', 'ifname': self.tap,
                      'script': 'no', 'downscript': 'no', 'vnet_hdr': True}
            if self.queues > 1:
                result['queues'] = self.queues
            return result
        kind, _, rest = self.netdev.partition(',')
        result = {'type': kind, 'id': f'{self.id}-net'}
        result.update(word.split('=', 1) for word in filter(None, rest.split(',')))
        return result

    def device(self):
        """Properties of the device, as for QMP."""
        result = {'driver': self.driver, 'id': self.id, 'netdev': f'{self.id}-net',
                  'mac': self.mac}
        if self.driver.startswith(('virtio-net', 'e1000')):
            result['romfile'] = ''    # no option ROM: the firmware is done sooner
        if self.bus:
            result['bus'] = self.bus
        if self.queues > 1:
            result['mq'] = True
            result['vectors'] = 2 * self.queues + 2
        result.update(self.props)
        return result

    def arguments(self):
        """QEMU's arguments."""
        return ['-netdev', option(self.backend(), 'type'),
                '-device', option(self.device(), 'driver')]


def option(values, first):
    """Properties in the form of QEMU's command line."""
    words = [str(values[first])]
    for key, value in values.items():
        if key != first:
            if isinstance(value, bool):
                value = 'on' if value else 'off'
            words.append(f'{key}={value}')
    return ','.join(words)
