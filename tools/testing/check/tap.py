#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of tools/ivshmem-tap: processes on one server, each with a network of its
own. Needs root. TAP output, the last line sums up.

    tap.py                      everything
    tap.py --list
    tap.py ping idle            tests by name
    tap.py --source DIR         another copy of the source, beside ../lib
"""
import os
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]
import native  # noqa: E402
import tap_daemon  # noqa: E402
import tap_life  # noqa: E402
import tap_peers  # noqa: E402
import tap_traffic  # noqa: E402

if __name__ == '__main__':
    sys.exit(native.main(__doc__, 'ivshmem-tap', (tap_traffic, tap_life, tap_peers, tap_daemon)))
