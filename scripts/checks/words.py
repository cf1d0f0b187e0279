#!/usr/bin/env python3
"""What must not be in any text file: paths of one person's machine, marks of unfinished work, left-over conflict marks.

Data files (tests/data and other fixtures) are exempt: natural text may say anything.
"""

import pathlib
import re

import common

TEXT_SUFFIXES = {".cpp", ".hpp", ".inc", ".py", ".sh", ".md", ".txt", ".cmake", ".json", ".yml", ".yaml", ".html", ".css", ".js", ""}
DATA_FOLDERS = {"data", "fixtures", "corpus", "golden"}
# The patterns are spelled so that this file doesn't match them.
RULES = [
    (re.compile(r"(?<![\w.~})-])/(?:root|work|home/[a-z][\w-]*)(?=/|\b(?![\w-]))"), "a path of one machine"),
    (re.compile(r"(?<![\w.])/tmp/[a-z]"), "a fixed name in the shared temporary folder"),
    (re.compile(r"\b(?:TO[D]O|FIX[M]E|XX[X]|HAC[K])\b"), "a mark of unfinished work"),
    (re.compile(r"^(?:<{7}|>{7}|\|{7})(?: |$)"), "a left-over conflict mark"),
]
CODE_RULES = [
    (re.compile(r"[ \t]+$"), "space at the end of a line"),
    (re.compile(r"^ *\t"), "a tab as indentation"),
]
CODE_SUFFIXES = {".cpp", ".hpp", ".inc", ".py", ".cmake", ".sh"}


def check(root):
    findings = []
    for path in common.repository_files(root):
        if path.suffix not in TEXT_SUFFIXES or DATA_FOLDERS & set(path.parts[:-1]) or path.name == "LICENSE":
            continue
        try:
            text = pathlib.Path(root, path).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            findings.append(f"{path}: not UTF-8")
            continue
        rules = RULES + (CODE_RULES if path.suffix in CODE_SUFFIXES else [])
        for number, line in enumerate(text.split("\n"), 1):
            for pattern, what in rules:
                if pattern.search(line):
                    findings.append(f"{path}:{number}: {what}: {line.strip()}")
        if path.suffix in CODE_SUFFIXES and text and not text.endswith("\n"):
            findings.append(f"{path}: no newline at the end of the file")
    return findings


GOOD = {
    "sirocco/base/a.cpp": "// A root/leaf tree, work/flow, ~/root/x, http://a/home/b.\nint todo_list;\n",
    "tests/data/a.txt": "/" + "root/secret TO" + "DO\n",
    "docs/a.md": "two spaces end a line  \nin ${HOME}/wo" + "rk/x and a/tm" + "p/x\n",
}
BAD = [
    ("a home folder", {"a.md": "see /" + "home/ann/model.gguf\n"}, "one machine"),
    ("the superuser's folder", {"a.py": "path = '/" + "root/x'\n"}, "one machine"),
    ("a work folder", {"scripts/a": "cd /" + "work/main\n"}, "one machine"),
    ("a work folder at the end of a line", {"scripts/a": "cd /" + "work\n"}, "one machine"),
    ("a fixed temporary file", {"scripts/a": "touch /" + "tmp/log\n"}, "temporary"),
    ("a mark", {"sirocco/base/b.cpp": "// TO" + "DO: finish\n"}, "unfinished"),
    ("a conflict", {"a.md": "<" * 7 + " HEAD\n"}, "conflict"),
    ("a tab", {"sirocco/base/b.cpp": "\tint a;\n"}, "tab"),
    ("a trailing space", {"sirocco/base/b.cpp": "int a; \n"}, "end of a line"),
    ("no newline at the end", {"sirocco/base/b.cpp": "int a;"}, "newline"),
]

if __name__ == "__main__":
    common.main(check, GOOD, BAD)
