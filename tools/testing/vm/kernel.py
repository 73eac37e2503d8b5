# SPDX-License-Identifier: GPL-2.0
"""The kernels a guest can boot: those of the cache, and ones we built."""
import os

from .rig import CACHE, VmError


class Kernel:
    """An image, its own modules and the modules we built for it.

    image    path of a vmlinux (boots fastest) or bzImage
    modules  folder with modules.dep, or None when everything is built in
    built    folder with our .ko files (need not exist yet), or None
    slow     a kernel with debugging: deadlines grow
    """

    def __init__(self, image, modules=None, built=None, release=None, slow=False):
        self.image = os.path.abspath(image)
        self.modules = modules and os.path.abspath(modules)
        self.built = built and os.path.abspath(built)
        self.release = release or os.path.basename(self.modules or self.image)
        self.slow = slow
        if not os.path.isfile(self.image):
            raise VmError(f'no kernel {self.image}')
        if self.modules and not os.path.isfile(os.path.join(self.modules, 'modules.dep')):
            raise VmError(f'no modules.dep in {self.modules}')

    @classmethod
    def find(cls, name):
        """The kernel of a name like 6.12, of a release, or of a path."""
        if isinstance(name, cls):
            return name
        if '/' in name:
            return cls(name)
        info = read_info(name)
        if 'VMLINUX' not in info:
            raise VmError(f'kernel {name} has headers only')
        return cls(info['VMLINUX'], info['MODULES'],
                   os.path.join(CACHE, 'build', info['RELEASE']), info['RELEASE'])

    def compressed(self):
        """The same kernel as a bzImage, for a guest that sleeps: waking up is a reset,
        and at each one QEMU puts a vmlinux where it was at first."""
        image = os.path.join(os.path.dirname(self.image), 'boot', f'vmlinuz-{self.release}')
        if not os.path.exists(image):
            image = self.image
        return Kernel(image, self.modules, self.built, self.release, self.slow)


def read_info(name):
    """What setup.sh wrote about a kernel, as a dict."""
    path = os.path.join(CACHE, 'kernels', name, 'info')
    try:
        with open(path, encoding='utf-8') as file:
            return dict(line.rstrip('\n').split('=', 1) for line in file)
    except OSError:
        raise VmError(f'no kernel {name}: run tools/testing/setup.sh kernels; '
                      f'there are: {" ".join(names()) or "none"}') from None


def names():
    """Names of the bootable kernels in the cache."""
    folder = os.path.join(CACHE, 'kernels')
    if not os.path.isdir(folder):
        return []
    return sorted(name for name in os.listdir(folder)
                  if os.path.islink(os.path.join(folder, name))
                  and os.path.exists(os.path.join(folder, name, 'vmlinux')))
