# SPDX-License-Identifier: GPL-2.0
"""Counted instructions: the plugin, the guest's symbols, windows of time."""
import bisect
import collections
import itertools
import os
import re
import socket
import subprocess

import vm
from vm.guest import qemu_command
from vm.rig import run_dir

HERE = os.path.dirname(os.path.abspath(__file__))

# What belongs to driver, ring and buffers. The first match counts; a pattern has
# to match the module or the whole name of the symbol.
GROUPS = (
    ('driver', ('virtio_net', 'net_failover', 'failover', 'ivnet', 'ivnet_virtio', 'ivnet_shm',
                'ivnet_ivshmem', 'ivnet_loop', 'veth', 'dimlib'),
     r'dql_\w+|net_dim|virtio_net_hdr_\w+|__virtio_net_\w+'),
    ('ring', ('virtio', 'virtio_ring', 'virtio_pci', 'virtio_pci_modern_dev'),
     r'_*virtqueue_\w+|vring_\w+|vp_\w+|virtio_\w+|detach_buf\w*|sg_\w+|_*skb_to_sgvec'),
    ('dma', (), r'dma_\w+|__dma_\w+|swiotlb_\w+|iommu_\w+'),
    ('pages', (),
     r'_*page_pool_\w+|_*page_frag\w*|skb_page_frag_\w+|_*alloc_pages\w*|_*folio_\w+'
     r'|_*alloc_frozen_pages\w*|get_page_from_freelist|_*rmqueue\w*|_*free_frozen\w+'
     r'|_*free_pages?\w*|free_unref_\w+|free_pcppages\w*|free_pages_\w+|prep_new_page|post_alloc_hook'
     r'|policy_nodemask|alloc_pages\w*|net_mp_\w+|put_page\w*|get_pfnblock\w+'
     r'|_*get_pfnblock\w+|__mod_zone_page_state|page_to_\w+|napi_pp_put_page|skb_pp_\w+'
     r'|netmem_\w+|expand|__del_page\w*|_*free_one_page|free_tail_page_prepare|prep_compound_page|should_fail_alloc_page|free_large_kmalloc'),
    ('skb', (),
     r'_*(napi_)?build_skb\w*|_*(napi|netdev)_alloc_skb\w*|_*napi_alloc_frag\w*'
     r'|napi_skb_cache_\w+|napi_reuse_skb\w*|napi_get_frags\w*|_*alloc_skb\w*|kmalloc_reserve'
     r'|kmem_cache_\w+|_*kmem_cache_\w+|_*kmalloc\w*|kfree|__slab_\w+|_*slab_\w+|_*refill_\w+'
     r'|skb_release_\w+|skb_free_head\w*|kfree_skb\w*|_*kfree_skb\w*|sk_skb_reason_drop'
     r'|napi_consume_skb|consume_skb|_*consume_\w+|skb_(add|coalesce)_rx_frag\w*|skb_put'
     r'|skb_page_unref|___cache_free|build_detached_freelist|memcg_\w+|should_failslab|_*finalize_skb\w*'
     r'|_*memcpy\w*|_*memset\w*|memset_orig|memcpy_orig|clear_page\w*'),
)
OWN = tuple(name for name, _, _ in GROUPS)
_GROUPS = [(name, modules, re.compile(f'(?:{pattern})$')) for name, modules, pattern in GROUPS]

# Calls of these are a notification or an interrupt, with any driver.
KICKS = ('vp_notify', 'vp_notify_with_data', 'ivshmem_ring', 'loop_ring')
INTERRUPTS = ('vring_interrupt', 'ivshmem_irq')
POLLS = ('__napi_poll',)

USER = ('user space', '')
_CLONE = re.compile(r'\.(cold|part|constprop|isra|llvm)(\.\d+)?')


