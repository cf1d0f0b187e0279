#!/usr/bin/env bash
# A chat template in tokenizer_config.json is forgotten as soon as one file lies in additional_chat_templates/.
#
# One would expect additional_chat_templates/tool_use.jinja to stand beside the template that the folder had before, as the
# folder's name says. transformers 5.24.0 takes the templates of files in place of those of tokenizer_config.json, all or
# nothing: what is left is {"tool_use": …}, and a conversation without tools is refused, for want of a default.
#
# Run by hand. Prints what was seen; fails when the behaviour changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check transformers==5.24.0 tokenizers==0.23.3 jinja2==3.1.6
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import json
import pathlib

import transformers
from transformers import AutoTokenizer

folder = pathlib.Path("model")
folder.mkdir()
(folder / "tokenizer.json").write_text(json.dumps({"model": {"type": "BPE", "vocab": {"a": 0, "b": 1}, "merges": []}, "added_tokens": []}))
(folder / "tokenizer_config.json").write_text(json.dumps(
    {"tokenizer_class": "PreTrainedTokenizerFast", "chat_template": "the main one"}))
question = [{"role": "user", "content": "hi"}]

before = AutoTokenizer.from_pretrained(folder)
assert before.apply_chat_template(question, tokenize=False) == "the main one", before.chat_template

(folder / "additional_chat_templates").mkdir()
(folder / "additional_chat_templates" / "tool_use.jinja").write_text("the one for tools")
after = AutoTokenizer.from_pretrained(folder)
print("transformers", transformers.__version__)
print("templates before:", repr(before.chat_template))
print("templates after: ", repr(after.chat_template))
assert after.chat_template == {"tool_use": "the one for tools"}, after.chat_template
try:
    after.apply_chat_template(question, tokenize=False)
except ValueError as error:
    print("a conversation without tools:", str(error).split("!")[0])
else:
    raise SystemExit("the main template is used again")
PYTHON
