#!/usr/bin/env python3
"""No model family's name in the code of the folders that serve every family: an architecture lives in sirocco/models only.

Identifiers and string literals count; comments and tests don't. A name counts as a word of its own: `LlamaBlock`, `is_llama`,
`llama3_scaling`, not `graphic`.
"""

import pathlib
import re

import common

FOLDERS = ("base", "platform", "quant", "tensor", "kernels", "nn", "checkpoint", "transport", "pipeline", "engine")
# What the tables of a folder have literally from files: the beginning of names, a kind of rotary scaling.
FROM_FILES = {"checkpoint": {"bert", "llama"}}
FAMILIES = {
    "arctic", "baichuan", "bert", "bloom", "chatglm", "codellama", "commandr", "dbrx", "deepseek", "dolly", "exaone", "falcon",
    "gemma", "glm", "gpt", "gptj", "gptneox", "granite", "grok", "hunyuan", "internlm", "jamba", "kimi", "lfm", "llama", "llava",
    "mamba", "minicpm", "minimax", "mistral", "mixtral", "mpt", "nemotron", "olmo", "openelm", "phi", "pixtral", "plamo", "qwen",
    "rwkv", "smollm", "starcoder", "tinyllama", "xverse", "yi",
}
COMMENT = re.compile(r'("(?:\\.|[^"\\\n])*")|//[^\n]*|/\*.*?\*/', re.DOTALL)
WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def without_comments(text):
    """The text with comments blanked, line numbers kept; a string literal that looks like a comment stays."""
    return COMMENT.sub(lambda match: match.group(1) or "\n" * match.group(0).count("\n"), text)


def check(root):
    findings = []
    for path in common.sources(root):
        if path.parts[1] not in FOLDERS or path.stem.endswith("_test"):
            continue
        text = without_comments(pathlib.Path(root, path).read_text(encoding="utf-8"))
        for number, line in enumerate(text.splitlines(), 1):
            for word in WORD.findall(line):
                if word.lower() in FAMILIES - FROM_FILES.get(path.parts[1], set()):
                    findings.append(f"{path}:{number}: {word}: a family's name outside sirocco/models: {line.strip()}")
    return findings


GOOD = {
    "sirocco/nn/good.cpp": '// As Llama does.\n/* or\nqwen */ int graphic_delphi = 1; const char* url = "a//b";\n',
    "sirocco/nn/good_test.cpp": "struct LlamaBlock;\n",
    "sirocco/models/llama.cpp": "struct LlamaBlock;\n",
    "sirocco/checkpoint/good.cpp": 'auto prefix = "bert.";\n',
}
BAD = [
    ("a type", {"sirocco/nn/bad.cpp": "struct LlamaBlock;\n"}, "bad.cpp:1"),
    ("a function", {"sirocco/pipeline/bad.cpp": "// ok\n/* ok\n*/ bool is_gemma();\n"}, "bad.cpp:3"),
    ("a name with a version", {"sirocco/nn/bad.hpp": "enum { kQwen3 };\n"}, "Qwen"),
    ("a string", {"sirocco/engine/bad.cpp": 'if (name == "phi3") {}\n'}, "phi"),
    ("another name than those of files", {"sirocco/checkpoint/bad.cpp": 'auto a = "bert."; auto b = "gemma";\n'}, "gemma"),
    ("code after a string with slashes", {"sirocco/kernels/bad.cpp": 'f("//", gpt2);\n'}, "gpt"),
]

if __name__ == "__main__":
    common.main(check, GOOD, BAD)
