#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Frames that are counted one by one, to see who gets them and how often.

    frames.py send IFNAME COUNT ADDRESS...    that many to each address
    frames.py listen IFNAME FILE              until FILE is there

The listener prints "ready", in the end one line for each sender and address:
"FROM TO NUMBER TWICE", frames that came and how many of them came again.
"""
import os
import socket
import struct
import sys
import time

ETHERTYPE = 0x88b5    # for experiments
LENGTH = 100


def _bytes(address):
    return bytes.fromhex(address.replace(':', ''))


def _text(address):
    return address.hex(':')


def _open(ifname):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETHERTYPE))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    sock.bind((ifname, ETHERTYPE))
    return sock


def send(ifname, count, addresses):
    with open(f'/sys/class/net/{ifname}/address', encoding='ascii') as file:
        source = _bytes(file.read().strip())
    with _open(ifname) as sock:
        for number in range(count):
            for address in addresses:
                sock.send((_bytes(address) + source + struct.pack('!HI', ETHERTYPE, number))
                          .ljust(LENGTH, b'\0'))
            time.sleep(0.01)


def listen(ifname, stop):
    with _open(ifname) as sock:
        # Everything that is there: a segment has no filter for us.
        sock.setsockopt(263, 1, struct.pack('IHH8s', socket.if_nametoindex(ifname), 1, 0, b''))
        sock.settimeout(0.1)
        print('ready', flush=True)
        seen = {}
        while not os.path.exists(stop):
            try:
                data, where = sock.recvfrom(2048)
            except TimeoutError:
                continue
            if where[2] == socket.PACKET_OUTGOING or len(data) < 18:
                continue
            number, = struct.unpack('!I', data[14:18])
            numbers = seen.setdefault((data[6:12], data[:6]), {})
            numbers[number] = numbers.get(number, 0) + 1
    for (source, target), numbers in sorted(seen.items()):
        print(_text(source), _text(target), len(numbers),
              sum(times - 1 for times in numbers.values()))


def main():
    if sys.argv[1] == 'send':
        send(sys.argv[2], int(sys.argv[3]), sys.argv[4:])
    else:
        listen(sys.argv[2], sys.argv[3])


if __name__ == '__main__':
    main()
