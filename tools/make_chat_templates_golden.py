#!/usr/bin/env python3
"""Records which chat templates transformers finds in a folder and which of them it renders with, and what gguf makes of a
list of templates.

    make_chat_templates_golden.py     tests/golden/templates/choices.json

Needs transformers, tokenizers and gguf; neither torch nor a network. The templates are plain texts, so that what is
rendered is the template. A result of null means that transformers refuses.
"""
import importlib.metadata
import json
import pathlib
import tempfile

import gguf
import tokenizers
import transformers
from transformers.processing_utils import ProcessorMixin

OUT = pathlib.Path(__file__).resolve().parent.parent / "tests" / "golden" / "templates" / "choices.json"
TOOL = {"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object", "properties": {}}}}
JINJA = {"chat_template.jinja": "jinja"}


def named(*names):
    return [{"name": name, "template": f"config {name}"} for name in names]


def config(value):
    return {"tokenizer_config.json": json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", "chat_template": value})}


def additional(*names):
    return {f"additional_chat_templates/{name}.jinja": f"additional {name}" for name in names}


def member(file, text):
    return {file: json.dumps({"chat_template": text})}


PROCESSOR = member("processor_config.json", "processor")
OLD_PROCESSOR = member("chat_template.json", "old processor")

FOLDERS = [
    {},
    config(None),
    config("config"),
    config(""),
    config(named("default", "tool_use")),
    config(named("tool_use", "rag", "default")),
    config(named("chat", "tool_use")),
    config(named("chat")),
    config(named("default", "default")),
    config({"default": "config default", "tool_use": "config tool_use"}),
    config([{"name": "default", "template": "first"}, {"name": "default", "template": "second"}]),
    {**JINJA},
    {**JINJA, **config("config")},
    {**JINJA, **config(named("default", "tool_use"))},
    {**JINJA, **additional("tool_use")},
    {**JINJA, **additional("rag"), **config(named("default", "tool_use"))},
    {**JINJA, **additional("a.b"), "additional_chat_templates/below/c.jinja": "below",
     "additional_chat_templates/README.md": "no template", "additional_chat_templates/LOUD.JINJA": "no template"},
    {"chat_template.jinja": "", **config("config")},
    {**additional("tool_use")},
    {**additional("tool_use"), **config("config")},
    {**additional("default", "tool_use")},
    {**additional("default"), **JINJA},
    {**OLD_PROCESSOR},
    {**PROCESSOR},
    {**PROCESSOR, **OLD_PROCESSOR},
    {**OLD_PROCESSOR, **config("config")},
    {**PROCESSOR, **config(named("default", "tool_use"))},
    {**OLD_PROCESSOR, **JINJA},
]

LISTS = [named("default", "tool_use", "rag"), named("tool_use"), [{"name": "tool-use 2", "template": "x"}], "only"]


def found(folder):
    """What a folder's tokenizer holds, or else its processor; a dict by name."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(str(folder))
    held = tokenizer.chat_template
    if held is None:
        held = ProcessorMixin.get_processor_dict(str(folder))[0].get("chat_template")
        tokenizer.chat_template = held
    return tokenizer, {"default": held} if isinstance(held, str) else held or {}


def rendered(tokenizer, **how):
    try:
        return tokenizer.apply_chat_template([{"role": "user", "content": "u"}], tokenize=False, **how)
    except ValueError:
        return None


def of_folder(files):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        tokenizers.Tokenizer(tokenizers.models.WordLevel({"<unk>": 0}, unk_token="<unk>")).save(str(folder / "tokenizer.json"))
        for path, text in files.items():
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_text(text)
        tokenizer, templates = found(folder)
        return {"files": files, "templates": templates, "plain": rendered(tokenizer), "tools": rendered(tokenizer, tools=[TOOL]),
                "no_tools": rendered(tokenizer, tools=[])}


def of_list(templates):
    with tempfile.TemporaryDirectory() as name:
        path = pathlib.Path(name) / "a.gguf"
        writer = gguf.GGUFWriter(str(path), "llama")
        writer.add_chat_template(templates)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.close()
        fields = gguf.GGUFReader(str(path)).fields
        return {"list": templates, "entries": {key: field.contents() for key, field in fields.items()
                                               if key.startswith("tokenizer.chat_template")}}


def main():
    transformers.logging.set_verbosity_error()
    versions = {"transformers": transformers.__version__, "gguf": importlib.metadata.version("gguf")}
    result = {"versions": versions, "folders": [of_folder(files) for files in FOLDERS],
              "gguf": [of_list(templates) for templates in LISTS]}
    for each in result["gguf"]:
        if "tokenizer.chat_templates" in each["entries"]:
            each["entries"]["tokenizer.chat_templates"].sort()  # a set's order, otherwise
    OUT.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
