#!/usr/bin/env python3
"""Commands from end to end: what goes to which stream, and how the program ends.

usage: commands_test.py PROGRAM SOURCE_FOLDER
"""

import json
import os
import re
import signal
import struct
import subprocess
import tempfile
import unittest
from pathlib import Path

from chain_model import write_chain
from program import GOLDEN, HOME, MODEL, PROGRAM, sirocco
from small_model import IDS, write_folder

QUESTION = "What is the capital of France?"
GREEDY = ("-m", MODEL, "--temp", "0")


def answer(*arguments, **keywords):
    done = sirocco("run", *GREEDY, "--quiet", *arguments, **keywords)
    if done.returncode != 0:
        raise AssertionError(done.stderr.decode(errors="replace"))
    if done.stderr:
        raise AssertionError(f"standard error despite --quiet: {done.stderr!r}")
    return done.stdout.decode()


def without_tensors(path):
    """The bytes of a GGUF (version 3) with the metadata of another and no tensors."""
    with open(path, "rb") as file:
        magic, version, _, entries = struct.unpack("<4sIQQ", file.read(24))
        begin = file.tell()

        def number(letter):
            return struct.unpack("<" + letter, file.read(struct.calcsize(letter)))[0]

        def skip(kind):
            if kind == 8:
                file.seek(number("Q"), os.SEEK_CUR)
            elif kind == 9:
                element, count = number("I"), number("Q")
                for _ in range(count):
                    skip(element)
            else:
                file.seek({0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}[kind], os.SEEK_CUR)

        for _ in range(entries):
            skip(8)
            skip(number("I"))
        end = file.tell()
        file.seek(begin)
        return struct.pack("<4sIQQ", magic, version, 0, entries) + file.read(end - begin)


def with_two_entries(path, added):
    """The bytes of a GGUF with two entries more, and one that fills them up to 32 bytes, so that tensors stay aligned."""
    with open(path, "rb") as file:
        magic, version, tensors, entries = struct.unpack("<4sIQQ", file.read(24))
        rest = file.read()
    pad = -(len(added) + 17) % 32  # an entry of one byte and a name
    added += struct.pack("<Q", pad + 4) + b"pad." + b"x" * pad + struct.pack("<IB", 7, 0)
    return struct.pack("<4sIQQ", magic, version, tensors, entries + 3) + added + rest


