"""Pictures for tests: PNG files, and the ones that models were recorded with (tests/golden/pictures)."""

import base64
import struct
import zlib

MASK = (1 << 64) - 1
STEP = 0x9E3779B97F4A7C15


def png(width, height, pixels, color=2):
    """A PNG of 8 bits a channel: of RGB (color 2), or gray (0)."""
    channels = {0: 1, 2: 3, 6: 4}[color]
    row = width * channels
    rows = b"".join(b"\0" + pixels[y * row:(y + 1) * row] for y in range(height))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, color, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


def gray(width, height):
    """A PNG of one shade, however large: a few bytes for many pixels."""
    return png(width, height, bytes([128]) * (width * height), color=0)


def _mix(x):
    x ^= x >> 30
    x = x * 0xBF58476D1CE4E5B9 & MASK
    x ^= x >> 27
    x = x * 0x94D049BB133111EB & MASK
    return x ^ x >> 31


def _bytes(name, count):
    """tools/counted_values.py: the first bytes of words made of a name, seed 1."""
    state = 0xCBF29CE484222325
    for byte in name.encode():
        state = (state ^ byte) * 0x100000001B3 & MASK
    key = _mix(state ^ STEP)
    return [_mix(key + i * STEP & MASK) >> 56 for i in range(1, count + 1)]


def recorded_picture(name, width, height):
    """The picture of that name and size, as tools/golden_picture_results.py makes it."""
    across, down = -(-width // 8), -(-height // 8)
    coarse, fine = _bytes(f"{name} coarse", across * down * 3), _bytes(f"{name} fine", width * height * 3)
    pixels = bytearray()
    for y in range(height):
        for x in range(width):
            for channel in range(3):
                spread = coarse[((y // 8) * across + x // 8) * 3 + channel]
                pixels.append((3 * spread + fine[(y * width + x) * 3 + channel]) >> 2)
    return png(width, height, bytes(pixels))


def in_base64(file):
    return base64.b64encode(file).decode()


def in_url(file, kind="image/png"):
    return f"data:{kind};base64,{in_base64(file)}"
