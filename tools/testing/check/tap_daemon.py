# SPDX-License-Identifier: GPL-2.0
"""Tests of ivshmem-tap: options, files, privileges, systemd; and a hostile port."""
import contextlib
import json
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess

import hostile
import native
from server_rig import DEADLINE, equal, expect, run, wait_for
from tap_rig import Segment, stream

TESTS = {}


def test(function):
    TESTS[function.__name__] = function
    return function


@test
def attack(context):
    """a port that breaks every rule, with sanitizers: the others talk on, and recover"""
    program = context.build('sanitized', CC='gcc', SANITIZE='address,undefined',
                            CFLAGS='-O1 -g -fno-omit-frame-pointer')
    path = hostile.program(context.folder)
    with Segment(context, program=program, ports=4, queues=2) as found:
        one, two = found.nodes
        before = re.findall(r'port [01]: up.*restarts (\d+)', one.state()[0])

        def let(*options, seconds=15):
            done = run(path, '--server', found.server.path, '--seconds', str(seconds), '--seed',
                       '20261121', '--arp', one.address, '--arp', two.address, *options,
                       seconds=seconds + 60)
            equal(done.returncode, 0, done.stdout)
            return json.loads(done.stdout.splitlines()[-1])

        with stream(one, two, longest=10), stream(two, one, longest=10, port=5002):
            # Where processors are short it is some time until it has done everything.
            for _ in range(6):
                did = let()
                expect(did['ups'] > 0 and did['frames'] > 1000, f'it did what it could: {did}')
                if all(did[name] > 5 for name in ('producer', 'consumer')) and all(
                        counts['rx_err_gso'] for counts in (one.counts(), two.counts())):
                    break
        equal(re.findall(r'port [01]: up.*restarts (\d+)', one.state()[0]), before,
              'restarts of the link between the others')
        rings = 0
        for node in found.nodes:
            counts = node.counts()
            for name in ('rx_err_offset', 'rx_err_len', 'rx_err_flags', 'rx_err_seq',
                         'rx_err_csum', 'rx_err_gso'):
                expect(counts.get(name), f'{node.name} does not count {name}: {counts}')
            rings += counts['rx_err_ring'] + counts['tx_err_ring']
        expect(rings, 'indices that lie are not counted')
        let('--everywhere', seconds=8)
        one.ping(two, 10, seconds=90)
        for node in found.nodes:
            equal(node.stop(), 0, 'status')
            expect('ERROR: ' not in node.log() and 'runtime error' not in node.log(),
                   node.log()[-3000:])


@test
def warnings(context):
    """gcc and clang have nothing to say"""
    context.build('pedantic', CC='gcc', CFLAGS='-O3 -Wformat=2 -Wvla -Wcast-qual -Wundef')
    if not shutil.which('clang'):
        return 'clang is not installed'
    context.build('clang', CC='clang')
    return None


@test
def options(context):
    """every mistake on the command line is told, with what is allowed"""
    path = ('--socket', '/x')
    for arguments, words in (
            ((), '--socket PATH is missing'), (('--socket', ''), 'empty'),
            (('--socket', '/' + 107 * 'x'), 'at most 107'), (('x',), 'no arguments'),
            ((*path, '--tap', 16 * 'x'), 'at most 15 bytes'), ((*path, '--tap', 'a/b'), 'name'),
            ((*path, '--mac', '01:00:00:00:00:01'), 'one station'),
            ((*path, '--mac', '02:00:00:00:00'), 'one station'),
            ((*path, '--mac', '00:00:00:00:00:00'), 'one station'),
            ((*path, '--mtu', '67'), 'from 68 to 65521'), ((*path, '--port', '16'), 'from 0 to 15'),
            ((*path, '--ports', '1'), 'from 2 to 16'), ((*path, '--ports', '17'), 'from 2 to 16'),
            ((*path, '--queues', '0'), 'from 1 to 4'), ((*path, '--queues', '5'), 'from 1 to 4'),
            ((*path, '--user', ''), 'empty'), (('--socket', 'x', '--daemonize'), 'absolute'),
            ((*path, '--nonsense'), 'nonsense')):
        done = run(context.program, *arguments, seconds=DEADLINE)
        equal(done.returncode, 2, f'status for {arguments}')
        expect(words in done.stdout and '--help' in done.stdout, f'{arguments}: {done.stdout}')
    for option in ('--help', '--version'):
        equal(run(context.program, option, seconds=DEADLINE).returncode, 0, f'status of {option}')
    shown = set(re.findall(r'--[a-z-]+', run(context.program, '--help').stdout))
    with open(os.path.join(context.source, 'ivshmem-tap.8'), encoding='utf-8') as manual:
        written = set(re.findall(r'--[a-z-]+', manual.read().replace(r'\-', '-')))
    expect(shown - {'--'} <= written, f'not in the manual: {shown - written}')


@test
def faults(context):
    """what is missing is told, with status 1"""
    socket_path = os.path.join(context.folder, 'nobody')
    done = run(context.program, '--socket', socket_path)
    equal((done.returncode, 'no server is there' in done.stdout), (1, True), done.stdout)
    # One that says nothing, and one that talks nonsense.
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(socket_path)
        listener.listen(5)
        process = subprocess.Popen([context.program, '--socket', socket_path],
                                   stderr=subprocess.PIPE, text=True)
        said = process.communicate(timeout=10)[1]
        equal((process.returncode, 'does not answer' in said), (1, True), said)
        for words in (b'\1' + bytes(7), bytes(8) + b'\xff' * 8, bytes(16) + b'\xff' * 8):
            process = subprocess.Popen([context.program, '--socket', socket_path],
                                       stderr=subprocess.PIPE, text=True)
            with contextlib.closing(accept_until(listener, process)) as conn:
                conn.sendall(words)
                said = process.communicate(timeout=10)[1]
            equal((process.returncode, 'nonsense' in said), (1, True), said)
    with Segment(context, nodes=1, start=False) as found:
        node, = found.nodes
        node.ip('link', 'add', 'tap0', 'type', 'veth', 'peer', 'name', 'other0')
        node.start(wait=False)
        equal((node.end(), 'is no TAP' in node.log()), (1, True), node.log())
        node.ip('link', 'del', 'tap0')
        node.start('--user', 'nosuchuser', wait=False)
        equal((node.end(), 'there is no user' in node.log()), (1, True), node.log())


