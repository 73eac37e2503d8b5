# SPDX-License-Identifier: GPL-2.0
"""Tests of ivshmem-server: options, files, signals, systemd, privileges."""
import contextlib
import os
import pwd
import re
import select
import shutil
import signal
import socket
import stat
import subprocess
import time

import native
from server_rig import (DEADLINE, Client, Server, Wrong, crowd, equal, expect, listens, run,
                        wait_for)

TESTS = {}


def test(function):
    TESTS[function.__name__] = function
    return function


@test
def warnings(context):
    """gcc and clang have nothing to say"""
    context.build('pedantic', CC='gcc', CFLAGS='-O3 -Wconversion -Wno-sign-conversion '
                  '-Wformat=2 -Wvla -Wcast-qual')
    if not shutil.which('clang'):
        return 'clang is not installed'
    context.build('clang', CC='clang')
    return None


@test
def options(context):
    """every mistake on the command line is told, with what is allowed"""
    for arguments, words in (
            ((), '--socket PATH is missing'), (('--size', '3M'), 'power of two from 4K to 1T'),
            (('--size', '2K'), '4K to 1T'), (('--size', '2T'), '4K to 1T'),
            (('--size', '99999999999999999999'), '4K to 1T'), (('--size', '-4K'), '4K to 1T'),
            (('--size', '4X'), '4K to 1T'), (('--size', ''), '4K to 1T'),
            (('--vectors', '0'), 'from 1 to 64'), (('--vectors', '65'), 'from 1 to 64'),
            (('--vectors', '2x'), 'from 1 to 64'), (('--clients', '5000'), 'from 1 to 4096'),
            (('--timeout', '0'), 'from 1 to 86400'), (('--timeout', '-1'), 'from 1 to 86400'),
            (('--socket-mode', '888'), 'octal'), (('--socket', ''), 'empty'),
            (('--huge=3M',), 'huge page'), (('--huge', '--memory', '/x'), 'hugetlbfs'),
            (('--socket', '/' + 107 * 'x'), 'at most 107'), (('x',), 'no arguments'),
            (('--daemonize', '--socket', 'x'), 'absolute'), (('--nonsense',), 'nonsense')):
        done = run(context.program, *arguments, seconds=DEADLINE)
        equal(done.returncode, 2, f'status for {arguments}')
        expect(words in done.stdout and '--help' in done.stdout, f'{arguments}: {done.stdout}')
    for option in ('--help', '--version'):
        equal(run(context.program, option, seconds=DEADLINE).returncode, 0, f'status of {option}')
    shown = set(re.findall(r'--[a-z-]+', run(context.program, '--help').stdout))
    manual = open(os.path.join(context.source, 'ivshmem-server.8'), encoding='utf-8')
    with manual:
        written = set(re.findall(r'--[a-z-]+', manual.read().replace(r'\-', '-')))
    expect(shown - {'--'} <= written, f'not in the manual: {shown - written}')
    for size, length in (('64k', 1 << 16), ('1MiB', 1 << 20), ('8192', 8192), ('1G', 1 << 30)):
        with Server(context.program, context.folder, '--size', size) as server:
            client, = crowd(server, 1)
            equal(os.fstat(client.memory).st_size, length, size)
            client.close()


@test
def stopping(context):
    """SIGTERM and SIGINT: status 0, and no file is left"""
    for number in (signal.SIGTERM, signal.SIGINT):
        pid_file = os.path.join(context.folder, 'pid')
        with Server(context.program, context.folder, '--pid-file', pid_file) as server:
            with open(pid_file, encoding='ascii') as file:
                equal(int(file.read()), server.process.pid, 'pid file')
            clients = crowd(server, 2)
            with Server(context.program, context.folder, '--pid-file', pid_file,
                        wait=False) as second:
                equal(second.end(), 1, 'status of a second one')
                expect(f'process {server.process.pid}' in second.log(), second.log())
            equal(server.stop(number), 0, 'status')
            for client in clients:
                client.ended()
                client.close()
            left = [name for name in os.listdir(context.folder) if not name.endswith('.log')]
            equal(left, [], 'files left')


