# SPDX-License-Identifier: GPL-2.0
"""What is shown: a profile of one case, tables of all, the section of the document."""
import os
import statistics

import counts
import vm

DOCUMENT = os.path.join(vm.TOP, 'Documentation/networking/performance.rst')
BEGIN, END = '.. begin of what bench.py wrote: ', '.. end of what bench.py wrote: '


def median(windows, what):
    return statistics.median(getattr(window, what)() for window in windows)


class Result:
    """Windows of one case: virtio_net, ivnet, and virtio_net once more."""

    def __init__(self, case, windows):
        self.case = case
        self.base, self.ours, self.null = windows

    def ratio(self, what, other=None):
        """Ratio of the medians, and least and greatest of neighbouring runs."""
        other = other or self.ours
        pairs = [getattr(b, what)() / getattr(a, what)() for a, b in zip(self.base, other)]
        return (f'{median(other, what) / median(self.base, what):.3f} '
                f'({min(pairs):.3f}..{max(pairs):.3f})')

    def events(self, names):
        """Per 1,000 units, of virtio_net and ivnet."""
        return [f'{statistics.median(1000 * w.called(names) / w.units for w in each):.1f}'
                for each in (self.base, self.ours)]

    def cost_row(self):
        return [self.case.name, self.case.unit,
                *(f'{median(each, "total"):.0f}' for each in (self.base, self.ours)),
                self.ratio('total'), self.ratio('total', self.null),
                *(f'{median(each, "own"):.0f}' for each in (self.base, self.ours)),
                self.ratio('own')]

    def event_row(self):
        return [self.case.name, self.case.unit, *self.events(counts.KICKS),
                *self.events(counts.INTERRUPTS), *self.events(counts.POLLS)]


COST = ['case', 'per', 'total virtio_net', 'ivnet', 'ratio (least..greatest)',
        'virtio_net against itself', 'own part virtio_net', 'ivnet', 'ratio (least..greatest)']
EVENTS = ['case', 'per 1,000', 'notifications virtio_net', 'ivnet', 'interrupts virtio_net',
          'ivnet', 'polls virtio_net', 'ivnet']
SPEED = ['iperf3', 'virtio_net Mbit/s', 'ivnet Mbit/s', 'ratio (least..greatest)',
         'virtio_net against itself']


def table(heads, rows):
    """A simple table of reStructuredText, readable as it is."""
    widths = [max(len(row[i]) for row in [heads, *rows]) for i in range(len(heads))]
    rule = '  '.join('=' * width for width in widths)
    lines = [rule]
    for row in [heads, *rows]:
        lines.append('  '.join(word.ljust(width) for word, width in zip(row, widths)).rstrip())
        if row is heads:
            lines.append(rule)
    return '\n'.join(lines + [rule]) + '\n'


def tables(results, speeds):
    parts = []
    if results:
        parts += [table(COST, [result.cost_row() for result in results]),
                  table(EVENTS, [result.event_row() for result in results])]
    if speeds:
        parts.append(table(SPEED, [speed_row(*speed) for speed in speeds]))
    return '\n'.join(parts)


def speed_row(name, rates):
    base, ours, null = rates

    def ratio(other):
        pairs = [b / a for a, b in zip(base, other)]
        return (f'{statistics.median(other) / statistics.median(base):.2f} '
                f'({min(pairs):.2f}..{max(pairs):.2f})')

    return [name, *(f'{statistics.median(each):.0f}' for each in (base, ours)),
            ratio(ours), ratio(null)]


def groups_text():
    """The symbol groups as they are defined."""
    lines = []
    for name, modules, pattern in counts.GROUPS:
        words = [f'module {module}' for module in modules] + pattern.split('|')
        lines.append(f'  {name:8}' + ' '.join(words))
    return '\n'.join(lines)


def profile(case, drivers, windows, lines):
    """The symbols of the median runs of two drivers side by side."""
    picks = [sorted(each, key=lambda w: w.total())[len(each) // 2] for each in windows]
    print(f'\n{case.name}: {case.text}; instructions per {case.unit}, '
          f'median of {len(windows[0])} runs')
    for driver, each in zip(drivers, windows):
        values = [(w.total(), w.own()) for w in each]
        print(f'  {driver:12}' + '   '.join(
            f'{what} {min(v[i] for v in values):.1f}..{max(v[i] for v in values):.1f}'
            for i, what in enumerate(('total', 'own part'))))
    print(f'\n{"":44}{drivers[0]:>20}{drivers[1]:>20}{"difference":>12}{"ratio":>8}')

    def row(name, values, calls=('', '')):
        ratio = f'{values[1] / values[0]:8.3f}' if all(values) else ''
        print(f'{name:44}{values[0]:11.1f}{calls[0]:>9}{values[1]:11.1f}{calls[1]:>9}'
              f'{values[1] - values[0]:+12.1f}{ratio}')

    row('total', [w.total() for w in picks])
    row('driver, ring and buffers (own part)', [w.own() for w in picks])
    groups = [w.groups() for w in picks]
    for name in groups[0]:
        row(f'    {name}', [g[name] for g in groups])
    for name, calls in (('notifications', counts.KICKS), ('interrupts', counts.INTERRUPTS),
                        ('polls', counts.POLLS)):
        row(f'{name} per 1,000', [1000 * w.called(calls) / w.units for w in picks])
    print(f'\n{"symbol":36}{"group":8}{"insns":>11}{"calls":>9}{"insns":>11}{"calls":>9}')
    symbols = sorted(set(picks[0].insns) | set(picks[1].insns),
                     key=lambda s: -max(w.insns[s] for w in picks))
    for symbol in symbols[:lines]:
        name = symbol[0] + (f' [{symbol[1]}]' if symbol[1] else '')
        row(f'{name[:35]:36}{counts.group(symbol):8}',
            [w.insns[symbol] / w.units for w in picks],
            [f'{w.calls[symbol] / w.units:.2f}' for w in picks])


def update(title, text):
    """Replace, or append, the part of the document with that title."""
    with open(DOCUMENT, encoding='utf-8') as file:
        document = file.read()
    begin, end = f'{BEGIN}{title}\n', f'{END}{title}\n'
    part = f'{begin}\n{text.rstrip()}\n\n{end}'
    if begin in document and end in document:
        head, _, rest = document.partition(begin)
        document = head + part + rest.partition(end)[2]
    else:
        document = document.rstrip() + '\n\n' + part
    with open(DOCUMENT, 'w', encoding='utf-8') as file:
        file.write(document)