def build(source, target, *flags):
    """Compile a C file of this folder."""
    command = ['gcc', '-O2', '-Wall', '-Wextra', *flags, '-o', target,
               os.path.join(HERE, source), '-lpthread']
    try:
        done = subprocess.run(command, check=False, timeout=120, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    except OSError as error:
        raise vm.VmError(f'gcc: {error.strerror}') from None
    if done.returncode:
        raise vm.VmError(f'{source} does not compile:\n{done.stdout}')


def qemu_version():
    done = subprocess.run(qemu_command('host') + ['--version'], check=False, timeout=30,
                          text=True, stdout=subprocess.PIPE)
    found = re.search(r'version (\d+)\.(\d+)', done.stdout)
    if not found:
        raise vm.VmError('QEMU does not say its version')
    return tuple(map(int, found.groups()))


_numbers = itertools.count()


class Counter:
    """The plugin in one QEMU; snapshot() says what was run since the start."""

    def __init__(self):
        name = f'counts{next(_numbers)}'
        self.plugin = os.path.join(run_dir(), f'{name}.so')
        self.path = os.path.join(run_dir(), name)
        self.dump = os.path.join(run_dir(), f'{name}.dump')
        if qemu_version() >= (8, 2):
            raise vm.VmError('the plugin is for the interface of QEMU 4.2 to 8.1')
        build('counts.c', self.plugin, '-shared', '-fPIC')
        self.socket = None

    def arguments(self):
        return ['-plugin', f'{self.plugin},socket={self.path}']

    def snapshot(self):
        if not self.socket:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(30)
            self.socket.connect(self.path)
        self.socket.send(self.dump.encode())
        if self.socket.recv(2) != b'ok':
            raise vm.VmError('the plugin cannot write what it has counted')
        with open(self.dump, encoding='ascii') as file:
            return collections.Counter({
                (int(addr, 16), int(insns)): int(runs)
                for addr, insns, runs in map(str.split, file)})


def instructions(snapshot):
    return sum(insns * runs for (_, insns), runs in snapshot.items())


class Symbols:
    """The guest's kernel symbols; read again after a module was loaded."""

    def __init__(self, text):
        table = {}
        for line in text.splitlines():
            words = line.split()
            if words[1] in 'tTwW' and not words[2].startswith('__pfx_'):
                name = _CLONE.sub('', words[2])
                module = words[3][1:-1] if len(words) > 3 else ''
                # Of several names for an address keep one without underscores.
                addr = int(words[0], 16)
                old = table.get(addr)
                if not old or (name.lstrip('_') == name) > (old[0].lstrip('_') == old[0]):
                    table[addr] = (name, module)
        self.addresses = sorted(table)
        self.names = [table[addr] for addr in self.addresses]

    def find(self, addr):
        """((name, module), is it the start)"""
        index = bisect.bisect_right(self.addresses, addr) - 1
        if not addr:
            return USER, False
        if index < 0:
            return ('unknown', ''), False
        return self.names[index], self.addresses[index] == addr


class Window:
    """What was run between two snapshots."""

    def __init__(self, before, after, symbols, units):
        self.units = units
        self.insns = collections.Counter()
        self.calls = collections.Counter()
        for (addr, insns), runs in after.items():
            runs -= before.get((addr, insns), 0)
            if runs:
                symbol, start = symbols.find(addr)
                self.insns[symbol] += runs * insns
                if start:
                    self.calls[symbol] += runs

    def total(self):
        return sum(self.insns.values()) / self.units

    def groups(self):
        result = dict.fromkeys(OWN + ('rest',), 0)
        for symbol, insns in self.insns.items():
            result[group(symbol)] += insns / self.units
        return result

    def own(self):
        """The part of driver, ring and buffers."""
        return sum(self.groups()[name] for name in OWN)

    def called(self, names):
        return sum(runs for (name, _), runs in self.calls.items() if name in names)


_cache = {}


def group(symbol):
    """The group a symbol belongs to."""
    if symbol not in _cache:
        name, module = symbol
        _cache[symbol] = next((each for each, modules, pattern in _GROUPS
                               if module in modules or pattern.match(name)), 'rest')
    return _cache[symbol]
