"""What the repository checks share: the list of files, and the command line with its self-test.

A check is a function `check(root) -> list of findings`, each finding one line that names the file, the line and the rule.
Every check has a self-test: trees made on the spot that must pass, and trees that must be refused.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

SKIPPED_FOLDERS = {".git", "build", ".cache", "__pycache__"}


def repository_files(root):
    """Paths of the project's text files, relative to `root`: those git tracks or would, else all but build outputs."""
    root = pathlib.Path(root)
    if (root / ".git").exists():
        listed = subprocess.run(
            ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            capture_output=True, check=False)
        if listed.returncode == 0:
            names = sorted({os.fsdecode(name) for name in listed.stdout.split(b"\0") if name})
            return [pathlib.Path(name) for name in names if (root / name).is_file()]
    found = []
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = sorted(set(subfolders) - SKIPPED_FOLDERS)
        found += [pathlib.Path(folder, name).relative_to(root) for name in sorted(names)]
    return found


def sources(root, under="sirocco"):
    """The C++ files below the folder `under`."""
    return [path for path in repository_files(root)
            if path.parts[0] == under and path.suffix in (".hpp", ".cpp", ".inc")]


def make_tree(files):
    """A temporary folder with these files in it: {relative path: text}."""
    tree = tempfile.TemporaryDirectory(prefix="sirocco-check-")
    for name, text in files.items():
        path = pathlib.Path(tree.name, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tree


def self_test(check, good, bad):
    """`good` is a tree without findings; each of `bad` is (what is wrong, files laid over it, text a finding must hold)."""
    failures = []
    with make_tree(good) as root:
        for finding in check(root):
            failures.append(f"a good tree is refused: {finding}")
    for what, files, expected in bad:
        with make_tree({**good, **files}) as root:
            findings = check(root)
            if not any(expected in finding for finding in findings):
                failures.append(f"not noticed: {what} (findings: {findings})")
    return failures


def main(check, good, bad):
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", default=pathlib.Path(__file__).resolve().parents[2])
    parser.add_argument("--self-test", action="store_true")
    arguments = parser.parse_args()
    findings = self_test(check, good, bad) if arguments.self_test else check(arguments.root)
    for finding in findings:
        print(finding)
    sys.exit(1 if findings else 0)
