#!/usr/bin/env python3
"""Every C++ file is as clang-format 16 writes it (other versions differ in details, so only 16 decides).

The program: $SIROCCO_CLANG_FORMAT, else clang-format-16.
"""

import os
import pathlib
import re
import shutil
import subprocess

import common

SUFFIXES = {".cpp", ".hpp", ".inc"}
VERSION = "16"
STYLE = pathlib.Path(__file__).resolve().parents[2] / ".clang-format"


def check(root):
    program = os.environ.get("SIROCCO_CLANG_FORMAT") or shutil.which("clang-format-16")
    if not program:
        return ["clang-format-16 not found: install it, or name it in SIROCCO_CLANG_FORMAT"]
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    if not re.search(rf"version {VERSION}\.", version):
        return [f"{program} is not clang-format {VERSION}: {version.strip()}"]
    files = [str(path) for path in common.repository_files(root) if path.suffix in SUFFIXES]
    findings = []
    for first in range(0, len(files), 64):
        result = subprocess.run([program, "--dry-run", "--Werror", f"--style=file:{STYLE}", *files[first:first + 64]],
                                cwd=root, capture_output=True, text=True, check=False)
        findings += [line for line in result.stderr.splitlines() if "error:" in line]
        if result.returncode and not findings:
            findings.append(result.stderr)
    return findings


GOOD = {"sirocco/base/a.cpp": "int f(int a) { return a; }\n"}
BAD = [
    ("a badly spaced function", {"sirocco/base/b.hpp": "int f( int a ){return a;}\n"}, "b.hpp:1"),
    ("a line of 101 columns", {"tests/b.cpp": "int " + "a" * 48 + " = " + "b" * 45 + ";\n"}, "b.cpp:1"),
]

if __name__ == "__main__":
    common.main(check, GOOD, BAD)
