#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Statistics of the queues of a net_device (its index) by netdev-genl, one a line."""
import socket
import struct
import sys

NETLINK_GENERIC, GENL_ID_CTRL, CTRL_CMD_GETFAMILY = 16, 16, 3
CTRL_ATTR_FAMILY_ID, CTRL_ATTR_FAMILY_NAME = 1, 2
NLM_F_REQUEST, NLM_F_DUMP, NLMSG_ERROR, NLMSG_DONE = 1, 0x300, 2, 3
QSTATS_GET, SCOPE_QUEUE = 12, 1
IFINDEX, TYPE, ID, SCOPE = 1, 2, 3, 4
NAMES = {8: 'packets', 10: 'packets', 13: 'hw-drops', 14: 'hw-drop-overruns', 18: 'csum-bad',
         23: 'hw-drop-ratelimits', 24: 'hw-drops', 25: 'hw-drop-errors'}


def attribute(number, data):
    size = 4 + len(data)
    return struct.pack('=HH', size, number) + data + bytes(-size % 4)


def attributes(data):
    found = {}
    while len(data) >= 4:
        size, number = struct.unpack('=HH', data[:4])
        found[number & 0x3fff] = data[4:size]
        data = data[(size + 3) & ~3:]
    return found


def ask(sock, family, command, flags, data):
    """The attributes of each message of the answer."""
    sock.send(struct.pack('=IHHIIBBH', 20 + len(data), family, NLM_F_REQUEST | flags, 1, 0,
                          command, 1, 0) + data)
    while True:
        answer = sock.recv(1 << 16)
        while answer:
            size, kind = struct.unpack('=IH', answer[:6])
            if kind == NLMSG_ERROR:
                sys.exit(f'error {struct.unpack("=i", answer[16:20])[0]}')
            if kind == NLMSG_DONE:
                return
            yield attributes(answer[20:size])
            answer = answer[(size + 3) & ~3:]
        if not flags:
            return


def main():
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_GENERIC) as sock:
        sock.bind((0, 0))
        found = list(ask(sock, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 0,
                         attribute(CTRL_ATTR_FAMILY_NAME, b'netdev\0')))
        family = struct.unpack('=H', found[0][CTRL_ATTR_FAMILY_ID])[0]
        wanted = attribute(IFINDEX, struct.pack('=I', int(sys.argv[1]))) + \
            attribute(SCOPE, struct.pack('=Q', SCOPE_QUEUE))
        for queue in ask(sock, family, QSTATS_GET, NLM_F_DUMP, wanted):
            kind, index = (int.from_bytes(queue[each], sys.byteorder) for each in (TYPE, ID))
            for number, value in queue.items():
                if number in NAMES:
                    print(f'{("rx", "tx")[kind]}{index}', NAMES[number],
                          int.from_bytes(value, sys.byteorder))


if __name__ == '__main__':
    main()
