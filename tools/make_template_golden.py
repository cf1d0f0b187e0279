#!/usr/bin/env python3
"""Records what Python's jinja2, set up by transformers, makes of templates.

    make_template_golden.py                  tests/golden/templates/expected.json, from our own corpus
    make_template_golden.py --real FOLDER    tests/golden/templates/real.json: lengths and SHA-256 of what the
                                             templates A to L in FOLDER make of contexts.json
    make_template_golden.py --real FOLDER --pattern '[M-Zm-z]*' --out F.json    the same for others

Needs jinja2 >= 3.1.6 and transformers. A result of null means that jinja2 refuses template or context.
"""
import argparse
import datetime
import hashlib
import json
import pathlib
import platform
import sys

import jinja2
import transformers
from transformers.utils import chat_template_utils

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "tests" / "golden" / "templates"
NOW = datetime.datetime(2024, 7, 26, 9, 5, 3)
SPECIAL = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}


def render(source, context):
    """The rendered text, or None where jinja2 refuses."""
    try:
        template = chat_template_utils._cached_compile_jinja_template(source)
        text = template.render(
            messages=chat_template_utils._alias_reasoning_fields(context.get("messages", [])),
            tools=context.get("tools"),
            documents=context.get("documents"),
            add_generation_prompt=context.get("add_generation_prompt", True),
            strftime_now=NOW.strftime,
            **context.get("special_tokens", SPECIAL),
            **context.get("variables", {}),
            **{name: json.loads(text) for name, text in context.get("json_variables", {}).items()},
        )
        text.encode("utf-8")
        return text
    except Exception as error:  # whatever Python makes of it, ours must fail too
        render.why = f"{type(error).__name__}: {error}"
        return None


def versions():
    return {"jinja2": jinja2.__version__, "transformers": transformers.__version__, "python": platform.python_version()}


def own_corpus():
    """[(name, template, context name)]: the files of corpus/ over every context, and single cases over 'values'."""
    for path in sorted((FOLDER / "corpus").glob("*.jinja")):
        for context in json.loads((FOLDER / "contexts.json").read_text()):
            yield path.stem, path.read_text(), context["name"]
    cases = (FOLDER / "cases.txt").read_bytes().decode()  # as they are: some end lines with a carriage return
    for number, case in enumerate(cases.removesuffix("\n=====\n").split("\n=====\n")):
        yield f"case_{number}", case, "values"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--real", type=pathlib.Path, help="folder of real templates")
    parser.add_argument("--pattern", default="[A-La-l]*")
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--show-errors", action="store_true")
    options = parser.parse_args()
    contexts = {c["name"]: c for c in json.loads((FOLDER / "contexts.json").read_text())}
    contexts["values"] = json.loads((FOLDER / "values.json").read_text())
    if options.real:
        results = {}
        for path in sorted(options.real.glob(options.pattern + ".jinja")):
            results[path.name] = {}
            for name, context in contexts.items():
                if name == "values":
                    continue
                text = render(path.read_text(), context)
                data = None if text is None else text.encode()
                results[path.name][name] = data and {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
                if data == b"":
                    results[path.name][name] = {"bytes": 0, "sha256": hashlib.sha256(b"").hexdigest()}
        out = options.out or FOLDER / "real.json"
        out.write_text(json.dumps({"versions": versions(), "templates": results}, indent=1) + "\n")
        return
    results = []
    for name, source, context in own_corpus():
        text = render(source, contexts[context])
        if text is None and options.show_errors:
            print(f"{name}: {source!r}: {render.why}", file=sys.stderr)
        entry = {"name": name, "context": context, "output": text}
        if context == "values":
            entry["template"] = source
        results.append(entry)
    out = options.out or FOLDER / "expected.json"
    out.write_text(json.dumps({"versions": versions(), "cases": results}, indent=0, ensure_ascii=False) + "\n")
    failures = sum(entry["output"] is None for entry in results)
    print(f"{len(results)} cases, {failures} of which jinja2 refuses")


if __name__ == "__main__":
    main()
