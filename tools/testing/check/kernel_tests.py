# SPDX-License-Identifier: GPL-2.0
"""The kernel's own drivers/net selftests, from linux-source-6.12, on a stock
kernel of that version.

The tests run from a copy, changed in two places:
 * hw/csum.py uses cfg.remote_ifname, which that version's env.py does not have.
 * Its transmit cases want finished checksums at the receiver, but between two
   virtual devices they stay open, as both sides are told; so the peer's receive
   offload is off for these cases.
"""
import os
import shutil
import subprocess

import report
import vm

TESTS = ('ping.py', 'queues.py', 'stats.py', 'hw/csum.py')
SOURCE = os.path.join(vm.CACHE, 'src', 'linux-source-6.12')
NEEDED = ('tools/testing/selftests/drivers/net', 'tools/testing/selftests/net/lib',
          'tools/net/ynl', 'Documentation/netlink/specs')
ENVIRONMENT = ('NETIF=eth0 LOCAL_V4=198.51.100.1 REMOTE_V4=198.51.100.2 '
               'LOCAL_V6=2001:db8:7::1 REMOTE_V6=2001:db8:7::2 REMOTE_TYPE=netns '
               'REMOTE_ARGS=remote REMOTE_IFNAME=eth1')
CHANGES = {
    'drivers/net/lib/py/env.py': [
        ('        self.ifname = self.dev[\'ifname\']\n        self.ifindex = self.dev[\'ifindex\']\n\n'
         '        self._required_cmd',
         '        self.remote_ifname = self.env.get("REMOTE_IFNAME")\n'
         '        self.ifname = self.dev[\'ifname\']\n        self.ifindex = self.dev[\'ifindex\']\n\n'
         '        self._required_cmd')],
    'drivers/net/hw/csum.py': [
        ('    with bkg(rx_cmd, host=cfg.remote, exit_wait=True):\n',
         '    cmd(f"ethtool -K {cfg.remote_ifname} rx off", host=cfg.remote)\n'
         '    with bkg(rx_cmd, host=cfg.remote, exit_wait=True):\n')],
}


def prepare(target):
    """A copy of what the tests are made of, changed, with the helper built."""
    for name in NEEDED:
        shutil.copytree(os.path.join(SOURCE, name), os.path.join(target, name), symlinks=True,
                        ignore=shutil.ignore_patterns('*.c.orig', 'generated', 'samples'))
    selftests = os.path.join(target, 'tools/testing/selftests')
    for name, changes in CHANGES.items():
        path = os.path.join(selftests, name)
        with open(path, encoding='utf-8') as file:
            text = file.read()
        for old, new in changes:
            if old not in text:
                raise vm.VmError(f'{name} is not what it was: {old.strip()} is missing')
            text = text.replace(old, new)
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)
    program = os.path.join(selftests, 'net/lib/csum')
    done = subprocess.run(['gcc', '-O2', '-static', '-o', program, f'{program}.c', '-I',
                           os.path.join(SOURCE, 'tools/testing/selftests')],
                          check=False, capture_output=True, text=True, timeout=120)
    if done.returncode:
        raise vm.VmError(f'csum.c does not build:\n{done.stderr}')


def run(ctx, selftests):
    """The tests, on virtio-net or, in full, each transport, in a guest with two interfaces."""
    segment = ctx.segment()
    transport(ctx, selftests, 'ivnet', [vm.Nic(segment, queues=2), vm.Nic(segment, queues=2)])
    if not ctx.options.stress:
        return
    with ctx.region() as shared:
        transport(ctx, selftests, 'ivnet_ivshmem', [vm.Shm(shared.name), vm.Shm(shared.name)])
    transport(ctx, selftests, 'ivnet_loop', [])


def transport(ctx, selftests, driver, nics):
    with ctx.guest(nics, smp=2, qemu='debian13', name=f'kernel-{driver}') as guest:
        prepare(os.path.join(guest.out, 'kernel'))
        guest.load(driver)
        # prepares namespace and addresses; runs what is quick
        guest.run(f'{selftests} -q eth0 eth1 link.carrier', timeout=60 * ctx.slow, check=True)
        guest.run('cp -r /out/kernel /tmp/kernel', check=True, timeout=120 * ctx.slow)
        for test in TESTS:
            ktap = report.Ktap(ctx.tap, f'{ctx.prefix}kernel: {driver}: ', depth=0)
            folder, name = os.path.split(f'/tmp/kernel/tools/testing/selftests/drivers/net/{test}')
            try:
                done = guest.run(f'cd {folder} && {ENVIRONMENT} python3 -B ./{name}',
                                 timeout=240 * ctx.slow, stream=ktap)
            except vm.VmError as error:
                ctx.check(f'kernel: {driver}: {test} ends', False, str(error)[-3000:])
                continue
            ctx.check(f'kernel: {driver}: {test} is complete', ktap.done and ktap.seen,
                      f'exit {done.code}\n{done.out[-2000:]}{ktap.errors}')
        ctx.splats(guest, f'kernel: {driver}')
