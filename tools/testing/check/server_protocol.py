# SPDX-License-Identifier: GPL-2.0
"""Tests of ivshmem-server: what clients get, and what clients can do to it."""
import contextlib
import fcntl
import itertools
import mmap
import os
import resource
import socket
import time

from server_fuzz import fuzz
from server_rig import (Client, Server, Wrong, churn, crowd, equal, expect, readable, ring,
                        rings, run, wait_for)

F_ADD_SEALS, F_GET_SEALS = 1033, 1034
SEAL_SEAL, SEAL_SHRINK, SEAL_GROW, SEAL_FUTURE_WRITE = 1, 2, 4, 16
TESTS = {}


def test(function):
    TESTS[function.__name__] = function
    return function


def limit_descriptors(count):
    """For Popen's preexec_fn: a process with that many descriptors and no more."""
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (count, count))


@test
def sequence(context):
    """1, 3 and 17 clients get exactly what the protocol says"""
    for count, vectors in ((1, 1), (3, 64), (17, 4)):
        with Server(context.program, context.folder, '--vectors', vectors, '--clients', 17,
                    '--size', '64K') as server, contextlib.ExitStack() as stack:
            clients = crowd(server, count, vectors)
            for client in clients:
                stack.callback(client.close)
            for client in clients:
                client.quiet(0.05)


@test
def ringing(context):
    """every vector of every client rings where it should, and nowhere else"""
    with Server(context.program, context.folder, '--vectors', 3) as server:
        clients = crowd(server, 3, 3)
        bells = {(client.id, vector): fd for client in clients
                 for vector, fd in enumerate(client.doorbells)}
        for client in clients:
            for (target, vector), _ in bells.items():
                fds = client.doorbells if target == client.id else client.peers[target]
                ring(fds[vector])
                found = {key for key, fd in bells.items() if rings(fd)}
                equal(found, {(target, vector)}, f'{client.id} rings {target}, {vector}')
        for client in clients:
            client.close()


@test
def leaving(context):
    """the others hear of a leave, once, and of nothing else"""
    with Server(context.program, context.folder) as server:
        a, b, c = crowd(server, 3)
        b.close()
        a.leave(1)
        c.leave(1)
        a.quiet()
        c.quiet()
        with Client(server) as d:
            d.greeting(3, [0, 2])
            a.join(3)
            c.join(3)
        a.leave(3)
        c.leave(3)
        a.close()
        c.leave(0)
        c.quiet()
        c.close()


@test
def ids(context):
    """1,000 that come and go: no id comes back"""
    with Server(context.program, context.folder, '--clients', 3) as server, \
            Client(server) as watcher:
        watcher.greeting(0)
        for number in range(1, 1001):
            with Client(server) as client:
                client.greeting(number, [0])
                watcher.join(number)
            watcher.leave(number)
        watcher.quiet()


