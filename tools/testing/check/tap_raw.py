#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""tap_raw.py DEVICE FILE: send frames, each a line of hex that begins with a header
as of virtio (10 bytes), by a packet socket."""
import socket
import sys

SOL_PACKET, PACKET_VNET_HDR = 263, 15

with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sock, open(sys.argv[2]) as lines:
    sock.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    sock.bind((sys.argv[1], 0))
    for line in lines:
        sock.send(bytes.fromhex(line))