class Answers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.text = answer("-p", QUESTION)

    def test_names_paris(self):
        self.assertIn("Paris", self.text)

    def test_is_one_answer_that_ends_with_a_newline(self):
        self.assertTrue(self.text.endswith("\n"))
        self.assertNotIn("<|im_", self.text)
        self.assertNotIn(QUESTION, self.text)

    def test_standard_input_is_a_prompt(self):
        self.assertEqual(answer(stdin=QUESTION.encode() + b"\n"), self.text)

    def test_option_wins_over_standard_input(self):
        self.assertEqual(answer("-p", QUESTION, stdin=b"Count to ten."), self.text)

    def test_statistics_go_to_standard_error(self):
        done = sirocco("run", *GREEDY, "-p", QUESTION)
        self.assertEqual(done.returncode, 0)
        self.assertEqual(done.stdout.decode(), self.text)
        self.assertEqual(done.stderr.count(b"tokens/s"), 2)
        self.assertNotIn(b"\r", done.stderr)

    def test_threads_and_tier_change_nothing_that_matters(self):
        self.assertEqual(answer("-p", QUESTION, "-t", "1"), self.text)

    def test_stop_string_is_not_shown(self):
        stop = self.text.split()[2]
        before = self.text.partition(stop)[0]
        self.assertEqual(answer("-p", QUESTION, "--stop", "nowhere", "--stop", stop), before + "\n")

    def test_limit(self):
        short = answer("-p", QUESTION, "-n", "3")
        self.assertTrue(self.text.startswith(short[:-1]))
        self.assertLess(len(short), len(self.text))

    def test_seed_repeats(self):
        arguments = ("run", "-m", MODEL, "-p", "Tell a story.", "--temp", "1.5", "-n", "24", "--quiet", "--seed")
        first = sirocco(*arguments, "7")
        self.assertEqual(first.returncode, 0)
        self.assertEqual(sirocco(*arguments, "7").stdout, first.stdout)
        self.assertNotEqual(sirocco(*arguments, "8").stdout, first.stdout)

    def test_sampling_is_the_models_unless_chosen(self):
        def entry(name, kind, value):
            return struct.pack("<Q", len(name)) + name + struct.pack("<I" + kind, {"f": 6, "i": 5}[kind], value)

        with tempfile.TemporaryDirectory() as folder:
            model = Path(folder) / "greedy.gguf"
            model.write_bytes(with_two_entries(MODEL, entry(b"general.sampling.temp", "f", 0.0) +
                                               entry(b"general.sampling.top_k", "i", 3)))
            # What it doesn't recommend isn't filled up by what suits others.
            animal = ("-p", "Which animal is known as the king of the jungle?", "-n", "24")
            free = answer(*animal, "--repeat-penalty", "1")
            self.assertNotEqual(answer(*animal), free)
            self.assertEqual(sirocco("run", "-m", model, *animal, "--quiet").stdout.decode(), free)
            arguments = ("run", "-m", model, "-p", "Tell a story.", "-n", "24", "--quiet", "--temp", "5", "--seed")
            self.assertNotEqual(sirocco(*arguments, "7").stdout, sirocco(*arguments, "8").stdout)
            # The file's list of what is never said: here the answer's first token.
            first = json.loads(sirocco("tokenize", "-m", MODEL, "--json", self.text).stdout)[0]
            name = b"tokenizer.ggml.suppress_tokens"
            model.write_bytes(with_two_entries(MODEL, entry(b"general.sampling.temp", "f", 0.0) + struct.pack(
                "<Q", len(name)) + name + struct.pack("<IIQi", 9, 5, 1, first)))
            other = sirocco("run", "-m", model, "-p", QUESTION, "--quiet", "-n", "1").stdout.decode()
            self.assertTrue(other.strip())
            self.assertFalse(self.text.startswith(other.rstrip("\n")), other)

    def test_system_message_is_heard(self):
        def prompt_tokens(system):
            done = sirocco("run", *GREEDY, "--system", system, "-p", QUESTION, "-n", "1")
            self.assertEqual(done.returncode, 0)
            return int(re.search(rb"prompt (\d+) tokens", done.stderr)[1])

        # A small model may answer the same; that it is told more hangs on no answer.
        self.assertGreaterEqual(prompt_tokens("You are a pirate. " * 10), prompt_tokens("You are a pirate.") + 36)

    def test_raw_completion(self):
        self.assertIn("Paris", answer("--raw", "-p", "Question: What is the capital of France?\nAnswer: The capital of "
                                        "France is", "-n", "8"))

    def test_prompt_need_not_be_utf8(self):
        answer("-n", "2", stdin=b"\xff\xfe\x00 hello")


class Examples(unittest.TestCase):
    def test_two_questions_are_answered(self):
        example = Path(PROGRAM).with_name("example_two_questions")
        answers = subprocess.run([example, MODEL, "What is the capital of France?", "Name a color of the sky."],
                                 capture_output=True, check=True, timeout=600).stdout.decode()
        self.assertIn("Paris", answers.splitlines()[0])
        self.assertGreater(len(answers.splitlines()), 1)


