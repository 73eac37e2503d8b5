# SPDX-License-Identifier: GPL-2.0
"""QEMU's machine protocol over a connected socket."""
import collections
import json
import threading
import time

from .rig import VmError


class Qmp:
    def __init__(self, sock):
        self.sock = sock
        self.buffer = b''
        self.events = collections.deque(maxlen=1000)
        self.lock = threading.RLock()
        self.ready = False

    def close(self):
        self.sock.close()

    def _message(self, deadline):
        """One object from QEMU, None at the deadline."""
        while b'\n' not in self.buffer:
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            self.sock.settimeout(left)
            try:
                data = self.sock.recv(65536)
            except TimeoutError:
                return None
            except OSError as error:
                raise VmError(f'QMP: {error.strerror}') from None
            if not data:
                raise VmError('QMP: QEMU has ended')
            self.buffer += data
        line, self.buffer = self.buffer.split(b'\n', 1)
        return json.loads(line)

    def _request(self, name, arguments, deadline):
        request = {'execute': name}
        if arguments:
            request['arguments'] = arguments
        try:
            self.sock.sendall(json.dumps(request).encode() + b'\n')
        except OSError as error:
            raise VmError(f'QMP {name}: {error.strerror}') from None
        while True:
            message = self._message(deadline)
            if message is None:
                raise VmError(f'QMP {name}: no answer')
            if 'event' in message:
                self.events.append(message)
            elif 'error' in message:
                raise VmError(f'QMP {name}: {message["error"]["desc"]}')
            elif 'return' in message:
                return message['return']

    def command(self, command, timeout=20, **arguments):
        """Run a command. A "_" in an argument's name stands for "-"; raw() is for
        arguments with a "_" of their own."""
        with self.lock:
            deadline = time.monotonic() + timeout
            if not self.ready:
                if self._message(deadline) is None:
                    raise VmError('QMP: QEMU does not answer')
                self._request('qmp_capabilities', None, deadline)
                self.ready = True
            return self._request(command, {name.replace('_', '-'): value for name, value
                                           in arguments.items()}, deadline)

    def raw(self, command, arguments, timeout=20):
        """Run a command whose arguments are a dict that is left as it is."""
        with self.lock:
            self.command('query-status')
            return self._request(command, arguments, time.monotonic() + timeout)

    def wait_event(self, name, timeout=20, **data):
        """Wait for (and take) an event whose data has these values."""
        with self.lock:
            deadline = time.monotonic() + timeout
            self.command('query-status')
            while True:
                for event in list(self.events):
                    if event['event'] == name and all(
                            event.get('data', {}).get(key) == value
                            for key, value in data.items()):
                        self.events.remove(event)
                        return event
                message = self._message(deadline)
                if message is None:
                    raise VmError(f'QMP: no event {name} {data or ""}')
                if 'event' in message:
                    self.events.append(message)