@test
def last_id(context):
    """the last of 65536 ids is given, then clients are refused and others stay"""
    with Server(context.program, context.folder, '--vectors', 1, '--quiet') as server, \
            Client(server, 1) as first:
        first.greeting(0)
        left = 0
        for _ in range(65534 // 62):
            churn(server.path, 62)
            first.follow(0)
            left += 62
        churn(server.path, 65534 - left)
        first.follow(0.3)
        last = Client(server, 1).greeting(65535, [0])
        first.join(65535)
        with Client(server) as refused:
            refused.ended()
        expect('all 65536 ids' in server.log(), f'no word in the log:\n{server.log()}')
        first.quiet()
        ring(first.peers[65535][0])
        expect(rings(last.doorbells[0]), 'those who were there cannot ring any more')
        last.close()
        first.leave(65535)
        with Client(server) as refused:
            refused.ended()


@test
def limit(context):
    """--clients: one more is refused; who starts anew at the limit is not"""
    with Server(context.program, context.folder, '--clients', 2) as server:
        a, b = crowd(server, 2)
        for _ in range(3):
            with Client(server) as refused:
                refused.ended()
        a.quiet()
        for number in range(2, 300):
            b.close()
            b = Client(server).greeting(number, [0])
        expect(a.sock.fileno() >= 0 and server.process.poll() is None, 'the server has gone')
        a.follow()
        equal(set(a.peers), {299}, 'peers in the end')
        a.close()
        b.close()


@test
def swift(context):
    """at the limit, who comes after another left is served, however close"""
    if run('sh', '-c', 'command -v strace').returncode:
        return 'strace is not installed'
    # The server sleeps in the accept4() that should find nobody: meanwhile one goes, one comes.
    with Server(context.program, context.folder, '--clients', 1,
                wrap=('strace', '-qq', '-o', '/dev/null', '-e', 'trace=accept4',
                      '-e', 'inject=accept4:delay_enter=300000')) as server:
        for number in range(5):
            with Client(server) as client:
                client.greeting(number)
    return None


@test
def staller(context):
    """who never reads is dropped, while others go on; who reads slowly is not"""
    seconds, vectors = 3, 64
    with Server(context.program, context.folder, '--timeout', seconds, '--vectors', vectors,
                '--clients', 20) as server:
        clients = crowd(server, 8, vectors)
        start = time.monotonic()
        silent, slow = Client(server, vectors), Client(server, vectors)
        for client in clients:
            client.join(8)
            client.join(9)
        ring(clients[0].peers[1][5])
        expect(rings(clients[1].doorbells[5]), 'others cannot ring while one stalls')
        while time.monotonic() < start + seconds - 1:
            slow.message()
            time.sleep(0.5)
        clients[0].quiet(0)
        wait_for(lambda: slow.message() and readable(clients[0].sock, 0.5),
                 'the staller is dropped', 3 * seconds)
        took = time.monotonic() - start
        expect(seconds - 0.2 < took < seconds + 3, f'dropped after {took:.1f} s')
        for client in clients:
            client.leave(8)
            client.quiet(0.05)
        expect('does not read' in server.log(), f'no word in the log:\n{server.log()}')
        for client in clients + [silent, slow]:
            client.close()


@test
def behind(context):
    """a queue does not grow with what comes and goes, and tells a true story"""
    vectors = 64
    with Server(context.program, context.folder, '--timeout', 300, '--vectors', vectors,
                '--clients', 9) as server:
        clients = crowd(server, 7, vectors)
        with Client(server, vectors) as late:
            wait_for(lambda: server.descriptors() >= 8 * 65, 'the late one is there')
            for client in clients:
                client.join(7)
            before = server.descriptors()
            churn(server.path, 300)
            clients[0].follow()
            # one more: the doorbells that wait for whoever comes next
            now = server.descriptors()
            expect(now <= before + 2 * (vectors + 1), f'{now} descriptors after {before}')
            clients[3].close()
            clients[4].close()
            late.follow()
            equal(set(late.peers), {0, 1, 2, 5, 6}, 'who is there')
            expect(len(late.left) < 100, f'{len(late.left)} that came and went are told')
            equal(len(late.doorbells), vectors, 'own doorbells')
        for client in clients:
            client.close()


@test
def garbage(context):
    """who sends anything is dropped, and the others hear that it left"""
    with Server(context.program, context.folder) as server, Client(server) as watcher:
        watcher.greeting(0)
        number = itertools.count(1)

        def talk(*actions):
            mine = next(number)
            with Client(server) as client:
                client.greeting(mine, [0])
                watcher.join(mine)
                for action in actions:
                    action(client.sock)
                client.ended()
            watcher.leave(mine)

        talk(lambda sock: sock.send(b'\0'))
        talk(lambda sock: sock.send(bytes(8)))
        talk(lambda sock: sock.send(os.urandom(100000), socket.MSG_DONTWAIT))
        with open('/dev/null', 'rb') as null:
            before = server.descriptors()
            talk(lambda sock: socket.send_fds(sock, [b'x' * 8], [null.fileno()] * 8))
        wait_for(lambda: server.descriptors() == before, 'its descriptors are closed')
        talk(lambda sock: sock.shutdown(socket.SHUT_WR))
        log = server.log()
        equal(log.count('broke the protocol'), 4, 'drops in the log')
        # half way: after some of the greeting, and after none
        for count in (0, 1, 3, 4):
            client = Client(server)
            mine = next(number)
            for _ in range(count):
                found = client.message()
                if found[1] is not None:
                    os.close(found[1])
            client.sock.close()
            watcher.join(mine)
            watcher.leave(mine)
        watcher.quiet()


@test
def memory(context):
    """the memory has its size, is shared, and nobody can resize or block it"""
    size = 1 << 20
    with Server(context.program, context.folder, '--size', '1M') as server:
        a, b = crowd(server, 2)
        equal(os.fstat(a.memory).st_size, size, 'size')
        seals = fcntl.fcntl(a.memory, F_GET_SEALS)
        equal(seals & 7, SEAL_SHRINK | SEAL_GROW | SEAL_SEAL, 'seals')
        equal(seals & 24, 0, 'seals against writing')
        for new in (0, size // 2, size * 2):
            try:
                os.ftruncate(a.memory, new)
            except PermissionError:
                continue
            raise Wrong(f'a client could make it {new} bytes')
        try:
            fcntl.fcntl(a.memory, F_ADD_SEALS, SEAL_FUTURE_WRITE)
        except PermissionError:
            pass
        else:
            raise Wrong('a client could seal it against writing')
        with mmap.mmap(a.memory, size) as one, mmap.mmap(b.memory, size) as two:
            equal(two[:], bytes(size), 'content at first')
            one[size - 5:] = b'hello'
            equal(two[size - 5:], b'hello', 'what the other wrote')
        a.close()
        b.close()


@test
def file(context):
    """--memory: content stays, sizes are checked, guests of a dead server keep it"""
    path = os.path.join(context.folder, 'memory')
    arguments = (context.program, context.folder, '--memory', path)
    with Server(*arguments, '--size', '256K', '--prealloc') as server:
        client, = crowd(server, 1)
        equal((os.fstat(client.memory).st_size, os.stat(path).st_mode & 0o777),
              (1 << 18, 0o600), 'size and mode')
        equal(os.stat(path).st_blocks * 512, 1 << 18, 'preallocated')
        os.pwrite(client.memory, b'stays', 1000)
        with Server(*arguments, wait=False) as second:
            equal(second.end(), 1, 'status of a second server')
            expect('in use' in second.log(), second.log())
        equal(server.stop(), 0, 'status')
    with Server(*arguments, wait=False) as second:
        equal(second.end(), 1, 'status while a guest has the memory')
    client.close()
    with Server(*arguments) as server:
        client, = crowd(server, 1)
        equal(os.fstat(client.memory).st_size, 1 << 18, 'size of the file')
        equal(os.pread(client.memory, 5, 1000), b'stays', 'content')
        client.close()
    os.mkfifo(os.path.join(context.folder, 'fifo'))
    os.symlink(path, os.path.join(context.folder, 'link'))
    with open(os.path.join(context.folder, 'odd'), 'wb') as odd:
        odd.truncate(5000)
    for name, options, words in (('memory', ('--size', '1M'), 'is 256 KiB, not 1 MiB'),
                                 ('odd', (), 'power of two'), ('fifo', (), 'not a regular file'),
                                 ('link', (), 'symbolic links'), ('no/such', (), 'No such file')):
        with Server(context.program, context.folder, '--memory',
                    os.path.join(context.folder, name), *options, wait=False) as server:
            equal(server.end(), 1, f'status for {name}')
            expect(words in server.log(), f'{name}: {server.log()}')


@test
def huge(context):
    """--huge: memory in huge pages, or a message when there are none"""
    with open('/proc/sys/vm/nr_hugepages', encoding='ascii') as file_:
        count = int(file_.read())
    with Server(context.program, context.folder, '--huge=2M', '--size', '4M',
                wait=False) as server:
        wait_for(lambda: 'serving' in server.log() or server.process.poll() is not None, 'start')
        if server.process.poll() is None:
            client, = crowd(server, 1)
            equal(os.fstat(client.memory).st_size, 4 << 20, 'size')
            equal(os.fstat(client.memory).st_blksize, 2 << 20, 'page')
            client.close()
            return None
        expect('error: 4 MiB of anonymous memory in huge pages' in server.log(), server.log())
        expect(count < 2, f'there are {count} huge pages, but: {server.log()}')
    return 'no huge pages here; the message is right'


@test
def descriptors(context):
    """without descriptors clients wait, and are served when there are some"""
    with Server(context.program, context.folder, '--vectors', 4,
                preexec_fn=limit_descriptors(22)) as server:
        expect('may need' in server.log(), f'no warning at the start:\n{server.log()}')
        clients = crowd(server, 2, 4)
        waiting = [Client(server, 4) for _ in range(4)]
        wait_for(lambda: 'clients have to wait' in server.log(), 'the server notes it')
        before = server_time(server)
        late = waiting[-1]
        late.quiet(1)
        expect(server_time(server) < before + 0.3, 'the server is busy waiting')
        equal(server.log().count('clients have to wait'), 1, 'lines in the log')
        served = 2
        for client in clients + waiting:
            if client in waiting:
                client.follow()
                equal(client.id, served, 'id of one that waited')
                served += 1
            client.close()
        with Client(server, 4) as last:
            last.follow()
            expect(last.id is not None, 'nobody is served any more')


def server_time(server):
    """Seconds of processor time it has used."""
    with open(f'/proc/{server.process.pid}/stat', encoding='ascii') as file_:
        fields = file_.read().rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


@test
def in_flight(context):
    """too many descriptors in flight: clients wait for the staller to be gone"""
    with Server(context.program, context.folder, '--vectors', 20, '--user', 'nobody',
                '--socket-mode', '666', '--timeout', 2,
                preexec_fn=limit_descriptors(100)) as server:
        with Client(server, 20) as first:
            first.follow()
            stallers = [Client(server, 20) for _ in range(3)]
            wait_for(lambda: server.log().count('joined') == 4, 'all are there')
            wait_for(lambda: first.follow(0) or 'does not read' in server.log(),
                     'a staller is dropped')
            for each in stallers:
                each.close()
            first.follow(1)
            with Client(server, 20) as last:
                last.follow(1)
                equal(len(last.doorbells), 20, 'doorbells of one that comes later')
                first.follow()
                equal(set(first.peers), {last.id}, 'who is there')


@test
def sanitizers(context):
    """20 s of clients that do anything, under ASan and UBSan; nothing leaks"""
    program = context.build('asan', CC='gcc', SANITIZE='address,undefined',
                            CFLAGS='-O1 -g -fno-omit-frame-pointer', LDFLAGS='')
    with Server(program, context.folder, '--vectors', 5, '--timeout', 1,
                '--clients', 12) as server:
        fuzz(server, 5, 20)
        server.send(1)
        code = server.stop()
        expect(not code, f'status {code}:\n{server.log()[-4000:]}')


@test
def valgrind(context):
    """under valgrind: no error, no leak, no descriptor left open"""
    if run('sh', '-c', 'command -v valgrind').returncode:
        return 'valgrind is not installed'
    with Server(context.program, context.folder, '--vectors', 3, seconds=60,
                wrap=('valgrind', '-q', '--leak-check=full', '--show-leak-kinds=all',
                      '--track-fds=yes', '--error-exitcode=9')) as server:
        fuzz(server, 3, 5)
        clients = crowd_of_any(server, 3)
        code = server.stop(seconds=60)
        log = server.log()
        # 7.x of 3.19 and later does not show the standard ones
        left = [line for line in log.splitlines() if 'Open file descriptor' in line
                and 'inherited' not in line and ' 0:' not in line]
        expect(not code and not left, f'status {code}:\n{log[-4000:]}')
        for client in clients:
            client.close()
    return None


def crowd_of_any(server, vectors):
    clients = [Client(server, vectors) for _ in range(3)]
    for client in clients:
        client.follow()
    return clients
