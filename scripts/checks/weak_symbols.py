#!/usr/bin/env python3
"""The object files of the instruction-set tiers define no weak symbol and call no library.

An inline function or template that is compiled for AVX-512 and left as a weak symbol may be the copy that the linker keeps for
the whole program, and then a machine without AVX-512 dies in code that never asked for it. A call of libm would compute with
whatever bits the libm of the machine gives.

usage: weak_symbols.py OBJECT...    or: weak_symbols.py --self-test COMPILER
"""

import pathlib
import subprocess
import sys
import tempfile

WEAK = {"W", "V", "u"}  # defined weak function, defined weak object, unique global
CALLED_BY_COMPILERS = {"memcpy", "memmove", "memset", "_GLOBAL_OFFSET_TABLE_"}


def check(objects):
    findings = []
    for name in objects:
        listed = subprocess.run(["nm", "--demangle", name], capture_output=True, text=True, check=False)
        if listed.returncode:
            findings.append(f"{name}: {listed.stderr.strip()}")
            continue
        for line in listed.stdout.splitlines():
            kind, _, symbol = line[line.find(" "):].strip().partition(" ")
            if kind in WEAK:
                findings.append(f"{name}: weak symbol ({kind}): {symbol}")
            if kind == "U" and symbol not in CALLED_BY_COMPILERS:
                findings.append(f"{name}: needs {symbol}")
    return findings


def self_test(compiler):
    strong = "namespace { int twice(int a) { return 2 * a; } }\nint f(int a) { return twice(a); }\n"
    cases = [
        ("a strong function", strong, 0),
        ("an inline function", "inline int twice(int a) { return 2 * a; }\nint (*f())(int) { return twice; }\n", 1),
        ("an inline variable", "inline int counter = 0;\nint* f() { return &counter; }\n", 1),
        ("a template", "template <class T> T twice(T a) { return 2 * a; }\ntemplate int twice(int);\n", 1),
        ("a call of libm", "#include <cmath>\nfloat f(float a) { return std::exp(a); }\n", 1),
        ("a static of an inline function", "inline int& f() { static int a = 0; return a; }\nint& g() { return f(); }\n", 1),
    ]
    failures = []
    with tempfile.TemporaryDirectory() as folder:
        for number, (what, text, expected) in enumerate(cases):
            source = pathlib.Path(folder, f"{number}.cpp")
            source.write_text(text, encoding="utf-8")
            result = source.with_suffix(".o")
            subprocess.run([compiler, "-std=c++20", "-O2", "-c", str(source), "-o", str(result)], check=True)
            findings = check([str(result)])
            if bool(findings) != bool(expected):
                failures.append(f"{what}: expected {'a' if expected else 'no'} finding, got {findings}")
    if not check([str(pathlib.Path(tempfile.gettempdir(), "no such object.o"))]):
        failures.append("a missing object file passes")
    return failures


if __name__ == "__main__":
    arguments = sys.argv[1:]
    if not arguments:
        sys.exit(__doc__)
    findings = self_test(arguments[1]) if arguments[0] == "--self-test" else check(arguments)
    for finding in findings:
        print(finding)
    sys.exit(1 if findings else 0)