class Templates(unittest.TestCase):
    """Several templates of one model, and their variables."""

    @classmethod
    def setUpClass(cls):
        def entry(name, text):
            return struct.pack("<Q", len(name)) + name + struct.pack("<IQ", 8, len(text)) + text

        cls.model = HOME / "templates.gguf"
        cls.model.write_bytes(with_two_entries(
            MODEL, entry(b"tokenizer.chat_template.tool_use", b"TOOLS={{ tools|length }} {{ messages[0].content }}") +
            entry(b"tokenizer.chat_template.loud", b"{{ raise_exception(effort ~ messages[0].content) }}")))
        cls.messages = HOME / "question.json"
        cls.messages.write_text('[{"role": "user", "content": "hi"}]')
        cls.tools = HOME / "tools.json"
        cls.tools.write_text('[{"type": "function", "function": {"name": "f"}}]')

    @classmethod
    def tearDownClass(cls):
        cls.model.unlink()

    def told(self, *arguments, status=1):
        done = sirocco(*arguments)
        self.assertEqual(done.returncode, status, done.stderr)
        return done.stderr.decode()

    def template(self, model, *more):
        done = sirocco("template", "-m", model, "--messages", self.messages, *more)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        return done.stdout.decode()

    def test_the_one_for_tools_is_taken_with_tools(self):
        self.assertIn("<|im_start|>user\nhi", self.template(self.model))
        self.assertEqual(self.template(self.model, "--tools", self.tools), "TOOLS=1 hi")
        self.assertIn("<|im_start|>user\nhi", self.template(self.model, "--tools", self.tools, "--chat-template", "default"))
        self.assertEqual(json.loads(sirocco("info", self.model, "--json").stdout)["chat_templates"],
                         ["default", "loud", "tool_use"])

    def test_files_of_a_folder(self):
        folder = HOME / "several"
        (folder / "additional_chat_templates").mkdir(parents=True)
        (folder / "tokenizer.json").write_text('{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}}')
        (folder / "additional_chat_templates" / "tool_use.jinja").write_text("file {{ tools|length }}")
        self.assertEqual(self.template(folder, "--tools", self.tools), "file 1")
        told = self.told("template", "-m", folder, "--messages", self.messages)
        self.assertIn("choose one with --chat-template: there is 'tool_use'", told)
        (folder / "chat_template.jinja").write_text("file")
        self.assertEqual(self.template(folder), "file")

    def test_a_conversation_takes_the_one_that_is_named(self):
        told = self.told("run", "-m", self.model, "-p", "hi", "--chat-template", "loud", "--set", "effort=high", "--quiet")
        self.assertIn("'highhi'", told)
        told = self.told("run", "-m", self.model, "-p", "hi", "--chat-template", "none")
        self.assertIn("no chat template 'none'; there are 'default', 'loud', 'tool_use'", told)

    def test_a_file_in_place_of_the_models(self):
        file = HOME / "loud.jinja"
        file.write_text("{{ raise_exception(enable_thinking ~ messages[0].content) }}")
        told = self.told("run", "-m", MODEL, "-p", "hi", "--chat-template-file", file, "--think", "off")
        self.assertIn("'Falsehi'", told)
        told = self.told("run", "-m", MODEL, "-p", "hi", "--chat-template-file", file, "--think", "--set",
                         "enable_thinking=5")
        self.assertIn("'5hi'", told)
        self.assertIn("enable_thinking", self.told("run", "-m", MODEL, "-p", "hi", "--think", "off"))

    def test_values_and_names_are_checked(self):
        for option, says in (("--set=enable_thinking=False", "'enable_thinking' can't be 'False'"), ("--set=x", "NAME=VALUE"),
                             ("--set=messages=[]", "'messages'"), ("--think=much", "'much'")):
            self.assertIn(says, self.told("run", "-m", MODEL, "-p", "hi", option, status=2))
        told = self.told("run", "-m", MODEL, "-p", "hi", "-n", "1", "--quiet", "--set", "mood=[1]", "--set", "b=x", status=0)
        self.assertEqual(told, "warning: the chat template doesn't use the variables 'b', 'mood'; it uses none that can be set\n")

    def test_a_context_beyond_the_trained_length_is_told(self):
        model = GOLDEN / "models/llama-gqa.gguf"
        trained = json.loads(sirocco("info", model, "--json").stdout)["metadata"]["llama.context_length"]
        arguments = ("logits", "-m", model, "--tokens", "1,2", "--out", HOME / "context.npy", "--ctx")
        self.assertEqual(self.told(*arguments, trained, status=0), "")
        told = self.told(*arguments, trained + 1, status=0)
        self.assertIn(f"warning: --ctx {trained + 1}: the model was trained for {trained} positions", told)
        self.assertEqual(told.count("\n"), 1)