def accept_until(listener, process):
    """The next connection of a process; earlier ones of others have ended."""
    while True:
        conn, _ = listener.accept()
        if int.from_bytes(conn.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)[:4],
                          'little') == process.pid:
            return conn
        conn.close()


def status(pid, name):
    with open(f'/proc/{pid}/status', encoding='ascii') as file:
        return next(line.split()[1:] for line in file if line.startswith(f'{name}:'))


@test
def privileges(context):
    """--user drops all; a device made for a user needs none; root keeps no capability"""
    nobody = pwd.getpwnam('nobody')
    with Segment(context, nodes=3, start=False) as found:
        one, two, three = found.nodes
        one.start('--user', 'nobody')
        two.start()
        three.ip('tuntap', 'add', 'dev', 'tap0', 'mode', 'tap', 'vnet_hdr', 'user', 'nobody')
        three.ip('link', 'set', 'tap0', 'up', 'address', '02:00:00:00:0c:03')
        os.chmod(found.server.path, 0o666)
        log = open(three.log_path, 'ab')
        with log:
            three.process = subprocess.Popen(
                three.inside('setpriv', f'--reuid={nobody.pw_uid}', f'--regid={nobody.pw_gid}',
                             '--clear-groups', '--inh-caps=-all', context.program, '--socket',
                             found.server.path, '--tap', 'tap0'),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        three.wait_log('is in the segment')
        three.give_addresses()
        for node in (one, three):
            equal(status(node.process.pid, 'Uid'), 4 * [str(nobody.pw_uid)], 'user')
            equal(status(node.process.pid, 'Groups'), [], 'groups')
        for node in found.nodes:
            for thread in os.listdir(f'/proc/{node.process.pid}/task'):
                equal([int(status(thread, name)[0], 16) for name in ('CapPrm', 'CapEff')], [0, 0],
                      'capabilities')
            equal(status(node.process.pid, 'NoNewPrivs'), ['1'], 'NoNewPrivs')
        # What was there before keeps its address.
        equal(json.loads(three.ip('-j', 'link', 'show', 'tap0'))[0]['address'],
              '02:00:00:00:0c:03', 'address')
        one.ping(two, 10)
        one.ping(three, 10)
        equal([node.stop() for node in found.nodes], [0, 0, 0], 'status')


@test
def background(context):
    """--daemonize returns when the device is there; pid file, log, SIGHUP"""
    with Segment(context, nodes=1, start=False) as found:
        node, = found.nodes
        paths = {name: os.path.join(context.folder, name) for name in ('pid', 'log')}
        command = (context.program, '--socket', found.server.path, '--tap', 'tap0', '--daemonize',
                   '--pid-file', paths['pid'], '--log', paths['log'])
        done = node.run(*command)
        equal((done.returncode, done.stdout), (0, ''), 'in the background')
        with open(paths['pid'], encoding='ascii') as file:
            pid = int(file.read())
        try:
            # The same at each start, and locally administered.
            mac = json.loads(node.ip('-j', 'link', 'show', 'tap0'))[0]['address']
            equal(int(mac[:2], 16) & 3, 2, mac)
            equal(node.run(*command).returncode, 1, 'status of a second one')
            os.rename(paths['log'], paths['log'] + '.1')
            os.kill(pid, signal.SIGHUP)

            def written():
                if not os.path.exists(paths['log']):
                    return False
                with open(paths['log'], encoding='ascii') as log:
                    return 'queue 0' in log.read()
            wait_for(written, 'the state in a new log')
        finally:
            os.kill(pid, signal.SIGTERM)
        # we are process 1 here, so it is our child in the end
        wait_for(lambda: os.waitpid(pid, os.WNOHANG)[0], 'it ends')
        expect(not os.path.exists(paths['pid']), 'the pid file is left')
        equal(node.run(*command).returncode, 0, 'again')
        equal(json.loads(node.ip('-j', 'link', 'show', 'tap0'))[0]['address'], mac, 'address')
        with open(paths['pid'], encoding='ascii') as file:
            pid = int(file.read())
        os.kill(pid, signal.SIGTERM)
        wait_for(lambda: os.waitpid(pid, os.WNOHANG)[0], 'it ends')


@test
def systemd(context):
    """NOTIFY_SOCKET hears READY, the state, and STOPPING"""
    path = os.path.join(context.folder, 'notify')
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock, \
            Segment(context, start=False) as found:
        sock.bind(path)
        sock.settimeout(DEADLINE)
        one, two = found.nodes
        os.environ['NOTIFY_SOCKET'] = path
        try:
            one.start()
        finally:
            del os.environ['NOTIFY_SOCKET']
        expect(sock.recv(999).startswith(b'READY=1\nSTATUS=tap0'), 'READY')
        two.start()
        equal(sock.recv(999), b'STATUS=tap0, port 0 of 4, 1 links up', 'state')
        equal(one.stop(), 0, 'status')
        equal(sock.recv(999), b'STOPPING=1', 'the end')


@test
def installation(context):
    """make install and uninstall; the manual and the unit are well-formed"""
    native.installation(context, ('ivshmem-tap@.service',), 25)
