# SPDX-License-Identifier: GPL-2.0
"""Guests for tests; README.rst shows how to use it."""
from .commands import CommandFailed, GuestDied, GuestTimeout, Result, to_terminal
from .device import device_program
from .guest import Guest, have_kvm, qemu_command
from .ivshmem2 import Ivshmem2, Peers, peers
from .kernel import Kernel, names as kernel_names, read_info
from .net import Nic, Segment, segment
from .rig import CACHE, TOP, VmError, host, isolate, run_dir
from .shm import VECTORS, Region, Shm, region
from .vnet import Vnet

__all__ = ['CACHE', 'CommandFailed', 'Guest', 'GuestDied', 'GuestTimeout', 'Ivshmem2', 'Kernel',
           'Nic', 'Peers', 'Region', 'Result', 'Segment', 'Shm', 'TOP', 'VECTORS', 'VmError',
           'Vnet', 'device_program', 'have_kvm', 'host', 'isolate', 'kernel_names', 'peers',
           'qemu_command', 'read_info', 'region', 'run_dir', 'segment', 'to_terminal']
