"""Histograms of costs as an SVG file: one panel for each cost, on a logarithmic axis."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from einsyn.drawing.svg import Picture, document, escaped, short_number

if TYPE_CHECKING:
    from collections.abc import Sequence

_WIDTH, _HEIGHT = 420, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 14, 44, 40
_BINS: Final = 24


def histograms(title: str, panels: Sequence[tuple[str, Sequence[int], Sequence[float]]]) -> str:
    """An SVG image.

    Args:
        title: stands above.
        panels: for each the name of a cost, its values, and what each value counts.
    """
    parts = [f'<text x="{_LEFT}" y="18" font-size="13">{escaped(title)}</text>']
    for number, (name, values, weights) in enumerate(panels):
        parts.append(f'<g transform="translate({number * _WIDTH} 0)">')
        parts += _panel(name, values, weights)
        parts.append("</g>")
    return document(Picture(_WIDTH * len(panels), _HEIGHT, parts), title, font="sans-serif", size=11)


def _panel(name: str, values: Sequence[int], weights: Sequence[float]) -> list[str]:
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    middle = (_LEFT + right) / 2
    parts = [
        f'<text x="{middle:g}" y="{_HEIGHT - 6}" text-anchor="middle">{escaped(name)}</text>',
        f'<line x1="{_LEFT}" y1="{bottom}" x2="{right}" y2="{bottom}" stroke="black"/>',
    ]
    if not values:
        return [*parts, f'<text x="{middle:g}" y="{_HEIGHT // 2}" text-anchor="middle">no architectures</text>']
    # A cost of 0 has no logarithm; it goes to the bin of 1, the smallest cost that is one.
    logs = [math.log10(max(1, v)) for v in values]
    low, high = min(logs), max(logs)
    if high - low < 1e-9:
        low, high = low - 0.5, high + 0.5
    shares = [0.0] * _BINS
    for value, weight in zip(logs, weights, strict=True):
        shares[min(_BINS - 1, int((value - low) / (high - low) * _BINS))] += weight
    tallest = max(shares)
    step = (right - _LEFT) / _BINS
    for i, share in enumerate(shares):
        if share:
            height = share / tallest * (bottom - _TOP)
            x, y = _LEFT + i * step, bottom - height
            parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{step - 1:.1f}" height="{height:.1f}" fill="#4477aa"/>')
    for share in (0.5, 1.0):
        y = bottom - share * (bottom - _TOP)
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{share * tallest:.1%}</text>')
    for tick in _ticks(low, high):
        x = _LEFT + (tick - low) / (high - low) * (right - _LEFT)
        parts.append(f'<line x1="{x:.1f}" y1="{bottom}" x2="{x:.1f}" y2="{bottom + 4}" stroke="black"/>')
        parts.append(f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{short_number(10**tick)}</text>')
    return parts


def _ticks(low: float, high: float) -> list[float]:
    """Powers of ten, with their halves and doubles where there are few."""
    powers = range(math.floor(low), math.ceil(high) + 1)
    found = [float(p) for p in powers if low <= p <= high]
    if len(found) < 3:
        found = [p + math.log10(m) for p in powers for m in (1, 2, 5) if low <= p + math.log10(m) <= high]
    return found or [low, high]
