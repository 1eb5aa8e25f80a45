"""Blurhash: a picture as some thirty characters, which apps show until the picture is there.

The algorithm of https://blurha.sh, of our own: its libraries go over each pixel in Python (130 ms for one of 32 × 24),
take NumPy along, or have no wheels. On so few pixels as here forty lines are enough.
"""

import math
from collections.abc import Sequence

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~"
SIDE = 16  # pixels of the larger side; the hash knows no finer detail

Pixel = tuple[int, int, int]
Colour = tuple[float, float, float]


def blurhash(pixels: Sequence[Pixel], width: int, height: int) -> str:
    """The hash of a picture of so many sRGB pixels, row after row; in 4 × 3 parts, or 3 × 4 where it is upright."""
    across, down = (4, 3) if width >= height else (3, 4)
    lines = [_linear(pixel) for pixel in pixels]
    parts = [_part(lines, width, height, x, y) for y in range(down) for x in range(across)]
    first, rest = parts[0], parts[1:]
    largest = max(abs(value) for part in rest for value in part)
    step = max(0, min(82, math.floor(largest * 166 - 0.5)))
    scale = (step + 1) / 166
    hashed = _digits(across - 1 + (down - 1) * 9, 1) + _digits(step, 1) + _digits(_mean(first), 4)
    return hashed + "".join(_digits(_detail(part, scale), 2) for part in rest)


def _part(lines: Sequence[Colour], width: int, height: int, x: int, y: int) -> Colour:
    """How much of one wave is in the picture."""
    red = green = blue = 0.0
    along = [math.cos(math.pi * x * i / width) for i in range(width)]
    for row in range(height):
        beside = math.cos(math.pi * y * row / height)
        for i in range(width):
            basis = along[i] * beside
            colour = lines[row * width + i]
            red, green, blue = red + basis * colour[0], green + basis * colour[1], blue + basis * colour[2]
    norm = (1 if x == y == 0 else 2) / (width * height)
    return red * norm, green * norm, blue * norm


def _linear(pixel: Pixel) -> Colour:
    red, green, blue = (_LINEAR[value] for value in pixel)
    return red, green, blue


def _srgb(value: float) -> int:
    value = min(1.0, max(0.0, value))
    share = value * 12.92 if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055
    return int(share * 255 + 0.5)


def _mean(colour: Colour) -> int:
    red, green, blue = map(_srgb, colour)
    return (red << 16) + (green << 8) + blue


def _detail(colour: Colour, scale: float) -> int:
    red, green, blue = (_step(value / scale) for value in colour)
    return red * 19 * 19 + green * 19 + blue


def _step(value: float) -> int:
    return max(0, min(18, math.floor(math.copysign(math.sqrt(abs(value)), value) * 9 + 9.5)))


def _digits(value: int, length: int) -> str:
    return "".join(_DIGITS[value // 83 ** (length - place - 1) % 83] for place in range(length))


_LINEAR = tuple(
    share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4
    for share in (value / 255 for value in range(256))
)
