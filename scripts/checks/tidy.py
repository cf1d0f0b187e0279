#!/usr/bin/env python3
"""Runs clang-tidy on the sources that changed since the branch left the main one (tests apart: they are mostly macros).

A source counts as changed when it, or a header of the project that only it stands for (same name, else the first source that
includes it), did. What passed once with the same text, headers and checks is remembered and not run again.

usage: tidy.py --build FOLDER --clang-tidy PROGRAM [--all | --base COMMIT] [--jobs N]
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys

import common

ROOT = pathlib.Path(__file__).resolve().parents[2]
INCLUDE = re.compile(r'^\s*#\s*include\s*"(sirocco/[^"]+)"', re.MULTILINE)


def git(*arguments):
    result = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False)
    return result.stdout.strip() if result.returncode == 0 else None


def base_commit():
    """Where the branch left the main one; on the main branch itself, the commit before."""
    head = git("rev-parse", "HEAD")
    for name in ("origin/main", "main"):
        base = git("merge-base", "HEAD", name)
        if base and base != head:
            return base
    return git("rev-parse", "--verify", "--quiet", "HEAD^1")


def changed_files(base):
    """Paths that differ from `base`, uncommitted and new ones too; None when git can't tell."""
    if base is None:
        return None
    tracked = git("diff", "--name-only", "--diff-filter=d", base)
    fresh = git("ls-files", "--others", "--exclude-standard")
    if tracked is None or fresh is None:
        return None
    return set(tracked.splitlines()) | set(fresh.splitlines())


def closure(path, includes):
    """`path` and every header of the project that it includes, directly or not."""
    seen, pending = set(), [path]
    while pending:
        name = pending.pop()
        if name in seen:
            continue
        seen.add(name)
        pending += includes(name)
    return seen


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--clang-tidy", required=True)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--base")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    options = parser.parse_args()

    texts = {}

    def text(name):
        if name not in texts:
            path = ROOT / name
            texts[name] = path.read_text(encoding="utf-8") if path.is_file() else ""
        return texts[name]

    compiled = {}
    for entry in json.loads(pathlib.Path(options.build, "compile_commands.json").read_text(encoding="utf-8")):
        path = pathlib.Path(entry["directory"], entry["file"]).resolve()
        if path.is_relative_to(ROOT / "sirocco") and not path.stem.endswith("_test"):
            compiled.setdefault(str(path.relative_to(ROOT)), []).append(entry["command"])
    closures = {name: closure(name, lambda inner: INCLUDE.findall(text(inner))) for name in sorted(compiled)}

    changed = None if options.all else changed_files(options.base or base_commit())
    if changed is None or ".clang-tidy" in changed:
        chosen = set(compiled)
    else:
        chosen = changed & set(compiled)
        for header in sorted(name for name in changed if name.startswith("sirocco/") and name.endswith(".hpp")):
            own = header[:-len(".hpp")] + ".cpp"
            users = [own] if own in compiled else [name for name in closures if header in closures[name]][:1]
            chosen.update(users)

    memory = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache", "sirocco", "tidy")
    memory.mkdir(parents=True, exist_ok=True)
    version = subprocess.run([options.clang_tidy, "--version"], capture_output=True, text=True, check=True).stdout

    def key(name):
        own_checks = str(pathlib.Path(name).parent / ".clang-tidy")
        parts = [version, text(".clang-tidy"), text(own_checks), *(command.replace(str(ROOT), "") for command in compiled[name])]
        parts += [part for inner in sorted(closures[name]) for part in (inner, text(inner))]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    def tidy(name):
        remembered = memory / key(name)
        if remembered.exists():
            return None
        result = subprocess.run([options.clang_tidy, "--quiet", "-p", options.build, str(ROOT / name)],
                                capture_output=True, text=True, check=False)
        if result.returncode:
            counted = re.sub(r"^\d+ warnings? .*generated.*\n", "", result.stderr, flags=re.MULTILINE)
            return f"{name}:\n{result.stdout}{counted}"
        remembered.touch()
        return None

    failed = 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for answer in pool.map(tidy, sorted(chosen)):
            if answer:
                failed += 1
                print(answer, file=sys.stderr)
    print(f"clang-tidy: {len(chosen)} of {len(compiled)} sources looked at, {failed} with findings", file=sys.stderr)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
