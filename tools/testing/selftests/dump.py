#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""ivnet-dump: what it prints makes the same configuration of a fresh device."""
import glob
import json
import os
import shutil

from lib.ktap import case, main
from lib.net import need_module, run, wait_for, write

PROGRAM = 'ivnet-dump'
# Names of devices are any words without blanks and slashes, so a shell must not read them.
VLANS = {"v'1;$x": 7, 'vlan9': 9}
SETTINGS = {'accept_dad': 0, 'keep_addr_on_down': 1, 'accept_ra': 0, 'router_solicitations': 0}


def dump(t, *names, **options):
    if not shutil.which(PROGRAM):
        t.skip(f'{PROGRAM} is not installed')
    return run(PROGRAM, *names, **options)


def replay(text, ifname):
    """Every line of it must be taken."""
    run('sh -e', text=text)
    wait_for(lambda: os.path.exists(f'/sys/class/net/{ifname}'), ifname)


class Device:
    """The local interface's device, and how to have it as it is at first."""

    def __init__(self, t):
        self.side = t.net.local
        self.path = os.path.realpath(self.side.sysfs('device'))
        self.driver = os.path.realpath(f'{self.path}/driver')
        if not os.path.exists(f'{self.driver}/unbind'):
            t.skip('the driver cannot be given the device anew')

    def fresh(self):
        name = os.path.basename(self.path)
        write(f'{self.driver}/unbind', name)
        write(f'{self.driver}/bind', name)
        found = wait_for(lambda: glob.glob(f'{self.path}/net/*'), 'a new interface')[0]
        if os.path.basename(found) != self.side.ifname:
            self.side.ip('link set', os.path.basename(found), 'name', self.side.ifname)
        # That is the bus device's, and outlives its driver.
        self.side.ethtool('-s', 'wol d', check=False)

    def addresses(self):
        """As run.sh has set them."""
        side = self.side
        for name, value in SETTINGS.items():
            side.sysctl(f'net/ipv6/conf/{side.ifname}/{name}', value)
        side.up()
        side.ip(f'addr replace {side.v4}/24 dev', side.ifname)
        side.ip(f'-6 addr replace {side.v6}/64 dev', side.ifname, 'nodad')

    def back(self, t, text):
        """As it was found."""
        self.fresh()
        if dump(t, self.side.ifname).stdout != text:
            replay(text, self.side.ifname)
        self.addresses()


def answers(t):
    """The same, as the tools show it: {question: answer}."""
    side, name = t.net.local, t.net.devlink_name()
    found = {option: side.ethtool(option, check=False).stdout
             for option in ('-l', '-g', '-c', '-k', '-x')}
    # The carrier comes in its own time, and so does the speed of a device that has one.
    found['-s'] = [line for line in side.ethtool('').stdout.splitlines() if 'detected' not in line]
    found['tunables'] = [side.tunable(each) for each in ('rx-copybreak', 'tx-copybreak')]
    link = side.link()
    found['link'] = ([link[key] for key in ('mtu', 'txqlen', 'address')],
                     sorted({'UP', 'PROMISC', 'ALLMULTI'} & set(link['flags'])))
    shown = json.loads(side.ip('-j -d link show type vlan').stdout)
    found['VLANs'] = sorted((each['ifname'], each['linkinfo']['info_data']['id'], each['mtu'],
                             'UP' in each['flags']) for each in shown
                            if each.get('link') == side.ifname)
    found['parameters'] = {each['name']: each['values'] for each in json.loads(
        run('devlink -j dev param show').stdout)['param'].get(name, ())}
    found['reporters'] = [[each.get(key) for key in ('reporter', 'grace_period', 'auto_recover',
                                                     'auto_dump')] for each in json.loads(
        run('devlink -j health show').stdout)['health'][name]]
    return found


def configure(t):
    """Something of everything, as far as the device has it."""
    side, name = t.net.local, t.net.devlink_name()
    have = answers(t)['parameters']
    for key, value in (('max_queue_pairs', 1), ('mergeable_rx', 'false')):
        if key in have:
            run('devlink dev param set', name, 'name', key, 'value', value, 'cmode driverinit')
    t.net.reload()
    run('devlink health set', name, 'reporter rx grace_period 700 auto_recover false')
    side.ip('link set', side.ifname, 'up mtu 1400 txqueuelen 500 promisc on allmulticast on')
    side.ip('link set', side.ifname, 'address 02:00:00:0d:00:01', check=False)
    for vlan, vid in VLANS.items():
        side.ip('link add link', side.ifname, 'name', vlan, 'type vlan id', vid)
    side.ip('link set', list(VLANS)[0], 'up mtu 1300')
    for words in ('-G rx 128', '-G tx 128', '-G rx-buf-len 8192',
                  '-C tx-frames 17', '-C rx-usecs 60', '-s msglvl 0x40',
                  '-s speed 2500 duplex full', '-s wol g', '--set-tunable rx-copybreak 100',
                  '--set-tunable tx-copybreak 101', '-K rx-gro off', '-K tx-tcp-segmentation off'):
        option, _, rest = words.partition(' ')
        side.ethtool(option, rest, check=False)


@case('162', timeout=120)
def round_trip(t):
    """Of a fresh device, and of one that is not as it was; answers of the tools as well."""
    need_module('8021q')
    ifname, device = t.net.local.ifname, Device(t)
    t.defer(t.net.ping)
    t.defer(device.back, t, dump(t, ifname).stdout)

    device.fresh()
    fresh = dump(t, ifname).stdout
    shown, most = answers(t), t.net.local.channels()['combined-max']
    replay(fresh, ifname)
    t.equal(dump(t, ifname).stdout.splitlines(), fresh.splitlines(), 'dump of a fresh device')
    t.equal(answers(t), shown, 'a fresh device')

    configure(t)
    changed = dump(t, ifname).stdout
    wanted = answers(t)
    same = [each for each in wanted if wanted[each] == shown[each]]
    few = {'-x'} if t.net.local.channels()['combined-max'] < most else {'-x', '-l'}
    t.true(set(same) <= few, f'still as at first: {same}')

    device.fresh()
    t.equal(answers(t), shown, 'a device that is fresh again')
    replay(changed, ifname)
    t.equal(dump(t, ifname).stdout.splitlines(), changed.splitlines(), 'dump of a changed device')
    t.equal(answers(t), wanted, 'a changed device')


@case('162')
def arguments(t):
    """All interfaces without a name, and clear words for what is not one."""
    ifname = t.net.local.ifname
    t.true(dump(t, ifname).stdout in dump(t).stdout, 'dump of all')
    t.true('Usage: ivnet-dump' in dump(t, '--help').stdout, '--help')
    t.true(dump(t, '--version').stdout.startswith('ivnet-dump '), '--version')
    for words, status, text in (('lo', 1, 'not of ivnet'), ('nosuch', 1, 'no such interface'),
                                (f'{ifname} lo', 1, 'not of ivnet'), ('-x', 2, '--help')):
        done = dump(t, words, check=False)
        t.equal(done.returncode, status, f'exit status of ivnet-dump {words}')
        t.true(text in done.stderr, f'{words}: {done.stderr}')


if __name__ == '__main__':
    main()
