#!/usr/bin/env python3
"""Compiles one case of tests/compile_fail and judges the compiler's answer.

A case says in its first comment lines what the first error must look like, as a regular expression:

    // expect: cannot convert          either compiler
    // expect-gcc: ...                 GCC only
    // expect-clang: ...               clang only

It must fail to compile with a first `error:` line that matches, and must compile with -DSIROCCO_CONTROL: the control is the
same code with the mistake put right, so that a case can't fail for a reason of its own.

usage: compile_fail.py --family gcc|clang CASE -- COMPILER FLAG...
       compile_fail.py --self-test --family gcc|clang -- COMPILER FLAG...
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile

EXPECT = re.compile(r"^// expect(?:-(gcc|clang))?: (.+)$")
ERROR = re.compile(r"(?:^|\s)(?:fatal )?error: (.*)$")


def expectation(text, family):
    """The regular expression for this compiler, or None."""
    found = {}
    for line in text.splitlines():
        match = EXPECT.match(line)
        if not match:
            break
        found[match.group(1)] = match.group(2)
    return found.get(family, found.get(None))


def compile_case(command, path, definitions=()):
    environment = {**os.environ, "LC_ALL": "C"}
    return subprocess.run([*command, *definitions, "-S", "-o", os.devnull, str(path)], capture_output=True, text=True,
                          env=environment, check=False)


def judge(command, family, path):
    """None if the case behaves; else what is wrong."""
    path = pathlib.Path(path)
    expected = expectation(path.read_text(encoding="utf-8"), family)
    if expected is None:
        return f"{path}: no line '// expect: REGEX' (or expect-{family}) at the top"
    control = compile_case(command, path, ["-DSIROCCO_CONTROL"])
    if control.returncode:
        return f"{path}: the control (-DSIROCCO_CONTROL) doesn't compile:\n{control.stderr}"
    result = compile_case(command, path)
    if result.returncode == 0:
        return f"{path}: compiles, and must not"
    first = next((match.group(1) for line in result.stderr.splitlines() if (match := ERROR.search(line))), None)
    if first is None:
        return f"{path}: the compiler failed without an error of its own:\n{result.stderr}"
    if not re.search(expected, first):
        return f"{path}: the first error is\n  {first}\nand must match\n  {expected}\nthe whole answer:\n{result.stderr}"
    return None


def self_test(command, family):
    good = "// expect: \n#ifdef SIROCCO_CONTROL\nint a = 1;\n#else\nint a = nullptr;\n#endif\n".replace(": \n", ": .\n", 1)
    cases = [
        ("a right case", good, None),
        ("one line a compiler", good.replace("// expect: .", "// expect-gcc: .\n// expect-clang: ."), None),
        ("another error than expected", good.replace("expect: .", "expect: no such words"), "must match"),
        ("only the other compiler's line",
         good.replace("expect:", "expect-clang:" if family == "gcc" else "expect-gcc:"), "no line"),
        ("no expectation", good.replace("expect", "hope"), "no line"),
        ("code that compiles", good.replace("nullptr", "2"), "must not"),
        ("a control that doesn't compile", good.replace("int a = 1", "int a = nullptr"), "control"),
    ]
    failures = []
    with tempfile.TemporaryDirectory() as folder:
        for number, (what, text, wrong) in enumerate(cases):
            path = pathlib.Path(folder, f"{number}.cpp")
            path.write_text(text, encoding="utf-8")
            answer = judge(command, family, path)
            if (answer is None) != (wrong is None) or (wrong and wrong not in answer):
                failures.append(f"{what}: expected {wrong or 'no complaint'}, got {answer}")
    return "\n".join(failures) or None


def main():
    arguments = sys.argv[1:]
    command = []
    if "--" in arguments:
        cut = arguments.index("--")
        arguments, command = arguments[:cut], arguments[cut + 1:]
    parser = argparse.ArgumentParser()
    parser.add_argument("--family", choices=("gcc", "clang"), required=True)
    parser.add_argument("--self-test", action="store_true")
    parser.add_argument("case", nargs="?")
    options = parser.parse_args(arguments)
    if not command or bool(options.case) == options.self_test:
        sys.exit(__doc__)
    wrong = self_test(command, options.family) if options.self_test else judge(command, options.family, options.case)
    sys.exit(wrong)


if __name__ == "__main__":
    main()
