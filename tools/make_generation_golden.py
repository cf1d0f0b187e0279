#!/usr/bin/env python3
"""Writes tests/golden/generation/processors.json: what the logits processors of transformers make of random logits, by the
members of generation_config.json that ask for them.

usage: make_generation_golden.py OUT.json      (needs torch and transformers)
"""

import json
import random
import sys

import torch
import transformers
from transformers import GenerationConfig
from transformers.generation.utils import GenerationMixin

VOCABULARY = 20
ENDS = [1, 17]
PROMPT = [0, 5, 6, 7, 5, 6, 8, 5]
ANSWER = [6, 9, 5, 6, 7, 3, 3, 5]

# name, members, tokens of the prompt and of the answer so far, limit of the answer
CASES = [
    ("nothing", {}, PROMPT, ANSWER, 40),
    ("neutral", {"repetition_penalty": 1.0, "encoder_repetition_penalty": 1.0, "no_repeat_ngram_size": 0,
                 "encoder_no_repeat_ngram_size": 0, "min_length": 0, "min_new_tokens": 0, "suppress_tokens": [],
                 "begin_suppress_tokens": [], "renormalize_logits": False}, PROMPT, ANSWER, 40),
    ("suppress", {"suppress_tokens": [3, 19, 3, 400]}, PROMPT, ANSWER, 40),
    ("begin, at it", {"begin_suppress_tokens": [4, 17]}, PROMPT, [], 40),
    ("begin, behind it", {"begin_suppress_tokens": [4, 17]}, PROMPT, [2], 40),
    ("begin, behind a forced one", {"begin_suppress_tokens": [4], "forced_bos_token_id": 6}, [0], [6], 40),
    ("begin, where one would be forced", {"begin_suppress_tokens": [4], "forced_bos_token_id": 6}, [0], [], 40),
    ("forced first", {"forced_bos_token_id": 6}, [0], [], 40),
    ("forced first, long prompt", {"forced_bos_token_id": 6}, PROMPT, [], 40),
    ("forced last, early", {"forced_eos_token_id": 17}, PROMPT, ANSWER, 10),
    ("forced last", {"forced_eos_token_id": 17}, PROMPT, ANSWER, 9),
    ("forced last, one of two", {"forced_eos_token_id": [17, 4]}, PROMPT, ANSWER, 9),
    ("forced last and least length", {"forced_eos_token_id": 17, "min_new_tokens": 20}, PROMPT, ANSWER, 9),
    ("repetition", {"repetition_penalty": 1.3}, PROMPT, ANSWER, 40),
    ("repetition favoured", {"repetition_penalty": 0.8}, PROMPT, ANSWER, 40),
    ("prompt favoured", {"encoder_repetition_penalty": 1.5}, PROMPT, ANSWER, 40),
    ("both penalties", {"encoder_repetition_penalty": 1.5, "repetition_penalty": 1.2}, PROMPT, ANSWER, 40),
    ("n-grams of 1", {"no_repeat_ngram_size": 1}, PROMPT, ANSWER, 40),
    ("n-grams of 2", {"no_repeat_ngram_size": 2}, PROMPT, ANSWER, 40),
    ("n-grams of 3", {"no_repeat_ngram_size": 3}, PROMPT, ANSWER + [6], 40),
    ("n-grams of 3, overlapping", {"no_repeat_ngram_size": 3}, [2], [3, 3, 3, 3], 40),
    ("n-grams of 4", {"no_repeat_ngram_size": 4}, PROMPT, ANSWER + [6, 7], 40),
    ("n-grams longer than all", {"no_repeat_ngram_size": 30}, PROMPT, ANSWER, 40),
    ("n-grams as long as all", {"no_repeat_ngram_size": 3}, [3], [3], 40),
    ("n-grams of the prompt", {"encoder_no_repeat_ngram_size": 2}, PROMPT, [9, 5], 40),
    ("n-grams of the prompt, 3", {"encoder_no_repeat_ngram_size": 3}, PROMPT, [9, 5, 6], 40),
    ("n-grams of the prompt, at its end", {"encoder_no_repeat_ngram_size": 3}, PROMPT + [6], [], 40),
    ("bad words", {"bad_words_ids": [[3], [5, 9], [5], [4, 5, 11], [3, 5, 12], [2, 3, 3, 5, 13]]}, PROMPT, ANSWER, 40),
    ("bad words that end", {"bad_words_ids": [[1], [17], [5, 17], [2]]}, PROMPT, ANSWER, 40),
    ("bad words, short text", {"bad_words_ids": [[5, 5, 5, 3]]}, [5], [5], 40),
    ("biases", {"sequence_bias": [[[3], 1.5], [[5, 9], -2.25], [[3, 5, 9], 0.5], [[7, 5, 9], 9.0]]}, PROMPT, ANSWER, 40),
    ("least length, short", {"min_length": 17}, PROMPT, ANSWER, 40),
    ("least length, reached", {"min_length": 16}, PROMPT, ANSWER, 40),
    ("least answer, short", {"min_new_tokens": 9}, PROMPT, ANSWER, 40),
    ("least answer, reached", {"min_new_tokens": 8}, PROMPT, ANSWER, 40),
    ("decay, before", {"exponential_decay_length_penalty": [8, 1.5]}, PROMPT, ANSWER, 40),
    ("decay", {"exponential_decay_length_penalty": [3, 1.5]}, PROMPT, ANSWER, 40),
    ("decay downwards", {"exponential_decay_length_penalty": [0, 0.9]}, PROMPT, ANSWER, 40),
    ("decay of what is forbidden", {"exponential_decay_length_penalty": [3, 1.5], "min_new_tokens": 30}, PROMPT, ANSWER, 40),
    ("all", {"sequence_bias": [[[9], 1.0], [[5, 4], 2.0]], "encoder_repetition_penalty": 1.1, "repetition_penalty": 1.2,
             "no_repeat_ngram_size": 3, "bad_words_ids": [[14], [5, 15]], "min_new_tokens": 4, "suppress_tokens": [16],
             "begin_suppress_tokens": [2], "forced_eos_token_id": 17,
             "exponential_decay_length_penalty": [4, 1.2]}, PROMPT, ANSWER, 40),
]


