# SPDX-License-Identifier: GPL-2.0
"""Page pools of the kernel, by netdev-genl: one line each, with "detached" for
one whose queue is gone. In a guest; prints nothing where the kernel cannot say."""
import socket
import struct

GENERIC, REQUEST_DUMP = 16, 0x301
CTRL, GET_FAMILY, FAMILY_NAME, FAMILY_ID = 16, 3, 2, 1
POOL_GET = 5
ID, IFINDEX, INFLIGHT, DETACH_TIME = 1, 2, 4, 6


def attributes(data):
    found = {}
    while len(data) >= 4:
        length, kind = struct.unpack_from('=HH', data)
        found[kind & 0x3fff] = data[4:length]
        data = data[(length + 3) // 4 * 4:]
    return found


def request(sock, family, command, flags, body=b''):
    """Send, return the attributes of every answer; None for an error."""
    sock.send(struct.pack('=IHHIIBBH', 20 + len(body), family, flags, 1, 0, command, 1, 0) + body)
    answers = []
    while True:
        data = sock.recv(1 << 18)
        while data:
            length, kind = struct.unpack_from('=IH', data)
            if kind == 2:
                error, = struct.unpack_from('=i', data, 16)
                return None if error else answers
            if kind == 3:
                return answers
            answers.append(attributes(data[20:length]))
            if not flags & 0x300:
                return answers
            data = data[(length + 3) // 4 * 4:]


def number(value):
    return int.from_bytes(value, 'little')


def main():
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, GENERIC) as sock:
        sock.bind((0, 0))
        name = b'netdev\0'
        family = request(sock, CTRL, GET_FAMILY, 1,
                         struct.pack('=HH', 4 + len(name), FAMILY_NAME) + name + b'\0')
        if not family:
            return
        for pool in request(sock, number(family[0][FAMILY_ID]), POOL_GET, REQUEST_DUMP) or ():
            print(f'pool {number(pool[ID])} interface {number(pool.get(IFINDEX, b""))}',
                  f'in flight {number(pool.get(INFLIGHT, b""))}',
                  'detached' if DETACH_TIME in pool else '')


if __name__ == '__main__':
    main()
