#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Data of a known digest, by TCP or UDP, over IPv4 or IPv6.

    tap_pieces.py serve KIND STREAMS
    tap_pieces.py send KIND ADDRESS BYTES STREAMS

KIND is tcp4, tcp6, udp4, udp6, uso4 or uso6 (UDP that the kernel segments). Both
print the digests of all streams. UDP is sent as fast as it is taken: each datagram
is answered.
"""
import hashlib
import random
import socket
import struct
import sys
import threading

PORT = 6000
SECONDS = 60
# 1400 bytes each where the kernel segments, 30000 in one piece where IP has to.
SEGMENT, DATAGRAM = 1400, 30000
SOL_UDP, UDP_SEGMENT = 17, 103
SO_RCVBUFFORCE = 33    # beyond net.core.rmem_max: eight long datagrams in fragments


def family(kind):
    return socket.AF_INET6 if kind.endswith('6') else socket.AF_INET


def read_all(sock):
    digest = hashlib.sha256()
    while True:
        data = sock.recv(1 << 17)
        if not data:
            return digest.hexdigest()
        digest.update(data)


def serve_udp(sock, result, number):
    digest, expected, end = hashlib.sha256(), 0, None
    while expected != end:
        data, sender = sock.recvfrom(1 << 16)
        index, = struct.unpack_from('!I', data)
        # What is whole takes another queue than fragments do, and may overtake them.
        if len(data) == 4:
            end = index
            continue
        if index != expected:
            raise OSError(f'datagram {index} instead of {expected}')
        expected += 1
        digest.update(data)
        if expected % 8 == 0:
            sock.sendto(data[:4], sender)
    result[number] = digest.hexdigest()


def serve(kind, streams):
    result = [None] * streams
    if kind.startswith('tcp'):
        with socket.create_server(('', PORT), family=family(kind), backlog=streams) as listener:
            print('ready', flush=True)
            listener.settimeout(SECONDS)
            socks = [listener.accept()[0] for _ in range(streams)]

        def one(number):
            socks[number].settimeout(SECONDS)
            first = socks[number].recv(1)[0]
            result[first] = read_all(socks[number])
        threads = [threading.Thread(target=one, args=(number,)) for number in range(streams)]
    else:
        socks = [socket.socket(family(kind), socket.SOCK_DGRAM) for _ in range(streams)]
        for number, sock in enumerate(socks):
            sock.settimeout(SECONDS)
            sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 22)
            sock.bind(('', PORT + number))
        print('ready', flush=True)
        threads = [threading.Thread(target=serve_udp, args=(sock, result, number))
                   for number, sock in enumerate(socks)]
    return threads, result


def send_tcp(sock, data, number):
    sock.sendall(bytes([number]))
    sock.sendall(data)
    sock.shutdown(socket.SHUT_WR)


def send_udp(sock, kind, data, result, number):
    length = SEGMENT if kind.startswith('uso') else DATAGRAM
    # Eight at a time: with the kernel's segmentation they are one packet.
    if kind.startswith('uso'):
        sock.setsockopt(SOL_UDP, UDP_SEGMENT, length)
    digest, index, at = hashlib.sha256(), 0, 0
    while at < len(data):
        pieces = []
        for _ in range(8):
            piece = data[at:at + length - 4]
            pieces.append(struct.pack('!I', index) + piece)
            digest.update(pieces[-1])
            at, index = at + len(piece), index + 1
            if at == len(data):
                break
        if kind.startswith('uso'):
            sock.send(b''.join(pieces))
        else:
            for piece in pieces:
                sock.send(piece)
        if index % 8 == 0:
            sock.recv(4)
    if kind.startswith('uso'):
        sock.setsockopt(SOL_UDP, UDP_SEGMENT, 0)
    sock.send(struct.pack('!I', index))
    result[number] = digest.hexdigest()


def send(kind, address, size, streams):
    threads, result = [], [None] * streams
    for number in range(streams):
        data = random.Random(number).randbytes(size)
        if kind.startswith('tcp'):
            sock = socket.create_connection((address, PORT), SECONDS)
            result[number] = hashlib.sha256(data).hexdigest()
            threads.append(threading.Thread(target=send_tcp, args=(sock, data, number)))
        else:
            sock = socket.socket(family(kind), socket.SOCK_DGRAM)
            sock.settimeout(SECONDS)
            sock.connect((address, PORT + number))
            threads.append(threading.Thread(target=send_udp,
                                            args=(sock, kind, data, result, number)))
    return threads, result


def main():
    if sys.argv[1] == 'serve':
        threads, result = serve(sys.argv[2], int(sys.argv[3]))
    else:
        threads, result = send(sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(*result)
    sys.exit(None in result)


if __name__ == '__main__':
    main()
