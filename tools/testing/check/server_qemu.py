# SPDX-License-Identifier: GPL-2.0
"""Tests of ivshmem-server: QEMU as it is distributed."""
import contextlib
import mmap
import os

import vm
from server_rig import Client, Server, equal, expect, rings, wait_for

SIZE = 1 << 20
TESTS = {}

# In the guest: ID; the word of each address given; then stores what is given.
SCRIPT = r'''
import glob, mmap, os, sys
device, = [os.path.dirname(path) for path in glob.glob('/sys/bus/pci/devices/*/device')
           if open(path).read().strip() == '0x1110']
with open(device + '/enable', 'w') as file:
    file.write('1')
def words(number):
    fd = os.open(f'{device}/resource{number}', os.O_RDWR)
    return memoryview(mmap.mmap(fd, 0)).cast('I')
registers, memory = words(0), words(2)
for text in sys.argv[1:]:
    name, _, value = text.partition('=')
    if name == 'ring':
        registers[3] = int(value)
    elif name == 'size':
        print(memory.nbytes)
    elif name == 'id':
        print(registers[2])
    elif value:
        memory[int(name)] = int(value)
    else:
        print(memory[int(name)])
'''


def test(function):
    TESTS[function.__name__] = function
    return function


def guest(server, name, qemu):
    return vm.Guest(name=name, qemu=qemu, mem='384M', args=(
        '-chardev', f'socket,id=ivshmem,path={server.path}',
        '-device', 'ivshmem-doorbell,vectors=2,chardev=ivshmem'))


def ask(where, *questions):
    """Numbers the guest answers with."""
    out = where.run(['python3', '/ivshmem.py', *map(str, questions)], timeout=60, check=True).out
    return [int(word) for word in out.split()]


@test
def qemu(context):
    """stock QEMUs share memory, ring, and get new ids; the others live on"""
    if not os.path.exists(f'{vm.CACHE}/trixie/usr/bin/qemu-system-x86_64'):
        return 'no Debian 13 root: run tools/testing/setup.sh root'
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(Server(context.program, context.folder, '--size', SIZE))
        watcher = stack.enter_context(Client(server).greeting(0))
        guests = [stack.enter_context(guest(server, name, program)) for name, program in
                  (('a', 'host'), ('b', 'host'), ('c', 'debian13'))]
        prepare(guests)
        ids = {each.name: ask(each, 'id')[0] for each in guests}
        watcher.follow()
        equal(set(ids.values()), {1, 2, 3}, 'ids')
        equal(set(watcher.peers), {1, 2, 3}, 'ids for another client')
        see_each_other(guests, watcher)
        ring_host(guests, ids, watcher)

        guests[1].restart()
        prepare(guests[1:2])
        new, = ask(guests[1], 'id')
        equal(new, 4, 'id of a guest that was killed and started again')
        wait_for(lambda: watcher.follow(0.1) or set(watcher.peers) == {ids['a'], ids['c'], 4},
                 'the news reach another client')
        equal(watcher.left, [ids['b']], 'who left')
        ids['b'] = new
        # Twice, as a QEMU that hears of an id again would die.
        guests[1].restart()
        prepare(guests[1:2])
        equal(ask(guests[1], 'id'), [5], 'id after another restart')
        ids['b'] = 5
        watcher.follow()
        see_each_other(guests, watcher)
        ring_host(guests, ids, watcher)

        equal(server.stop(), 0, 'status of the server')
        see_each_other(guests, watcher)
        ring_host(guests, ids, watcher)
        for each in guests:
            expect(each.alive(), f'{each.name}: {each.describe_end() if each.process else ""}')
            equal(each.splats(), [], f'complaints of {each.name}')
            with open(os.path.join(each.dir, 'qemu'), encoding='utf-8') as file:
                words = file.read()
            expect('ivshmem' not in words, f"QEMU's words: {words}")
    return None


def prepare(guests):
    for each in guests:
        each.write('/ivshmem.py', SCRIPT)
        found = each.run('cat /sys/bus/pci/devices/*/uevent', check=True).out
        expect('PCI_ID=1AF4:1110' in found, f'no device in {each.name}:\n{found}')
        if each.run('command -v lspci'):
            expect('1af4:1110' in each.run('lspci -nn', check=True).out, 'lspci does not show it')
        equal(ask(each, 'size'), [SIZE], f'size of BAR 2 in {each.name}')


def see_each_other(guests, watcher):
    """Each writes words of its own, all see them, up to the last word of the memory."""
    see_each_other.round += 1
    last = SIZE // 4 - 1
    wanted = {}
    for number, each in enumerate(guests):
        at = {number * 1024: see_each_other.round * 100 + number,
              last - number: see_each_other.round * 1000 + number}
        ask(each, *(f'{key}={value}' for key, value in at.items()))
        wanted.update(at)
    for each in guests:
        equal(ask(each, *wanted), list(wanted.values()), f'memory as {each.name} sees it')
    with mmap.mmap(watcher.memory, SIZE) as memory, memoryview(memory) as view, \
            view.cast('I') as words:
        equal([words[at] for at in wanted], list(wanted.values()), 'memory as the host sees it')


see_each_other.round = 0


def ring_host(guests, ids, watcher):
    for each in guests:
        for vector in range(2):
            ask(each, f'ring={watcher.id << 16 | vector}')
            wait_for(lambda: rings(watcher.doorbells[vector]), f'{each.name} rings {vector}', 5)
            equal(rings(watcher.doorbells[1 - vector]), 0, 'another vector')
        equal(ask(each, 'id'), [ids[each.name]], f'id of {each.name}')
