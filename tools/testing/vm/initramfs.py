# SPDX-License-Identifier: GPL-2.0
"""A small initramfs: busybox, the modules that reach the root, two scripts.

It is cached per kernel. Nothing in it drives a network device, so a test
decides which driver takes the NICs.
"""
import hashlib
import lzma
import os
import shutil
import tempfile

from .rig import CACHE, HERE, VmError

# What the guest needs before its root is there; each with its dependencies,
# those that are built in drop out.
WANTED = ('virtio_pci', 'virtio_console', '9pnet_virtio', '9p', 'overlay', 'virtio_blk',
          'crc32c_generic', 'erofs')    # libcrc32c finds its algorithm by name
APPLETS = ('sh', 'mount', 'mkdir', 'insmod', 'cp', 'switch_root', 'cat', 'reboot')


def _module_files(folder):
    """Paths of the wanted modules, relative to folder, in loading order."""
    depends = {}
    with open(os.path.join(folder, 'modules.dep'), encoding='utf-8') as file:
        for line in file:
            path, _, needs = line.partition(':')
            depends[path] = needs.split()
    by_name = {os.path.basename(path).split('.')[0].replace('-', '_'): path
               for path in depends}
    order = []
    for name in WANTED:
        if name in by_name:
            path = by_name[name]
            # modules.dep lists what is needed last first
            order += [each for each in depends[path][::-1] + [path] if each not in order]
    return order


def _unpacked(path):
    with open(path, 'rb') as file:
        data = file.read()
    if path.endswith('.xz'):
        return lzma.decompress(data)
    if not path.endswith('.ko'):
        raise VmError(f'{path}: unknown compression')
    return data


class _Archive:
    """A cpio archive of the "newc" format the kernel reads."""

    def __init__(self):
        self.parts = []
        self.count = 0

    def add(self, name, mode, data=b''):
        self.count += 1
        fields = (self.count, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
        head = b'070701' + b''.join(b'%08x' % field for field in fields)
        self._padded(head + name.encode() + b'\0')
        self._padded(data)

    def _padded(self, data):
        self.parts.append(data + bytes(-len(data) % 4))

    def finish(self):
        self.add('TRAILER!!!', 0)
        return b''.join(self.parts)


def _script(name):
    with open(os.path.join(HERE, name), 'rb') as file:
        return file.read()


def build(kernel):
    """Path of the initramfs for a kernel."""
    busybox = shutil.which('busybox')
    if not busybox:
        raise VmError('no busybox: run tools/testing/setup.sh packages')
    init, agent = _script('guest-init.sh'), _script('guest-agent.sh')
    stamp = [WANTED, APPLETS, os.stat(busybox).st_mtime_ns, kernel.modules]
    if kernel.modules:
        stamp.append(os.stat(os.path.join(kernel.modules, 'modules.dep')).st_mtime_ns)
    key = hashlib.sha256(repr(stamp).encode() + init + agent).hexdigest()[:16]
    folder = os.path.join(CACHE, 'initramfs')
    path = os.path.join(folder, f'{kernel.release}-{key}.cpio')
    if os.path.exists(path):
        return path

    archive = _Archive()
    for name in ('bin', 'modules', 'dev', 'proc', 'sys', 'lower', 'rw', 'new'):
        archive.add(name, 0o40755)
    with open(busybox, 'rb') as file:
        archive.add('bin/busybox', 0o100755, file.read())
    for applet in APPLETS:
        archive.add(f'bin/{applet}', 0o120777, b'busybox')
    archive.add('init', 0o100755, init)
    archive.add('agent', 0o100755, agent)
    order = []
    for number, module in enumerate(_module_files(kernel.modules) if kernel.modules else ()):
        order.append(f'/modules/{number}.ko')
        archive.add(order[-1][1:], 0o100644, _unpacked(os.path.join(kernel.modules, module)))
    archive.add('modules.list', 0o100644, '\n'.join(order).encode() + b'\n')
    os.makedirs(folder, exist_ok=True)
    # Guests that start at the same time may want the same.
    with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
        file.write(archive.finish())
    os.rename(file.name, path)
    return path
