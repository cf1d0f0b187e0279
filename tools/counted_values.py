"""Numbers that are made and not stored: each a function of a seed, a name and an index, in integers up to the last step, so that
numpy and C++ (tests/golden/counted_values.cpp) have the same bits on every machine.

    mix(x)     x ^= x >> 30; x *= 0xBF58476D1CE4E5B9; x ^= x >> 27; x *= 0x94D049BB133111EB; x ^= x >> 31
    key        mix(fnv1a64(name) ^ seed * STEP), STEP = 0x9E3779B97F4A7C15
    word(i)    mix(key + (i + 1) * STEP): SplitMix64 from `key` on
    count(i)   the sum of the word's four quarters of 16 bits, less 131070: bell-shaped around 0, 131070 at most
    value(i)   center + count(i) * (spread / 2**17): center and spread are floats, product and sum are rounded to floats

All words are of 64 bits and wrap. Values lie within `spread` of `center`; their standard deviation is spread / sqrt(12).
"""

import numpy as np

Array = np.ndarray
STEP = 0x9E3779B97F4A7C15
MASK = (1 << 64) - 1


def mix(x: Array) -> Array:
    x = x ^ (x >> np.uint64(30))
    x = x * np.uint64(0xBF58476D1CE4E5B9)
    x = x ^ (x >> np.uint64(27))
    x = x * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def fnv1a64(text: str) -> int:
    state = 0xCBF29CE484222325
    for byte in text.encode():
        state = (state ^ byte) * 0x100000001B3 & MASK
    return state


def steps(count: int) -> Array:
    return np.arange(1, count + 1, dtype=np.uint64) * np.uint64(STEP)


def words(seed: int, name: str, count: int) -> Array:
    key = mix(np.array([fnv1a64(name) ^ seed * STEP & MASK], np.uint64))
    return mix(key + steps(count))


def values(seed: int, name: str, shape: tuple[int, ...], center: float, spread: float) -> Array:
    made = words(seed, name, int(np.prod(shape)))
    quarters = sum((made >> np.uint64(shift)).astype(np.int64) & 0xFFFF for shift in (0, 16, 32, 48))
    counts = (quarters - 131070).astype(np.float32)
    return (np.float32(center) + counts * (np.float32(spread) / np.float32(2**17))).reshape(shape)


def numbers(seed: int, name: str, count: int, below: int) -> list[int]:
    """Whole numbers, evenly spread (below 2**32)."""
    return [int(word >> 32) * below >> 32 for word in words(seed, name, count).tolist()]


def digest(data: bytes) -> str:
    """The sum over little-endian words of 64 bits, the last one filled up with zeros, of mix(word + (i + 1) * STEP), and the length."""
    read = np.frombuffer(data + bytes(-len(data) % 8), "<u8").astype(np.uint64)
    total = int(mix(read + steps(len(read))).sum(dtype=np.uint64)) + len(data) & MASK
    return f"{total:016x}"


def main() -> None:
    """Prints what tests/models/golden_files_test.cpp expects."""
    for seed, name, center, spread, index in ((0, "", 0, 1, 0), (1, "a", 0, 1, 1), (1, "a", 1, 0.866025, 2),
                                              (987654321, "model.layers.12.mlp.up_proj.weight", -3, 0.3, 1234),
                                              (26, "é", 0.1, 1e-30, 70000), (MASK, "lm_head.weight", 0, 1e30, 5)):
        word = int(words(seed, name, index + 1)[-1])
        value = values(seed, name, (index + 1,), center, spread)[-1]
        text = name.encode().decode("latin-1").encode("unicode_escape").decode()
        print(f'      {{{seed}u, "{text}", {float(center)}f, {float(spread)}f, {index}, 0x{word:016X}, 0x{value.view(np.uint32):08X}}},')
    print(f'      digest: 0x{digest(b"golden files")}')


if __name__ == "__main__":
    main()