@test
def stale(context):
    """a dead server's socket is replaced; a living one and anything else is not"""
    path = os.path.join(context.folder, 'socket')
    with Server(context.program, context.folder, path=path) as server:
        pass    # killed
    expect(os.path.exists(path) and os.path.exists(f'{path}.lock'), 'nothing is left to remove')
    with Server(context.program, context.folder, path=path) as server:
        expect('which a dead server left' in server.log(), server.log())
        with Server(context.program, context.folder, path=path, wait=False) as second:
            equal(second.end(), 1, 'status of a second server')
            expect(f'process {server.process.pid}' in second.log(), second.log())
        with Client(server) as client:    # and the attempt has not cost an id
            client.greeting(0)
        # What has taken its place in the meantime is not removed.
        os.rename(path, f'{path}.old')
        with open(path, 'wb'):
            pass
        equal(server.stop(), 0, 'status')
        expect(os.path.isfile(path), 'a file of another was removed')
    with Server(context.program, context.folder, path=path, wait=False) as server:
        equal(server.end(), 1, 'status for a file')
        expect('is not a socket' in server.log() and os.path.isfile(path), server.log())
    os.unlink(path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
        other.bind(path)
        other.listen(1)
        with Server(context.program, context.folder, path=path, wait=False) as server:
            equal(server.end(), 1, 'status when another program listens')
            expect('another program listens' in server.log(), server.log())
        expect(listens(path), 'the socket of another program was removed')


def notified(sock):
    sock.settimeout(DEADLINE)
    try:
        return sock.recv(4096).decode()
    except socket.timeout:
        raise Wrong('systemd is not told') from None


def activated(pid='$$', fds=1):
    return ('sh', '-c', f'LISTEN_PID={pid} LISTEN_FDS={fds} exec "$@" 3<&9', 'sh')


@test
def activation(context):
    """LISTEN_FDS and NOTIFY_SOCKET as of systemd; wrong sockets are refused"""
    path = os.path.join(context.folder, 'socket')
    notify_path = os.path.join(context.folder, 'notify')
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener, \
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        listener.bind(path)
        listener.listen(5)
        notify.bind(notify_path)
        early = Client(path)    # before there is a server
        os.dup2(listener.fileno(), 9)
        try:
            given = {'path': None, 'pass_fds': (9,),
                     'env': {**os.environ, 'NOTIFY_SOCKET': notify_path}}
            with Server(context.program, context.folder, wrap=activated(), **given) as server:
                expect('READY=1' in notified(notify), 'not READY first')
                early.greeting(0)
                expect('1 of 16 clients' in notified(notify), 'no STATUS')
                equal(server.stop(), 0, 'status')
                expect('STOPPING=1' in notified(notify), 'not STOPPING in the end')
                early.ended()
            expect(os.path.exists(path), "systemd's socket was removed")
            for wrap, arguments, code, words in (
                    (activated(fds=2), (), 1, '2 sockets'),
                    (activated(pid='1'), (), 2, '--socket PATH is missing'),
                    (activated(), ('--socket', path), 2, 'leave --socket out')):
                with Server(context.program, context.folder, *arguments, wrap=wrap, wait=False,
                            **given) as server:
                    equal(server.end(), code, f'status for {words}')
                    expect(words in server.log(), server.log())
            os.dup2(notify.fileno(), 9)
            with Server(context.program, context.folder, wrap=activated(), wait=False,
                        **given) as server:
                equal(server.end(), 1, 'status for a datagram socket')
                expect('something else' in server.log(), server.log())
        finally:
            os.close(9)
            early.close()


def connects_as(path, user):
    """Can that user connect?"""
    entry = pwd.getpwnam(user)
    child = subprocess.run(
        ['/usr/bin/python3', '-c', 'import socket, sys\n'
         's = socket.socket(socket.AF_UNIX)\ns.connect(sys.argv[1])', path],
        user=entry.pw_uid, group=entry.pw_gid, extra_groups=[], check=False,
        stderr=subprocess.PIPE, timeout=DEADLINE)
    expect(not child.returncode or b'PermissionError' in child.stderr, child.stderr)
    return not child.returncode


@test
def permissions(context):
    """mode, owner and group of the socket are as asked"""
    nobody = pwd.getpwnam('nobody')
    for arguments, wanted, allowed in (
            ((), (0o600, 0, 0), False),
            (('--socket-mode', '666'), (0o666, 0, 0), True),
            (('--socket-owner', 'nobody'), (0o600, nobody.pw_uid, 0), True),
            (('--socket-group', str(nobody.pw_gid), '--socket-mode', '0660'),
             (0o660, 0, nobody.pw_gid), True)):
        with Server(context.program, context.folder, *arguments) as server:
            info = os.stat(server.path)
            equal((stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid), wanted, arguments)
            equal(connects_as(server.path, 'nobody'), allowed, f'nobody connects, {arguments}')
    for arguments in (('--socket-owner', 'no-such-user'), ('--socket-group', 'no-such-group'),
                      ('--user', 'no-such-user'), ('--user', '4294967295')):
        with Server(context.program, context.folder, *arguments, wait=False) as server:
            equal(server.end(), 1, f'status for {arguments}')
            expect('there is no' in server.log(), server.log())
        expect(not os.path.exists(server.path), 'the socket is left')


@test
def privileges(context):
    """--user: no rights are left, and it serves, stops and cleans up"""
    nobody = pwd.getpwnam('nobody')
    folder = os.path.join(context.folder, 'own')
    os.mkdir(folder)
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    with Server(context.program, folder, '--user', 'nobody', '--memory',
                os.path.join(context.folder, 'memory'), extra_groups=[0, 4, 7]) as server:
        equal(set(server.status('Uid')), {str(nobody.pw_uid)}, 'user')
        equal(set(server.status('Gid')), {str(nobody.pw_gid)}, 'group')
        equal(server.status('Groups'), [], 'other groups')
        equal(server.status('NoNewPrivs'), ['1'], 'no new privileges')
        for name in ('CapEff', 'CapPrm'):
            equal(int(server.status(name)[0], 16), 0, name)
        for client in crowd(server, 2):
            client.close()
        expect('cannot be removed' not in server.log(), server.log())
        equal(server.stop(), 0, 'status')
        expect(not os.path.exists(server.path), 'the socket is left')
    with Server(context.program, context.folder, '--user', 'nobody', '--group', 'root') as server:
        equal(set(server.status('Gid')), {'0'}, 'group')
        expect('cannot be removed' in server.log(), server.log())
        equal(server.stop(), 0, 'status')
    with Server(context.program, context.folder, path=server.path) as server:
        expect('which a dead server left' in server.log(), server.log())
    with Server(context.program, '/dev/shm', '--user', 'root', wait=False,
                user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=[]) as server:
        equal(server.end(), 1, 'status without root')
        expect('need root' in server.log(), server.log())


@test
def background(context):
    """--daemonize returns when it serves, and tells when it fails"""
    paths = {name: os.path.join(context.folder, name) for name in ('socket', 'pid', 'log')}
    arguments = ('--daemonize', '--socket', paths['socket'], '--pid-file', paths['pid'],
                 '--log', paths['log'])
    done = run(context.program, *arguments, seconds=DEADLINE)    # stdout: ends only when closed
    equal((done.returncode, done.stdout), (0, ''), 'status and output')
    expect(listens(paths['socket']), 'it does not listen yet')
    with open(paths['pid'], encoding='ascii') as file:
        pid = int(file.read())
    try:
        with Client(paths['socket']) as client:
            client.greeting(0)
        with open(f'/proc/{pid}/stat', encoding='ascii') as file:
            session = int(file.read().rpartition(')')[2].split()[3])
        expect(session not in (pid, os.getsid(0)), 'still in a session that could get a terminal')
        done = run(context.program, *arguments, seconds=DEADLINE)
        equal(done.returncode, 1, 'status of a second one')
    finally:
        os.kill(pid, signal.SIGTERM)
    # we are process 1 here, so it is our child in the end
    wait_for(lambda: os.waitpid(pid, os.WNOHANG)[0], 'it ends')
    expect(not os.path.exists(paths['socket']), 'the socket is left')


@test
def logging(context):
    """SIGHUP opens the log again and reports; levels; a stuck reader of stderr"""
    log = os.path.join(context.folder, 'log')
    with Server(context.program, context.folder, '--log', log, '--quiet') as server:
        clients = crowd(server, 2)
        os.rename(log, f'{log}.1')
        server.send(signal.SIGHUP)
        wait_for(lambda: os.path.exists(log), 'a new log')
        equal(os.stat(f'{log}.1').st_size, 0, 'what --quiet logs')
        for client in clients:
            client.close()
    with Server(context.program, context.folder) as server:
        clients = crowd(server, 2)
        server.send(signal.SIGHUP)
        wait_for(lambda: 'client 1: process' in server.log(), 'the state')
        expect('2 of 16 clients, next id 2' in server.log(), server.log())
        for client in clients:
            client.close()
    with contextlib.ExitStack() as stack:
        read_end, write_end = os.pipe()
        stack.callback(os.close, read_end)
        stack.callback(os.close, write_end)
        info = os.fstat(write_end)
        env = {**os.environ, 'JOURNAL_STREAM': f'{info.st_dev}:{info.st_ino}'}
        server = Server(context.program, context.folder, wait=False, stderr=write_end, env=env)
        with server:
            wait_for(lambda: listens(server.path), 'it listens')
            text = wait_for(lambda: os.read(read_end, 4096), 'a message').decode()
            expect(re.match(r'<5>serving ', text), f'for the journal: {text!r}')
            full = select.poll()
            full.register(write_end, select.POLLOUT)

            def fill():    # and nobody reads
                server.send(signal.SIGHUP)
                return not full.poll(2)

            wait_for(fill, 'the pipe is full')
            for _ in range(80):    # its last page may have had room still
                server.send(signal.SIGHUP)
                time.sleep(0.01)
            with Client(server) as client:
                client.greeting(0)
            equal(server.stop(), 0, 'status')


@test
def installation(context):
    """make install and uninstall; the manual and the units are well-formed"""
    native.installation(context, ('ivshmem-server@.service', 'ivshmem-server@.socket'), 15)