class Recommendations(unittest.TestCase):
    """generation_config.json: what its authors recommend, and what the options say instead."""
    LIKELY = {"a": 4.0, "b": 3.9, "c": 3.0}

    def answer(self, generation, *arguments, scores=None, says=b"", **keywords):
        folder = write_folder(HOME / "recommends", scores or self.LIKELY, generation=generation, **keywords)
        done = sirocco("run", "-m", folder, "-p", "hd", "--quiet", *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(says, done.stderr)
        if not says:
            self.assertFalse(done.stderr)
        return done.stdout.decode().rstrip("\n")

    def test_not_to_sample_is_the_likeliest_token(self):
        for left_over in ({}, {"temperature": 5.0, "top_p": 0.9}):
            generation = {"do_sample": False, **left_over}
            for seed in "123":
                self.assertEqual(self.answer(generation, "-n", "9", "--seed", seed), "a" * 9)
            self.assertNotEqual(self.answer(generation, "-n", "20", "--temp", "9", "--seed", "1"), "a" * 20)
        self.assertNotEqual(self.answer({"temperature": 5.0}, "-n", "20", "--seed", "1"), "a" * 20)

    def test_rules(self):
        a, b, end = IDS["a"], IDS["b"], IDS["</s>"]
        for rules, expected in (({"suppress_tokens": [a]}, "bbbbbb"), ({"begin_suppress_tokens": [a]}, "baaaaa"),
                                ({"bad_words_ids": [[a, a], [b]]}, "acacac"), ({"no_repeat_ngram_size": 2}, "aabaca"),
                                ({"forced_eos_token_id": end}, "aaaaa"),
                                ({"sequence_bias": [[[a, b], 1.0]]}, "ababab")):
            self.assertEqual(self.answer({"do_sample": False, **rules}, "-n", "6"), expected, rules)
            self.assertEqual(self.answer(rules, "-n", "6", "--temp", "0", "--repeat-penalty", "1"), expected, rules)
        ends = {"</s>": 5.0, **self.LIKELY}
        self.assertEqual(self.answer({"do_sample": False}, "-n", "6", scores=ends), "")
        self.assertEqual(self.answer({"do_sample": False, "min_new_tokens": 3}, "-n", "6", scores=ends), "aaa")

    def test_lengths_and_stop_strings(self):
        generation = {"do_sample": False, "max_new_tokens": 3}
        self.assertEqual(self.answer(generation), "aaa")
        self.assertEqual(self.answer(generation, "-n", "5"), "aaaaa")
        self.assertEqual(self.answer({"do_sample": False, "max_length": 7}), "aaaa")
        self.assertEqual(self.answer({"do_sample": False, "max_length": 3}, "-n", "5"), "aaaaa")
        self.answer({"do_sample": False, "max_length": 3}, says=b"max_length (3), for the prompt has 3 tokens")
        generation = {"do_sample": False, "begin_suppress_tokens": [IDS["a"]], "stop_strings": ["xx", "aaa"]}
        self.assertEqual(self.answer(generation), "b")
        self.assertEqual(self.answer(generation, "--stop", "aaaaa", "--stop", "ba"), "")

    def test_what_isnt_followed_is_named(self):
        self.answer({"do_sample": False, "num_beams": 4, "penalty_alpha": 0.6}, "-n", "1",
                    says=b"not followed: num_beams (4), penalty_alpha (0.6)\n")
        self.answer({"do_sample": False, "num_beams": 1, "guidance_scale": None, "use_cache": True}, "-n", "1")

    def test_rows_without_a_token_are_never_chosen(self):
        scores = {**self.LIKELY, "<s>": -50.0, "</s>": -50.0, len(IDS): 90.0,
                  len(IDS) + 5: float("nan")}
        for options in (("--temp", "0"), ("--temp", "2", "--seed", "4", "--top-k", "0"), ("--top-k", "1")):
            text = self.answer(None, "-n", "12", *options, scores=scores, rows=len(IDS) + 6)
            self.assertEqual(len(text), 12, text)


class NotANumber(unittest.TestCase):
    """A model whose scores are none, for one weight isn't."""
    @classmethod
    def setUpClass(cls):
        cls.folder = write_folder(HOME / "broken", {"a": 1.0}, norm=(1.0, float("nan")) + (1.0,) * 30)

    def fails(self, *arguments, says, stdin=b""):
        done = sirocco(*arguments, "-m", self.folder, stdin=stdin)
        self.assertEqual((done.returncode, done.stdout), (1, b""), done.stderr)
        self.assertIn(says, done.stderr)
        self.assertIn(b"not finite numbers (NaN", done.stderr.replace(b"not made of", b"not"))
        self.assertEqual(done.stderr.count(b"\n"), 1, done.stderr)

    def test_commands_that_need_numbers_fail(self):
        for options in (("--temp", "0"), ("--temp", "1"), ("--repeat-penalty", "1.5"), ("--raw",)):
            self.fails("run", "-p", "abc", *options, says=b"sirocco: the answer failed: ")
        text = HOME / "text.txt"
        text.write_text("abcdefgh" * 4)
        self.fails("perplexity", "-f", text, "--ctx", "8", "--json", "--quiet", says=b"window 1, position 4: ")
        self.fails("embed", "--pooling", "last", "abc", says=b"text 1: ")

    def test_commands_that_show_or_time_them_warn(self):
        out = HOME / "broken.npy"
        done = sirocco("logits", "-m", self.folder, "--tokens", "2,3,4", "--out", out)
        self.assertEqual((done.returncode, done.stdout), (0, b""))
        self.assertIn(b"3 of 3 rows, row 0 the first, hold scores that are not finite", done.stderr)
        done = sirocco("bench", "-m", self.folder, "-p", "4", "-n", "2", "-r", "1", "--json")
        self.assertEqual(done.returncode, 0)
        self.assertEqual(len(json.loads(done.stdout)["results"]), 2)
        self.assertIn(b"not finite numbers", done.stderr)

    def test_a_spread_of_one_token_is_null(self):
        folder = write_folder(HOME / "sound", {"a": 1.0})
        text = HOME / "text.txt"
        text.write_text("abcdefgh")
        done = sirocco("perplexity", "-m", folder, "-f", text, "--ctx", "4", "--windows", "1", "--json", "--quiet")
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        self.assertIsNone(json.loads(done.stdout)["standard_error"])


class FirstQuestions(unittest.TestCase):
    """What someone asks who has just built the program: no options but those named."""

    # Chosen before any was asked. SmolLM2-135M takes Kennedy for the first president and knows no planet that is the
    # largest, so not all can be expected.
    QUESTIONS = {
        QUESTION: ("Paris",),
        "What is the capital of Japan?": ("Tokyo",),
        "What is 2 + 2?": ("4", "four"),
        "How many days are in a week?": ("7", "seven", "Seven"),
        "What color is the sky?": ("blue", "Blue"),
        "Who wrote Romeo and Juliet?": ("Shakespeare",),
        "What is the largest planet in our solar system?": ("Jupiter",),
        "What is the chemical formula of water?": ("H2O", "H\u2082O"),
        "What language do people speak in Brazil?": ("Portuguese",),
        "What is the opposite of hot?": ("cold", "Cold"),
        "What is the capital of Italy?": ("Rome",),
        "Who was the first president of the United States?": ("Washington",),
    }

    def test_most_are_answered(self):
        right = [question for question, names in self.QUESTIONS.items()
                 if any(name in answer("-p", question, "-n", "64") for name in names)]
        self.assertIn(QUESTION, right)
        self.assertGreaterEqual(len(right), 8, right)

    def test_sampled_answers_name_paris_often(self):
        answers = [sirocco("run", "-m", MODEL, "--quiet", "-p", QUESTION, "-n", "64", "--seed", seed).stdout
                   for seed in range(6)]
        self.assertGreaterEqual(sum(b"Paris" in text for text in answers), 3, answers)

    def test_an_answer_does_not_go_round_in_circles(self):
        question = ("-p", "What language do people speak in Brazil?", "-n", "160")
        circles = re.compile(r"(.{3,60}?)\1{7}", re.DOTALL)
        self.assertIsNotNone(circles.search(answer(*question, "--repeat-penalty", "1")))
        self.assertIsNone(circles.search(answer(*question)))


class Failures(unittest.TestCase):
    def fails(self, *arguments, status=1, says=b"", **keywords):
        done = sirocco(*arguments, **keywords)
        self.assertEqual(done.returncode, status, (arguments, done.stderr))
        self.assertFalse(done.stdout, arguments)
        self.assertIn(says, done.stderr, arguments)
        if status == 1:
            self.assertTrue(done.stderr.startswith(b"sirocco: "), done.stderr)
            self.assertEqual(done.stderr.count(b"\n"), 1, done.stderr)
        self.assertTrue(done.stderr.endswith(b"\n"), done.stderr)

    def test_usage(self):
        for arguments in ((), ("fly",), ("run", "--no-such-option"), ("run", "-p"), ("run", "--temp", "hot"),
                          ("run", "--temp", "-1"), ("run", "--top-p", "2"), ("run", "-n", "0"), ("run", "-t", "0"),
                          ("run", "--special", "-p", "x"), ("run", "--raw", "--system", "x", "-p", "x")):
            self.fails(*arguments, status=2)

    def test_help_is_no_failure(self):
        for arguments in (("--help",), ("run", "--help"), ("--version",)):
            done = sirocco(*arguments)
            self.assertEqual(done.returncode, 0)
            self.assertTrue(done.stdout)
            self.assertFalse(done.stderr)

    def test_model_files(self):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "text.gguf").write_text("not a model\n")
            (folder / "empty.gguf").touch()
            with open(MODEL, "rb") as model:
                head = model.read(1 << 20)
            (folder / "cut.gguf").write_bytes(head[:5000])
            (folder / "no-weights.gguf").write_bytes(head)
            for file in ("missing.gguf", "text.gguf", "empty.gguf", "cut.gguf", "no-weights.gguf", "."):
                self.fails("run", "-m", folder / file, "-p", "x")
            self.fails("run", "-m", folder / "missing.gguf", "-p", "x", says=b"missing.gguf")
        self.fails("run", "-m", "no such\x1b[31m name", "-p", "x", says=b"\\x1b")
        self.fails("run", "-p", "x", says=b"default model")

    def test_model_without_template_or_tokenizer(self):
        self.fails("run", "-m", GOLDEN / "models/llama-gqa.gguf", "-p", "x")

    def test_prompts(self):
        self.fails("run", "-m", MODEL, "-p", "", says=b"empty")
        self.fails("run", "-m", MODEL, says=b"empty")
        self.fails("run", "-m", MODEL, "--ctx", "32", "-p", "word " * 64, says=b"32")

    def test_unknown_tier_and_cache_type(self):
        self.fails("run", "-m", MODEL, "--isa", "mmx", "-p", "x", says=b"avx2")
        self.fails("run", "-m", MODEL, "--kv-dtype", "q4", "-p", "x", says=b"q8_0")

    def test_each_tier_runs_or_says_what_it_needs(self):
        model = GOLDEN / "models/llama-gqa.gguf"
        out = ("--tokens", "1,2", "--out", HOME / "tier.npy")
        unknown = sirocco("logits", "-m", model, "--isa", "mmx", *out)
        names = unknown.stderr.decode().rpartition("choose one of ")[2].strip().split(", ")
        self.assertIn("avx512bf16", names)
        with open("/proc/cpuinfo", encoding="utf-8") as cpuinfo:
            flags = next((line.split() for line in cpuinfo if line.startswith("flags")), [])
        for name in names:
            with self.subTest(name):
                command = ("logits", "-m", model, "--isa", name, *out)
                done = sirocco(*command)
                if done.returncode != 0:
                    self.fails(*command, says=b"which this CPU doesn't offer; it can run ref")
                    needed = done.stderr.decode().partition(" needs ")[2].partition(", which")[0]
                    self.assertNotEqual(needed, "")
                    self.assertEqual([one for one in needed.split(", ") if one in flags], [])

    def test_full_disk(self):
        with open("/dev/full", "wb") as full:
            done = sirocco("run", *GREEDY, "-p", QUESTION, "--quiet", stdout=full)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr.count(b"\n"), 1, done.stderr)
        self.assertIn(b"standard output", done.stderr)

    def test_help_on_a_full_disk(self):
        with open("/dev/full", "wb") as full:
            done = sirocco("run", "--help", stdout=full)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"standard output", done.stderr)

    def test_readers_that_leave(self):
        messages = HOME / "no-reader.json"
        messages.write_text('[{"role": "user", "content": "x"}]')
        text = HOME / "no-reader.txt"
        text.write_text("word " * 100)
        tokens = ("-m", MODEL, "--tokens", "1,2")
        for command in (("run", *GREEDY, "-p", QUESTION), ("run", *GREEDY, "-p", QUESTION, "--quiet"), ("info", MODEL),
                        ("info", MODEL, "--json"), ("tokenize", "-m", MODEL, "a"), ("detokenize", "-m", MODEL, "504"),
                        ("template", "-m", MODEL, "--messages", messages), ("logits", *tokens, "--out", "/dev/stdout"),
                        ("perplexity", "-m", MODEL, "-f", text, "--ctx", "16", "--windows", "2", "--quiet"),
                        ("bench", "-m", MODEL, "-p", "8", "-n", "0", "-r", "1"), ("--help",), ("run", "--help"), ("--version",)):
            gone, pipe = os.pipe()
            os.close(gone)
            done = sirocco(*command, stdout=pipe)
            os.close(pipe)
            self.assertEqual((done.returncode, done.stderr), (-signal.SIGPIPE, b""), command)

    def test_readers_that_leave_where_the_signal_is_ignored(self):
        gone, pipe = os.pipe()
        os.close(gone)
        done = sirocco("--help", stdout=pipe, ignored_signal=signal.SIGPIPE)
        os.close(pipe)
        self.assertEqual((done.returncode, done.stderr), (1, b""))

    def test_no_partial_file(self):
        folder = HOME / "limited"
        folder.mkdir()
        self.fails("logits", "-m", MODEL, "--tokens", "1,2", "--out", folder / "out.npy", largest_file=1024,
                   says=b"out.npy")
        self.assertEqual(list(folder.iterdir()), [])


