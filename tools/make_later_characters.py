#!/usr/bin/env python3
"""Writes sirocco/text/unicode/later_characters_table.inc: characters that PCRE2 10.42 (Unicode 14) and ICU 72 classify otherwise
than Hugging Face's `tokenizers` does, each with a character that all classify as `tokenizers` does this one.

Asks both about every code point: `tokenizers` through its regular expressions, PCRE2 through its library. Needs the
package tokenizers and libpcre2-8 10.42 (or another with the tables of Unicode 14 or earlier).

    tools/make_later_characters.py sirocco/text/unicode/later_characters_table.inc
"""

import bisect
import ctypes
import sys

import tokenizers
from tokenizers import Regex, normalizers

CATEGORIES = "Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Co".split()
FLAGS = ["Alphabetic", "Uppercase", "Lowercase"]
# Scripts that patterns ask for; of the others no pattern of a known tokenizer speaks.
SCRIPTS = ("Latin Greek Cyrillic Armenian Hebrew Arabic Devanagari Bengali Gurmukhi Gujarati Oriya Tamil Telugu Kannada "
           "Malayalam Sinhala Thai Lao Tibetan Myanmar Georgian Hangul Ethiopic Cherokee Khmer Mongolian Hiragana Katakana "
           "Bopomofo Han Yi Common Inherited").split()
POINTS = [c for c in range(1, 0x110000) if not 0xD800 <= c < 0xE000]
PCRE2_UTF, PCRE2_UCP, PCRE2_SUBSTITUTE_GLOBAL = 0x80000, 0x20000, 0x100


def reference(name):
    text = "".join(map(chr, POINTS))
    return set(map(ord, normalizers.Replace(Regex(r"\P{%s}+" % name), "").normalize_str(text)))


class Pcre2:
    def __init__(self):
        self.lib = ctypes.CDLL("libpcre2-8.so.0")
        self.lib.pcre2_compile_8.restype = ctypes.c_void_p
        self.text = "".join(map(chr, POINTS)).encode()

    def version(self):
        out = ctypes.create_string_buffer(64)
        self.lib.pcre2_config_8(11, out)
        return out.value.decode()

    def members(self, name):
        pattern = (r"\P{%s}+" % name).encode()
        error, offset = ctypes.c_int(), ctypes.c_size_t()
        code = self.lib.pcre2_compile_8(pattern, ctypes.c_size_t(len(pattern)), PCRE2_UTF | PCRE2_UCP, ctypes.byref(error),
                                        ctypes.byref(offset), None)
        if not code:
            raise ValueError(f"PCRE2 doesn't know {name}")
        out = ctypes.create_string_buffer(len(self.text) + 1)
        size = ctypes.c_size_t(len(self.text) + 1)
        rc = self.lib.pcre2_substitute_8(ctypes.c_void_p(code), self.text, ctypes.c_size_t(len(self.text)), ctypes.c_size_t(0),
                                         PCRE2_SUBSTITUTE_GLOBAL, None, None, b"", ctypes.c_size_t(0), out, ctypes.byref(size))
        if rc < 0:
            raise ValueError(f"PCRE2 fails with {rc}")
        return set(map(ord, out.raw[:size.value].decode()))


def signatures(members, scripts):
    """For every code point (category and flags, script)."""
    kinds = {c: "" for c in POINTS}
    for name in CATEGORIES + FLAGS:
        for c in members(name):
            kinds[c] += name + " "
    script = {c: "" for c in POINTS}
    for name in SCRIPTS:
        for c in members(scripts(name)):
            script[c] = name
    return kinds, script


def main():
    pcre2 = Pcre2()
    kind, script = signatures(reference, lambda name: name)
    old_kind, old_script = signatures(pcre2.members, lambda name: "sc:" + name)
    # Where only a flag of a known character has changed since, its place in ranges of patterns counts for more.
    later = [c for c in POINTS if (kind[c][:2], script[c]) != (old_kind[c][:2], old_script[c])]
    moved = [c for c in POINTS if kind[c] != old_kind[c]]
    settled = {}
    for c in sorted(set(POINTS) - set(later) - set(moved)):
        for known in {kind[c], kind[c][:2]}:
            settled.setdefault((known, script[c], len(chr(c).encode())), []).append(c)
    rows = []
    for c in later:
        size = len(chr(c).encode())
        category = kind[c][:2]
        for wanted in [(kind[c], script[c]), (kind[c], ""), (kind[c], "Inherited"), (kind[c], "Common"), (category, "")]:
            candidates = settled.get((*wanted, size), [])
            if candidates:
                break
        else:
            sys.exit(f"no character stands for {c:X} ({kind[c]} {script[c]})")
        at = bisect.bisect(candidates, c)
        stand_in = candidates[max(at - 1, 0)]
        if rows and rows[-1][1] == c - 1 and rows[-1][2] == stand_in:
            rows[-1][1] = c
        else:
            rows.append([c, c, stand_in])
    with open(sys.argv[1], "w") as out:
        out.write(f"// Made by tools/make_later_characters.py with tokenizers {tokenizers.__version__} and PCRE2 {pcre2.version()}.\n"
                  "// clang-format off\n")
        for first, last, stand_in in rows:
            out.write("{0x%X, 0x%X, 0x%X},\n" % (first, last, stand_in))
    print(len(later), "characters in", len(rows), "rows")


if __name__ == "__main__":
    main()
