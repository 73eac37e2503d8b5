# SPDX-License-Identifier: GPL-2.0
"""The interface under test, its peer, and the tools that configure them."""
import contextlib
import ctypes
import errno
import fcntl
import json
import os
import socket
import struct
import subprocess
import time

from lib.ktap import Failed, Skip, slow

_libc = ctypes.CDLL(None, use_errno=True)
_NEWNET, _SIOCGIFHWADDR = 0x40000000, 0x8927
# IP_MTU_DISCOVER, IPV6_MTU_DISCOVER, IP_PMTUDISC_DO
_DISCOVER = {4: (socket.AF_INET, socket.IPPROTO_IP, 10),
             6: (socket.AF_INET6, socket.IPPROTO_IPV6, 23)}
_PMTUDISC_DO = 2


def run(*words, check=True, timeout=30, text=None):
    """Run a command; words with spaces in them are split."""
    command = [part for word in words for part in str(word).split()]
    done = subprocess.run(command, check=False, timeout=timeout * slow(), text=True,
                          capture_output=True, input=text)
    if check and done.returncode:
        raise Failed(f'{" ".join(command)}: exit {done.returncode}: '
                     f'{done.stdout.strip()} {done.stderr.strip()}')
    return done


def read(path):
    with open(path, encoding='ascii') as file:
        return file.read().strip()


def write(path, text):
    with open(path, 'w', encoding='ascii') as file:
        file.write(str(text))


def wait_for(condition, what, timeout=10, step=0.05):
    """Wait until condition() is true, and return what it says."""
    deadline = time.monotonic() + timeout * slow()
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Failed(f'not within {timeout * slow()} s: {what}')
        time.sleep(step)


def diagnosed(name, reporter):
    """What a health reporter of the device of that name has to say."""
    return json.loads(run('devlink -j health diagnose', name, 'reporter', reporter).stdout)


def need_module(name):
    if run('modprobe', name, check=False).returncode:
        raise Skip(f'this kernel has no module {name}')


@contextlib.contextmanager
def namespace(name):
    """The calling thread works in another network namespace, or stays (None).

    Sockets belong to the namespace they are made in, for good.
    """
    if not name:
        yield
        return
    with open('/proc/thread-self/ns/net', encoding='ascii') as old, \
            open(f'/run/netns/{name}', encoding='ascii') as new:
        _setns(new)
        try:
            yield
        finally:
            _setns(old)


def _setns(file):
    if _libc.setns(file.fileno(), _NEWNET):
        raise OSError(ctypes.get_errno(), 'setns')