class Tokens(unittest.TestCase):
    # The vocabulary lacks the bytes that no text contains, so nothing but text comes back whole.
    TEXTS = (b"", b"Hello, world!", b" two  spaces\n\n\ttab\r\n", "naïve 日本語 🙂👩‍👩‍👧".encode(), b"<|im_start|>user",
             bytes(range(0x20, 0x7f)), b"a" * 5000)

    def test_round_trip(self):
        for text in self.TEXTS:
            done = sirocco("tokenize", "-m", MODEL, "--ids", stdin=text)
            self.assertEqual((done.returncode, done.stderr), (0, b""))
            self.assertEqual(sirocco("detokenize", "-m", MODEL, stdin=done.stdout).stdout, text)
            listed = json.loads(sirocco("tokenize", "-m", MODEL, "--json", stdin=text).stdout)
            self.assertEqual(listed, [int(word) for word in done.stdout.split()])

    def test_control_tokens_need_to_be_asked_for(self):
        plain = json.loads(sirocco("tokenize", "-m", MODEL, "--json", "<|im_start|>").stdout)
        special = json.loads(sirocco("tokenize", "-m", MODEL, "--json", "--special", "<|im_start|>").stdout)
        self.assertGreater(len(plain), 1)
        self.assertEqual(len(special), 1)

    def test_vocabulary_without_weights(self):
        file = HOME / "vocabulary.gguf"
        file.write_bytes(without_tensors(Path(MODEL)))
        done = sirocco("tokenize", "-m", file, "--json", QUESTION)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout, sirocco("tokenize", "-m", MODEL, "--json", QUESTION).stdout)

    def test_vocabulary_that_names_no_pretokenizer(self):
        file = HOME / "unnamed.gguf"
        head = without_tensors(Path(MODEL))
        file.write_bytes(head.replace(b"tokenizer.ggml.pre", b"tokenizer.ggml.was"))
        messages = HOME / "one.json"
        messages.write_text('[{"role": "user", "content": "Hi"}]')
        for command in (("tokenize", "-m", file, "a1"), ("detokenize", "-m", file, "504"),
                        ("template", "-m", file, "--messages", messages)):
            done = sirocco(*command)
            self.assertEqual((done.returncode, done.stderr.count(b"\n")), (0, 1), done.stderr)
            self.assertIn(b"tokenizer.ggml.pre is missing", done.stderr)
            self.assertNotEqual(done.stdout, b"")
        done = sirocco("info", file)
        self.assertEqual((done.returncode, done.stderr), (0, b""))

    def test_ids_without_a_token(self):
        done = sirocco("detokenize", "-m", MODEL, "99999999", "504", "49152", "28", "2147483647")
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        self.assertEqual(done.stdout, sirocco("detokenize", "-m", MODEL, "504", "28").stdout)
        for ids in ("-1", "504,2147483648", "x", "1,,z"):
            done = sirocco("detokenize", "-m", MODEL, stdin=ids.encode())
            self.assertEqual((done.returncode, done.stdout), (1, b""), ids)
            self.assertIn(b"is not a token id", done.stderr)

    def test_folder_without_weights(self):
        folder = HOME / "folder"
        folder.mkdir()
        marks = {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}
        (folder / "tokenizer.json").write_text(json.dumps({
            "version": "1.0", "normalizer": marks, "added_tokens": [{"id": 5, "content": "<s>", "special": True}],
            "post_processor": {"type": "BertProcessing", "cls": ["<s>", 5], "sep": ["</s>", 6]},
            "decoder": {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "},
            "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "\u2581": 2, "ab": 3, "<s>": 5, "</s>": 6}, "merges": ["a b"]}}))
        (folder / "tokenizer_config.json").write_text(json.dumps({
            "bos_token": "<s>", "eos_token": {"content": "</s>"}, "chat_template": "{{ bos_token }}{{ messages[0].content }}"}))
        for model in (folder, folder / "tokenizer.json"):
            done = sirocco("tokenize", "-m", model, "--json", "--special", "ab <s>a")
            self.assertEqual((done.stdout, done.stderr), (b"[5, 3, 2, 5, 0, 6]\n", b""))
            self.assertEqual(sirocco("tokenize", "-m", model, "--ids", "ab <s>").stdout, b"3 2\n")
            self.assertEqual(sirocco("detokenize", "-m", model, "3 2 0 6").stdout, b"ab a")
        messages = HOME / "messages.json"
        messages.write_text('[{"role": "user", "content": "a b"}]')
        done = sirocco("template", "-m", folder, "--messages", messages)
        self.assertEqual((done.stdout, done.stderr), (b"<s>a b", b""))
        (folder / "tokenizer.json").write_text('{"model": {"type": "WordLevel"}}')
        done = sirocco("tokenize", "-m", folder, "a")
        self.assertEqual((done.returncode, done.stdout), (1, b""))
        self.assertIn(b"'WordLevel' isn't supported", done.stderr)

    def test_arguments_are_text_as_they_stand(self):
        for text in ("[a,b]", "[a, b]", "[[aa,,bb]]", "[]", "{}", "%%", "\x01[a,b]", "-5"):
            taken = sirocco("tokenize", "-m", MODEL, "--ids", text)
            self.assertEqual((taken.returncode, taken.stderr), (0, b""))
            self.assertEqual(taken.stdout, sirocco("tokenize", "-m", MODEL, "--ids", stdin=text.encode()).stdout, text)
        done = sirocco("detokenize", "-m", MODEL, "[504,", "28]")
        self.assertEqual(done.stdout, sirocco("detokenize", "-m", MODEL, stdin=b"504 28").stdout)
        done = sirocco("info", MODEL, "[x]")
        self.assertEqual(done.returncode, 2)
        self.assertIn(b" [x]\n", done.stderr)


class Others(unittest.TestCase):
    def test_template(self):
        messages = HOME / "messages.json"
        messages.write_text(json.dumps([{"role": "system", "content": "S"}, {"role": "user", "content": "U"}]))
        done = sirocco("template", "-m", MODEL, "--messages", messages)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        self.assertEqual(done.stdout, b"<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nU<|im_end|>\n"
                                      b"<|im_start|>assistant\n")

    def test_info(self):
        described = json.loads(sirocco("info", MODEL, "--json").stdout)
        self.assertEqual(described["architecture"], "llama")
        self.assertTrue(described["chat_template"])

    def test_info_steers_no_terminal(self):
        def text(value):
            return struct.pack("<Q", len(value)) + value

        entries = ((b"general.architecture", b"a\x1b[31m"), (b"general.name", "\u009b2J\n".encode()), (b"k\x1bk", b"\xff"))
        file = HOME / "steering.gguf"
        file.write_bytes(struct.pack("<4sIQQ", b"GGUF", 3, 0, len(entries)) +
                         b"".join(text(key) + struct.pack("<I", 8) + text(value) for key, value in entries))
        shown = sirocco("info", file).stdout
        self.assertIn(b"a[31m\n", shown)
        self.assertFalse(set(shown.decode()) & {"\x1b", "\x9b"}, shown)

    def test_chunks_change_no_bit(self):
        whole, cut = HOME / "whole.npy", HOME / "cut.npy"
        for path, more in ((whole, ()), (cut, ("--chunks", "3,1,4"))):
            done = sirocco("logits", "-m", MODEL, "-p", "The quick brown fox jumps over the lazy dog.", "--out", path,
                           *more)
            self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(whole.read_bytes(), cut.read_bytes())

    def test_names_that_people_know(self):
        folder = write_chain(HOME / "Tiny-Chain-1B", ["a", "b"])
        self.assertEqual(json.loads(sirocco("info", folder, "--json").stdout)["name"], "Tiny-Chain-1B (F32)")
        self.assertIn(b"name           Tiny-Chain-1B (F32)\n", sirocco("info", f"{folder}/").stdout)
        short = ("-p", "4", "-n", "0", "-r", "1")
        self.assertTrue(sirocco("bench", "-m", folder, *short).stdout.startswith(b"Tiny-Chain-1B (F32), "))
        self.assertTrue(sirocco("bench", "-m", folder, "--quantize", "q8_0",
                                *short).stdout.startswith(b"Tiny-Chain-1B (Q8_0), "))
        # Scripts know a model by the name of its file or folder.
        for model, name in ((folder, "Tiny-Chain-1B"), (f"{folder}/", "Tiny-Chain-1B"), (MODEL, Path(MODEL).name)):
            self.assertEqual(json.loads(sirocco("bench", "-m", model, "--json", *short).stdout)["model"], name)

    def test_bench(self):
        done = sirocco("bench", "-m", MODEL, "-p", "8", "-n", "4", "-r", "2", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        report = json.loads(done.stdout)
        self.assertEqual([result["test"] for result in report["results"]], ["pp8", "tg4"])
        for result in report["results"]:
            self.assertEqual(len(result["tokens_per_s"]), 2)


if __name__ == "__main__":
    unittest.main()
