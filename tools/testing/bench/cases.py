# SPDX-License-Identifier: GPL-2.0
"""The cases: each brings the same traffic at every run and returns a counts.Window."""
import socket
import time

import vm
from bed import PORT

BURST, PAUSE = 16, 4000    # datagrams, microseconds
WARM = 640                 # datagrams before a window


class Case:
    """unit is what instructions are divided by; check names functions of the
    kernel one of which runs once per packet, to see that nothing was lost."""

    unit, check = 'packet', ()

    def __init__(self, name, text):
        self.name, self.text = name, text

    def run(self, bed):
        raise NotImplementedError

    def verify(self, window, packets):
        seen = window.called(self.check)
        if abs(seen - packets) > packets / 100:
            raise vm.VmError(f'{self.name}: {packets} packets went, {seen} were counted')
        return window


class UdpReceive(Case):
    """From the host to a socket whose buffer is full: dropped there."""

    check = ('udp_queue_rcv_one_skb',)

    def __init__(self, name, text, payload, count, port=PORT):
        super().__init__(name, text)
        self.payload, self.count, self.port = payload, count, port

    def target(self, bed):
        return bed.guest.address()

    def run(self, bed):
        def send(count):
            bed.send(self.payload, count, BURST, PAUSE, self.target(bed), self.port)

        send(WARM)
        time.sleep(0.1)
        return self.verify(bed.window(lambda: send(self.count), self.count), self.count)


class UdpTransmit(Case):
    """By sendmmsg() in the guest to a socket of the host that is never read."""

    check = ('udp_sendmsg',)

    def __init__(self, name, text, payload, count):
        super().__init__(name, text)
        self.payload, self.count = payload, count

    def run(self, bed):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink:
            sink.bind(('0.0.0.0', PORT + 1))
            target = f'{bed.guest.nics[0].segment.address()} {PORT + 1} {self.payload}'
            self.ask(bed, f'send {target} {WARM} {BURST} {PAUSE}')
            order = f'send {target} {self.count} {BURST} {PAUSE}'
            return self.verify(bed.window(lambda: self.ask(bed, order), self.count), self.count)

    @staticmethod
    def ask(bed, order):
        with bed.order(order) as link:
            if link.recv(4) != b'done':
                raise vm.VmError('the guest has not sent')


class TcpReceive(Case):
    """From the host to a process that reads it all."""

    unit = 'kB'

    def __init__(self, name, text, size):
        super().__init__(name, text)
        self.size = size

    def target(self, bed):
        return bed.guest.address()

    def run(self, bed):
        with bed.order('sink', self.target(bed)) as link:
            time.sleep(0.1)
            bed.push(link, self.size // 4)
            time.sleep(0.1)
            return bed.window(lambda: bed.push(link, self.size), self.size / 1000)


class TcpTransmit(Case):
    """From a process of the guest to the host."""

    unit = 'kB'

    def __init__(self, name, text, size):
        super().__init__(name, text)
        self.size = size

    def run(self, bed):
        warm = self.size // 4
        with bed.order(f'source {warm} {self.size}') as link:
            bed.drain(link, warm)
            time.sleep(0.1)

            def traffic():
                link.send(b'go')
                bed.drain(link, self.size)

            return bed.window(traffic, self.size / 1000)


class UdpForward(UdpReceive):
    """Through the guest, from its first NIC to its second."""

    check = ('ip_forward',)

    def target(self, bed):
        return bed.behind()


class TcpForward(TcpReceive):
    """Through the guest, from its first NIC to its second."""

    def target(self, bed):
        return bed.behind()


CASES = {case.name: case for case in (
    UdpReceive('rx64', 'UDP receive, 60 byte frames', 18, 6400),
    UdpReceive('rx64read', 'the same, read by a process', 18, 6400, PORT + 2),
    UdpReceive('rx1500', 'UDP receive, 1,514 byte frames', 1472, 6400),
    UdpTransmit('tx64', 'UDP transmit, 60 byte frames', 18, 6400),
    UdpTransmit('tx1500', 'UDP transmit, 1,514 byte frames', 1472, 6400),
    TcpReceive('tcprx', 'TCP receive', 48 << 20),
    TcpTransmit('tcptx', 'TCP transmit', 48 << 20),
    UdpForward('fwd64', 'forwarding, UDP, 60 byte frames', 18, 6400),
    TcpForward('fwdtcp', 'forwarding, TCP', 48 << 20),
)}
