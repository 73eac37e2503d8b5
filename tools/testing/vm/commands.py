# SPDX-License-Identifier: GPL-2.0
"""Commands in a guest: files on a 9p share, announced over a virtio-serial port."""
import base64
import contextlib
import itertools
import os
import shlex
import shutil
import sys
import threading
import time

from .rig import VmError


class GuestDied(VmError):
    """The guest ended while something was expected of it."""


class GuestTimeout(VmError):
    """A command did not end in time (and was killed)."""


class CommandFailed(VmError):
    """A command with check=True ended with another status than 0."""


class Result:
    """code, out and err of a command; true when it succeeded."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    def __bool__(self):
        return self.code == 0

    def __repr__(self):
        return f'Result(code={self.code}, out={self.out!r}, err={self.err!r})'


def _brief(command):
    """A command as a message shows it."""
    first, *more = command.strip().splitlines() or ['']
    return first + (' ...' if more else '')


class Command:
    """A command that was started in a guest."""

    def __init__(self, agent, number, command):
        self.agent, self.number, self.command = agent, number, command
        self.dir = os.path.join(agent.dir, str(number))
        self.code = None

    def poll(self):
        """Its exit status, None while it runs."""
        return self.code

    def output(self, name='out'):
        """What it has written so far (name: out or err)."""
        try:
            with open(os.path.join(self.dir, name), encoding='utf-8', errors='replace') as file:
                return file.read()
        except FileNotFoundError:
            return ''

    def kill(self):
        """End it and everything it started."""
        if self.code is None:
            self.agent.send(f'kill {self.number}')

    def wait(self, timeout=60, check=False, stream=None):
        """Wait for its end. stream(name, bytes) gets output as it comes."""
        deadline = time.monotonic() + timeout
        follow = _Follow(self.dir, stream) if stream else None
        while self.code is None:
            left = deadline - time.monotonic()
            if left <= 0:
                self.kill()
                raise GuestTimeout(f'{self.agent.guest.name}: no end after {timeout} s: '
                                   f'{_brief(self.command)}\n{self.output()}{self.output("err")}')
            self.agent.wait_change(lambda: self.code is not None,
                                   min(left, 0.1) if follow else left)
            if follow:
                follow.read()
        if follow:
            follow.read()
        result = Result(self.code, self.output(), self.output('err'))
        shutil.rmtree(self.dir, ignore_errors=True)
        if check and result.code:
            raise CommandFailed(f'{self.agent.guest.name}: exit {result.code}: '
                                f'{_brief(self.command)}\n{result.out}{result.err}')
        return result


class Said(Command):
    """One that needs no share; both its outputs come in one, at its end."""

    text = ''

    def output(self, name='out'):
        return self.text if name == 'out' else ''


class _Follow:
    """Hands on what is appended to a command's two files."""

    def __init__(self, folder, stream):
        self.folder, self.stream = folder, stream
        self.at = {'out': 0, 'err': 0}

    def read(self):
        for name in self.at:
            try:
                with open(os.path.join(self.folder, name), 'rb') as file:
                    file.seek(self.at[name])
                    data = file.read()
            except FileNotFoundError:
                continue
            if data:
                self.at[name] += len(data)
                self.stream(name, data)


def to_terminal(name, data):
    """A stream for Command.wait: the guest's output is ours."""
    target = sys.stdout if name == 'out' else sys.stderr
    target.buffer.write(data)
    target.buffer.flush()


class Agent:
    """The host's side of the agent in one guest. Threads may share it."""

    def __init__(self, guest, sock):
        self.guest, self.sock = guest, sock
        self.dir = os.path.join(guest.out, '.agent')
        shutil.rmtree(self.dir, ignore_errors=True)
        os.makedirs(self.dir)
        self.numbers = itertools.count(1)
        self.changed = threading.Condition()
        self.ready = self.ended = False
        self.shares = True    # False: commands do without them
        self.running = {}
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        buffer = b''
        while True:
            try:
                data = self.sock.recv(4096)
            except OSError:
                data = b''
            with self.changed:
                if not data:
                    self.ended = True
                    self.changed.notify_all()
                    return
                *lines, buffer = (buffer + data).split(b'\n')
                for line in lines:
                    self._line(line.decode(errors='replace').split())
                self.changed.notify_all()

    def _line(self, words):
        if words == ['ready']:
            self.ready = True
        elif len(words) == 3 and words[0] == 'done' and int(words[1]) in self.running:
            self.running.pop(int(words[1])).code = int(words[2])
        elif words[:1] == ['said'] and int(words[1]) in self.running:
            command = self.running.pop(int(words[1]))
            command.text = base64.b64decode(''.join(words[3:])).decode(errors='replace')
            command.code = int(words[2])

    def wait_change(self, done, timeout):
        """Wait until done() holds or the time is over."""
        with self.changed:
            self.changed.wait_for(lambda: done() or self.ended, timeout)
            if self.ended and not done():
                raise GuestDied(self.guest.describe_end())

    def expect_restart(self):
        """The guest is about to start anew; what runs in it is lost."""
        with self.changed:
            self.ready = False
            self.running.clear()

    def take_over(self, other):
        """The guest of another agent has moved here, with what runs in it."""
        with other.changed, self.changed:
            self.numbers, self.running = other.numbers, other.running
            other.running = {}
            for command in self.running.values():
                command.agent = self
            self.ready, self.shares = True, False

    def wait_ready(self, timeout):
        self.wait_change(lambda: self.ready, max(timeout, 0))
        if not self.ready:
            raise GuestTimeout(f'{self.guest.name} does not come up\n'
                               + '\n'.join(self.guest.console().splitlines()[-25:]))

    def send(self, line):
        try:
            self.sock.sendall(line.encode() + b'\n')
        except OSError:
            raise GuestDied(self.guest.describe_end()) from None

    def start(self, command):
        if not isinstance(command, str):
            command = shlex.join(command)
        with self.changed:
            kind = Command if self.shares else Said
            started = kind(self, next(self.numbers), command)
            self.running[started.number] = started
        if not self.shares:
            words = base64.b64encode(command.encode() + b'\n').decode()
            self.send(f'say {started.number} {words}')
            return started
        os.mkdir(started.dir)
        with open(os.path.join(started.dir, 'cmd'), 'w', encoding='utf-8') as file:
            file.write(command + '\n')
        self.send(f'run {started.number}')
        return started

    @contextlib.contextmanager
    def parcel(self):
        """A folder both sides see: (path here, path in the guest)."""
        name = f'parcel{next(self.numbers)}'
        here = os.path.join(self.dir, name)
        os.mkdir(here)
        try:
            yield here, f'/out/.agent/{name}'
        finally:
            shutil.rmtree(here, ignore_errors=True)

    def close(self):
        # shutdown() first: close() alone does not wake the thread in recv()
        with contextlib.suppress(OSError):
            self.sock.shutdown(2)
        self.sock.close()
