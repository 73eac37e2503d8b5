#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Unpack the ELF kernel of a bzImage: extract_vmlinux.py BZIMAGE VMLINUX

The boot protocol says where the compressed payload is (payload_offset and
payload_length, protocol 2.08); its last four bytes are the unpacked size.
"""
import os
import struct
import subprocess
import sys
import zlib

# Commands that unpack what the first bytes announce, from stdin to stdout.
UNPACKERS = {
    b'\xfd7zXZ\x00': ['xz', '-dc'],
    b'\x28\xb5\x2f\xfd': ['zstd', '-dqc'],
    b'\x02\x21\x4c\x18': ['lz4', '-dqc'],
    b'BZh': ['bzip2', '-dc'],
}


def payload(image):
    """The compressed kernel inside a bzImage."""
    if image[0x202:0x206] != b'HdrS':
        raise ValueError('not a bzImage')
    if struct.unpack_from('<H', image, 0x206)[0] < 0x208:
        raise ValueError('boot protocol older than 2.08')
    setup_sectors = image[0x1f1] or 4
    offset, length = struct.unpack_from('<II', image, 0x248)
    start = (setup_sectors + 1) * 512 + offset
    return image[start:start + length]


def unpack(data):
    """The ELF file a payload holds."""
    if data.startswith(b'\x1f\x8b'):
        return zlib.decompressobj(wbits=31).decompress(data)
    for magic, command in UNPACKERS.items():
        if data.startswith(magic):
            size = struct.unpack('<I', data[-4:])[0]
            # The size behind the stream makes some tools fail after the work
            # is done, so the result is judged by its length.
            done = subprocess.run(command, input=data[:-4], check=False,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            if len(done.stdout) != size:
                raise ValueError(done.stderr.decode().strip() or 'short kernel')
            return done.stdout
    raise ValueError('unknown compression')


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    source, target = sys.argv[1:]
    try:
        with open(source, 'rb') as file:
            elf = unpack(payload(file.read()))
    except (OSError, ValueError) as error:
        sys.exit(f'{source}: {error}')
    if not elf.startswith(b'\x7fELF'):
        sys.exit(f'{source}: holds no ELF file')
    with open(f'{target}.new', 'wb') as file:
        file.write(elf)
    os.rename(f'{target}.new', target)


if __name__ == '__main__':
    main()