class Side:
    """One end: an interface with its addresses in its namespace."""

    def __init__(self, ifname, ns, v4, v6):
        self.ifname, self.ns, self.v4, self.v6 = ifname, ns, v4, v6

    def run(self, *words, **options):
        """A command in this side's namespace, but with our sysfs."""
        with self.namespace():
            return run(*words, **options)

    def ip(self, *words, **options):
        prefix = ('ip', '-n', self.ns) if self.ns else ('ip',)
        return run(*prefix, *words, **options)

    def up(self):
        self.ip('link set', self.ifname, 'up')

    def down(self):
        self.ip('link set', self.ifname, 'down')

    def ethtool(self, option, *words, **options):
        return self.run('ethtool', option, self.ifname, *words, **options)

    def ethtool_json(self, option):
        return json.loads(self.run('ethtool', '--json', option, self.ifname).stdout)[0]

    def rings(self):
        """ethtool -g: sizes now, rx-buf-len, and their limits."""
        return self.ethtool_json('-g')

    def channels(self):
        """ethtool -l: {"combined": ..., "combined-max": ...}."""
        lines = self.ethtool('-l').stdout.splitlines()
        largest, now = (int(line.split()[1]) for line in lines if line.startswith('Combined:'))
        return {'combined': now, 'combined-max': largest}

    def tunable(self, name):
        """A tunable's value, or None where the transport has no use for it."""
        done = self.run('ethtool --get-tunable', self.ifname, name, check=False)
        return int(done.stdout.split()[-1]) if done.returncode == 0 else None

    def set_tunable(self, name, value):
        self.run('ethtool --set-tunable', self.ifname, name, value)

    def link(self):
        return json.loads(self.ip('-s -s -j -d link show dev', self.ifname).stdout)[0]

    def stats64(self):
        """Totals of the net_device: {"rx": {...}, "tx": {...}}."""
        return self.link()['stats64']

    def stats(self):
        """ethtool -S as a dictionary."""
        lines = self.ethtool('-S').stdout.splitlines()[1:]
        return {name.strip(): int(value) for name, value in
                (line.rsplit(':', 1) for line in lines if ':' in line)}

    def hear(self, test, group=None):
        """Receive what goes to a group, or everything."""
        before = self.commands()
        if group:
            self.ip('maddr add', group, 'dev', self.ifname)
            test.defer(self.ip, 'maddr del', group, 'dev', self.ifname)
        else:
            self.ip('link set', self.ifname, 'promisc on')
            test.defer(self.ip, 'link set', self.ifname, 'promisc off')
        self.told(before)

    def commands(self):
        """What the device was told so far; None if it has no filters."""
        return self.stats()['ctrl_commands'] if self.features()['rx-vlan-filter'][0] else None

    def told(self, before):
        """Filters have changed since: the device gets to know in the background."""
        def rests():
            first = self.commands()
            time.sleep(0.2)
            return first > before and first == self.commands()
        if before is not None:
            wait_for(rests, 'filters of the device')

    def features(self):
        """{name: (active, fixed)}"""
        return {name: (value['active'], value['fixed'])
                for name, value in self.ethtool_json('-k').items()
                if isinstance(value, dict)}

    def has(self, feature):
        """Is a feature on, or can it be?"""
        active, fixed = self.features().get(feature, (False, True))
        return active or not fixed

    def feature(self, name, on):
        self.ethtool('-K', name, 'on' if on else 'off')

    def mac(self):
        """The address now; by ioctl, as it is asked for often."""
        with self.namespace(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            answer = fcntl.ioctl(sock, _SIOCGIFHWADDR, struct.pack('40s', self.ifname.encode()))
        return ':'.join(f'{byte:02x}' for byte in answer[18:24])

    def link_local(self):
        shown = json.loads(self.ip('-6 -j addr show dev', self.ifname).stdout)
        return next(each['local'] for each in shown[0]['addr_info'] if each['scope'] == 'link')

    def addresses(self):
        return self.v4, self.v6

    def sysctl(self, setting, value):
        """With "/" between the words: names of devices may contain dots."""
        with self.namespace():
            write(f'/proc/sys/{setting}', value)

    def sysfs(self, name):
        """A file of the interface; only this namespace's are in our sysfs."""
        return f'/sys/class/net/{self.ifname}/{name}'

    def namespace(self):
        return namespace(self.ns)


class Net:
    """Both ends, from the environment."""

    def __init__(self):
        env = os.environ
        if env.get('REMOTE_TYPE', 'netns') != 'netns':
            raise Skip('the peer is not in a network namespace of this machine')
        self.local = Side(env['NETIF'], None, env['LOCAL_V4'], env['LOCAL_V6'])
        self.remote = Side(env['REMOTE_NETIF'], env['REMOTE_ARGS'], env['REMOTE_V4'],
                           env['REMOTE_V6'])
        self.path_mtu = int(env.get('PATH_MTU', '1500'))

    def directions(self):
        """(from, to), both ways."""
        return ((self.local, self.remote), (self.remote, self.local))

    def devlink_name(self):
        """The device's handle, as devlink calls it."""
        device = os.path.realpath(f'/sys/class/net/{self.local.ifname}/device')
        if not os.path.exists(f'{device}/subsystem'):
            raise Skip('the interface has no device that devlink could name')
        bus = os.path.basename(os.path.realpath(f'{device}/subsystem'))
        return f'{bus}/{os.path.basename(device)}'

    def recover(self, test):
        """At the end of a case the local end is up and the peer answers."""
        test.defer(self.ping)
        test.defer(self.local.up)

    def reload(self):
        run('devlink dev reload', self.devlink_name(), 'action driver_reinit', timeout=60)

    def ping(self, size=None, family=4, count=1, fragment=True, timeout=10):
        """Ping the peer until it answers, or the time is over."""
        words = ['ping', f'-{family}', '-c', count, '-i', '0.01', '-W', 2 * slow()]
        if size is not None:
            words += ['-s', size]
        if not fragment:
            words += ['-M', 'do']
        target = self.remote.v4 if family == 4 else self.remote.v6
        return wait_for(lambda: run(*words, target, check=False, timeout=60).returncode == 0,
                        f'ping {target} size {size}', timeout=timeout)

    def accepts(self, size, family=4):
        """Does the stack send that many bytes by UDP, whose header is as long as ICMP's?"""
        version, level, option = _DISCOVER[family]
        target = self.remote.v4 if family == 4 else self.remote.v6
        with socket.socket(version, socket.SOCK_DGRAM) as sock:
            sock.setsockopt(level, option, _PMTUDISC_DO)
            sock.connect((target, 9))
            try:
                sock.send(bytes(size))
            except OSError as error:
                if error.errno != errno.EMSGSIZE:
                    raise
                return False
        return True

    def set_mtu(self, mtu):
        for side in (self.local, self.remote):
            side.ip('link set', side.ifname, 'mtu', mtu)

    def keep_feature(self, test, side, *names):
        """Restore features at the end of a case; together, as some need others."""
        now = side.features()
        words = [word for name in names if name in now and not now[name][1]
                 for word in (name, 'on' if now[name][0] else 'off')]
        if words:
            test.defer(side.ethtool, '-K', *words)
