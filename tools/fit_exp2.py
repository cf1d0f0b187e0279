#!/usr/bin/env python3
"""Coefficients of kExp2 in sirocco/kernels/cpu/numerics.hpp: 2^f for |f| <= 1/2 with value 1 at 0, the smallest relative
error that floats allow. Each coefficient in turn is rounded to a float and the ones above it are fitted again (Remez).

    python3 tools/fit_exp2.py [DEGREE]
"""
import math
import struct
import sys

GRID = [-0.5 + i / 4000 for i in range(4001)]


def to_float(x):
    return struct.unpack("f", struct.pack("f", x))[0]


def solve(matrix, right):
    rows = [row + [value] for row, value in zip(matrix, right)]
    count = len(rows)
    for i in range(count):
        pivot = max(range(i, count), key=lambda r: abs(rows[r][i]))
        rows[i], rows[pivot] = rows[pivot], rows[i]
        for r in range(count):
            if r != i:
                factor = rows[r][i] / rows[i][i]
                rows[r] = [a - factor * b for a, b in zip(rows[r], rows[i])]
    return [rows[i][count] / rows[i][i] for i in range(count)]


def evaluate(coefficients, x):
    return sum(c * x**k for k, c in enumerate(coefficients))


def error(coefficients, x):
    return evaluate(coefficients, x) * 2.0**-x - 1.0


def extremes(coefficients, wanted):
    """Places of the largest errors of alternating sign."""
    values = [error(coefficients, x) for x in GRID]
    found = []
    for i, value in enumerate(values):
        if value == 0.0:
            continue
        around = values[max(0, i - 1) : i] + values[i + 1 : i + 2]
        if any(value * v > 0 and abs(v) > abs(value) for v in around):
            continue
        if found and values[found[-1]] * value > 0:
            if abs(value) > abs(values[found[-1]]):
                found[-1] = i
        else:
            found.append(i)
    while len(found) > wanted:
        found.pop(0 if abs(values[found[0]]) < abs(values[found[-1]]) else -1)
    return [GRID[i] for i in found]


def fit(degree, fixed):
    free = degree + 1 - len(fixed)
    points = [0.5 * math.cos(math.pi * (free - i) / free) for i in range(free + 1)]
    points = [x if abs(x) > 1e-3 else 1e-3 for x in points]
    for _ in range(60):
        matrix = []
        right = []
        for i, x in enumerate(points):
            matrix.append([x ** (len(fixed) + k) * 2.0**-x for k in range(free)] + [(-1.0) ** i])
            right.append((2.0**x - evaluate(fixed, x)) * 2.0**-x)
        coefficients = fixed + solve(matrix, right)[:-1]
        better = extremes(coefficients, free + 1)
        if len(better) <= free or better == points:
            break
        points = better
    return coefficients


def main():
    degree = int(sys.argv[1]) if len(sys.argv) > 1 else 6
    fixed = [1.0]
    while len(fixed) <= degree:
        fixed.append(to_float(fit(degree, fixed)[len(fixed)]))
    print(", ".join(c.hex() for c in fixed))
    print("relative error", max(abs(error(fixed, x)) for x in GRID))


if __name__ == "__main__":
    main()
