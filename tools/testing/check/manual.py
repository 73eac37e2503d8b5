#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""The manual's tables of feature bits and of control commands: what of the kernel's
virtio_net.h they leave out.

    manual.py .../include/uapi/linux/virtio_net.h
"""
import os
import re
import sys

MANUAL = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../..',
                      'Documentation/networking/ivnet.rst')
# Limits of a command's argument.
NO_COMMAND = ('MQ_VQ_PAIRS_MIN', 'MQ_VQ_PAIRS_MAX')


def rows(title):
    """(first column, second column) of the first table under a title; what goes on after
    a comma, or without a first column, is one row."""
    with open(MANUAL, encoding='utf-8') as file:
        text = file.read()
    table = text.partition(f'\n{title}\n====')[2].partition('\n\n====')[2]
    _, body = table.partition('\n')[2].split('\n====', 2)[:2]
    width = body.partition('\n')[0].index(' ') + 4
    found = []
    for line in body.splitlines()[1:]:
        left, right = line[:width].strip(), line[width:].strip()
        if found and (not left or found[-1][0].endswith(',')):
            found[-1] = f'{found[-1][0]} {left}'.strip(), f'{found[-1][1]} {right}'.strip()
        else:
            found.append((left, right))
    return found


def features():
    """{name of a bit: what is said of it}"""
    return {name: text for names, text in rows('Feature bits') for name in re.findall(r'\w+', names)}


def commands():
    """Control commands: "CLASS ONE, OTHER" or "CLASS_ONE"."""
    found = set()
    for names, _ in rows('Control queue'):
        first, *others = re.findall(r'\w+', names)
        found.update([first] if not others else (f'{first}_{other}' for other in others))
    return found


def missing(header):
    """What the header has and the manual has not."""
    with open(header, encoding='utf-8') as file:
        text = file.read()
    bits = re.findall(r'^#define VIRTIO_NET_F_(\w+)', text, re.M)
    names = re.findall(r'^ ?#define VIRTIO_NET_CTRL_(\w+)', text, re.M)
    classes = [name for name in names if any(other.startswith(f'{name}_') for other in names)]
    lost = [f'VIRTIO_NET_F_{bit}' for bit in bits if bit not in features()]
    return lost + [f'VIRTIO_NET_CTRL_{name}' for name in names
                   if name not in classes and name not in NO_COMMAND and name not in commands()]


if __name__ == '__main__':
    for lost in missing(sys.argv[1]):
        print(f'the manual has no row for {lost}')
