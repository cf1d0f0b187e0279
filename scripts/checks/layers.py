#!/usr/bin/env python3
"""Holds the direction of dependencies between the folders of sirocco/.

A folder includes only folders that sirocco/CMakeLists.txt lists before it and that its own CMakeLists.txt names after DEPENDS
(or reaches through them); formats, jinja and text don't know models; nobody includes a test; heavy libraries stay out of
headers. Tests, and what they share (*_testing.hpp), may include these and tests/support/ too.
"""

import pathlib
import re

import common

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
FORBIDDEN = {("formats", "models"), ("jinja", "models"), ("text", "models")}
OF_TESTS = re.compile(r"_test\.cpp$|_testing\.hpp$")
HEAVY = re.compile(r"^(nlohmann/|spdlog/|CLI/|unicode/|pcre2|simdjson|boost/beast/|mpi\.h$|sndfile\.h|mpg123\.h|soxr|kissfft/|regex$|iostream$)")


def folder_order(root):
    text = pathlib.Path(root, "sirocco/CMakeLists.txt").read_text(encoding="utf-8")
    return re.search(r"foreach\(folder IN ITEMS ([^)]*)\)", text).group(1).split()


def declared_dependencies(root, folder):
    """What the folder's call of sirocco_folder names after DEPENDS; None without such a call."""
    path = pathlib.Path(root, "sirocco", folder, "CMakeLists.txt")
    if not path.is_file():
        return None
    text = re.sub(r"#[^\n]*", "", path.read_text(encoding="utf-8"))
    call = re.search(r"sirocco_folder\(\s*" + folder + r"\b([^)]*)\)", text)
    if not call:
        return None
    depends = re.search(r"\bDEPENDS\b(.*?)(?:\b(?:LINK|TEST_LINK|EXCLUDE)\b|$)", call.group(1), re.DOTALL)
    return depends.group(1).split() if depends else []


def reachable(direct, folder):
    seen, pending = set(), [folder]
    while pending:
        for dependency in direct.get(pending.pop()) or []:
            if dependency not in seen:
                seen.add(dependency)
                pending.append(dependency)
    return seen


def check(root):
    order = folder_order(root)
    direct = {folder: declared_dependencies(root, folder) for folder in order}
    findings = []
    for folder, dependencies in direct.items():
        for dependency in dependencies or []:
            if dependency not in order[:order.index(folder)]:
                findings.append(f"sirocco/{folder}/CMakeLists.txt: depends on {dependency}, which is not listed before it")
    for path in common.sources(root):
        folder = path.parts[1]
        if folder not in order:
            if len(path.parts) > 2:
                findings.append(f"{path}: the folder {folder} is not in the list of sirocco/CMakeLists.txt")
            continue
        allowed = set(order[:order.index(folder)]) | {folder}
        linked = reachable(direct, folder) | {folder}
        for number, line in enumerate(pathlib.Path(root, path).read_text(encoding="utf-8").splitlines(), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            bracket, target = match.groups()
            where = f"{path}:{number}: #include of {target}: "
            if bracket == "<" and path.suffix == ".hpp" and HEAVY.match(target) and not OF_TESTS.search(path.name):
                findings.append(where + "a heavy library in a header; keep it in a .cpp")
            if bracket == '"' and not target.startswith("sirocco/"):
                if target.startswith("tests/support/") and OF_TESTS.search(path.name):
                    continue
                findings.append(where + 'write the path from the top: "sirocco/folder/file.hpp"')
            if not target.startswith("sirocco/"):
                continue
            other = target.split("/")[1]
            if target.endswith("_test.cpp"):
                findings.append(where + "a test is not an interface")
            elif other not in allowed or (folder, other) in FORBIDDEN:
                findings.append(where + f"{folder} must not know {other}")
            elif direct[folder] is not None and other not in linked:
                findings.append(where + f"{other} is not among the DEPENDS of sirocco/{folder}/CMakeLists.txt")
    return findings


GOOD = {
    "sirocco/CMakeLists.txt": "foreach(folder IN ITEMS base quant models formats)\nendforeach()\n",
    "sirocco/base/CMakeLists.txt": "sirocco_folder(base LINK spdlog::spdlog)\n",
    "sirocco/base/error.hpp": "#include <string>\n",
    "sirocco/base/error.cpp": '#include "sirocco/base/error.hpp"\n#include <spdlog/spdlog.h>\n',
    "sirocco/quant/CMakeLists.txt": "sirocco_folder(quant DEPENDS base)\n",
    "sirocco/quant/format.hpp": '#include "sirocco/base/error.hpp"\n',
    "sirocco/quant/format_test.cpp": '#include "tests/support/paths_testing.hpp"\n',
    "sirocco/models/CMakeLists.txt": "sirocco_folder(models DEPENDS quant)\n",
    "sirocco/models/model.hpp": '#include "sirocco/base/error.hpp"\n',
    "sirocco/formats/CMakeLists.txt": "sirocco_folder(formats DEPENDS base)\n",
}
BAD = [
    ("an include of a later folder", {"sirocco/base/bad.cpp": '#include "sirocco/quant/format.hpp"\n'}, "must not know"),
    ("an include of models by formats", {"sirocco/formats/bad.cpp": '#include "sirocco/models/model.hpp"\n'},
     "must not know"),
    ("an include of a folder not depended on", {"sirocco/formats/bad.cpp": '#include "sirocco/quant/format.hpp"\n'},
     "not among the DEPENDS"),
    ("an include of a test", {"sirocco/quant/bad.cpp": '  # include "sirocco/quant/bad_test.cpp"\n'}, "a test"),
    ("an include of test support by the product", {"sirocco/quant/bad.cpp": '#include "tests/support/paths_testing.hpp"\n'},
     "from the top"),
    ("a relative include", {"sirocco/quant/bad.cpp": '#include "../base/error.hpp"\n'}, "from the top"),
    ("a heavy header", {"sirocco/quant/bad.hpp": "#include <nlohmann/json.hpp>\n"}, "heavy"),
    ("a dependency on a later folder", {"sirocco/base/CMakeLists.txt": "sirocco_folder(base DEPENDS quant)\n"},
     "not listed before"),
    ("a folder outside the list", {"sirocco/extra/bad.cpp": "\n"}, "not in the list"),
]

if __name__ == "__main__":
    common.main(check, GOOD, BAD)