class Model(GenerationMixin):
    class config:
        is_encoder_decoder = False


def random_case(dice, number):
    """Everything at once, on few tokens, so that most rules have something to say."""
    def tokens(least, most):
        return [dice.randrange(2, 8) for _ in range(dice.randint(least, most))]

    members = {"repetition_penalty": dice.choice([1.0, 1.25]), "encoder_repetition_penalty": dice.choice([1.0, 0.75]),
               "no_repeat_ngram_size": dice.choice([0, 2, 3]), "encoder_no_repeat_ngram_size": dice.choice([0, 2]),
               "bad_words_ids": [tokens(1, 3) for _ in range(4)], "suppress_tokens": tokens(1, 2),
               "begin_suppress_tokens": tokens(1, 3), "min_new_tokens": dice.choice([0, 5]),
               "sequence_bias": [[list(each), dice.choice([-1.5, 0.25, 3.0])] for each in
                                 {tuple(tokens(1, 3)) for _ in range(5)}]}
    return (f"random {number}", members, tokens(3, 30), tokens(0, 8), 40)


def expected(members, prompt, answer, limit, logits):
    config = GenerationConfig(**members, max_length=len(prompt) + limit)
    config._eos_token_tensor = torch.tensor(ENDS)
    model = Model()
    prompt_ids = torch.tensor([prompt])
    processors = model._get_logits_processor(config, input_ids_seq_length=len(prompt), encoder_input_ids=prompt_ids,
                                             device="cpu", model_kwargs={})
    return processors(torch.tensor([prompt + answer]), torch.tensor([logits]))[0].tolist()


def shortest(value):
    """The fewest digits that come back as the same float32; null for what is forbidden."""
    if value == float("-inf"):
        return None
    for digits in range(1, 10):
        text = f"{value:.{digits}g}"
        if torch.tensor(float(text)) == torch.tensor(value):
            return float(text)
    raise ValueError(value)


def main():
    dice = random.Random(4)
    cases = []
    for name, members, prompt, answer, limit in CASES + [random_case(dice, i) for i in range(12)]:
        logits = [dice.randrange(-32, 33) / 8 for _ in range(VOCABULARY)]
        cases.append({"name": name, "members": members, "prompt": prompt, "answer": answer, "limit": limit,
                      "logits": logits, "expected": [shortest(x) for x in expected(members, prompt, answer, limit, logits)]})
    with open(sys.argv[1], "w", encoding="utf-8") as out:
        out.write(json.dumps({"transformers": transformers.__version__, "torch": torch.__version__.partition("+")[0],
                              "vocabulary": VOCABULARY, "ends": ENDS})[:-1])
        out.write(', "cases": [\n' + ",\n".join(map(json.dumps, cases)) + "\n]}\n")


if __name__ == "__main__":
    main()
