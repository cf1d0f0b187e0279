#!/usr/bin/env python3
"""Asks a model the first questions of a new user and tells how many answers are right, and how many go in circles.

usage: first_questions.py PROGRAM MODEL [OPTION…]      (options of `sirocco run`, as --repeat-penalty 1)

The questions and what counts as right were written down before any answer was looked at. Of facts and sums the first
400 characters count.
"""

import re
import subprocess
import sys

LIMIT = 400
SEEDS = (1000, 1001, 1002)


def all_of(*words, behind=""):
    return "(?s)" + "".join(f"(?=.*{word}{behind})" for word in words)


QUESTIONS = [
    # facts
    ("What is the capital of Italy?", "fact", r"\bRome\b"),
    ("What is the capital of Japan?", "fact", r"\bTokyo\b"),
    ("Which planet is closest to the Sun?", "fact", r"\bMercury\b"),
    ("Who wrote Romeo and Juliet?", "fact", r"Shakespeare"),
    ("What is the chemical symbol for gold?", "fact", r"\bAu\b"),
    ("How many days are in a week?", "fact", r"\b(7|seven)\b"),
    ("What is the largest ocean on Earth?", "fact", r"Pacific"),
    ("In which country is the Great Pyramid of Giza?", "fact", r"Egypt"),
    ("What gas do plants absorb from the air?", "fact", r"carbon dioxide|CO2|CO₂"),
    ("Who painted the Mona Lisa?", "fact", r"(da Vinci|Leonardo)"),
    ("How many legs does a spider have?", "fact", r"\b(8|eight)\b"),
    ("At what temperature does water boil in degrees Celsius?", "fact", r"\b100\b"),
    ("What language do people speak in Brazil?", "fact", r"Portuguese"),
    ("Who was the first president of the United States?", "fact", r"Washington"),
    ("What is the opposite of hot?", "fact", r"\bcold\b"),
    ("What do bees make?", "fact", r"\bhoney\b"),
    ("What colour do you get when you mix blue and yellow?", "fact", r"\bgreen\b"),
    ("Hi! Who are you?", "fact", r"SmolLM|AI|assistant|Hugging"),
    ("Which animal is known as the king of the jungle?", "fact", r"\blion"),
    ("What is the plural of mouse?", "fact", r"\bmice\b"),
    # sums
    ("2+2", "sum", r"\b4\b|\bfour\b"),
    ("What is 3 + 5?", "sum", r"\b8\b|\beight\b"),
    ("What is 10 - 4?", "sum", r"\b6\b|\bsix\b"),
    ("What is 7 times 6?", "sum", r"\b42\b"),
    ("Calculate 12 + 30.", "sum", r"\b42\b"),
    ("What is half of 50?", "sum", r"\b25\b"),
    ("5*5=", "sum", r"\b25\b"),
    ("What is 100 divided by 4?", "sum", r"\b25\b"),
    ("If I have 3 apples and eat one, how many are left?", "sum", r"\b(2|two)\b"),
    ("What is 1+1?", "sum", r"\b2\b|\btwo\b"),
    ("What comes after 9 when you count?", "sum", r"\b(10|ten)\b"),
    ("What is the square of 9?", "sum", r"\b81\b"),
    # lists
    ("List the days of the week.", "list",
     all_of("Mon", "Tues", "Wednes", "Thurs", "Fri", "Satur", "Sun", behind="day")),
    ("Name three primary colours.", "list", r"(?is)(?=.*red)(?=.*blue)(?=.*(yellow|green))"),
    ("List the months of the year.", "list",
     all_of("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
            "November", "December")),
    ("Count from 1 to 10.", "list", r"(?s)1\b.*\b2\b.*\b3\b.*\b4\b.*\b5\b.*\b6\b.*\b7\b.*\b8\b.*\b9\b.*\b10\b"),
    ("Give me five names of fruits.", "list",
     r"(?is)((apple|banana|orange|grape|pear|peach|mango|strawberr|blueberr|pineapple|kiwi|plum|cherr|lemon|lime|melon|"
     r"raspberr|avocado|papaya|pomegranate|fig)\w*\b.*?){5}"),
    ("What are the planets of the solar system?", "list",
     r"(?is)((Mercury|Venus|Earth|Mars|Jupiter|Saturn|Uranus|Neptune)\b.*?){8}"),
    ("Say the alphabet.", "list", "(?is)" + r"\W*".join("abcdefghijklmnopqrstuvwxyz")),
    ("Give me three tips for sleeping better.", "list", None),
    ("Name two oceans.", "list", r"(?is)((Pacific|Atlantic|Indian|Arctic|Southern).*?){2}"),
    # stories and other prose
    ("Tell me a short story about a cat.", "prose", None),
    ("Write a poem about the sea.", "prose", None),
    ("Tell me a joke.", "prose", None),
    ("Write a short story about a lonely robot.", "prose", None),
    ("Explain how rain forms.", "prose", None),
    ("Write an email to my boss that I am ill today.", "prose", None),
    ("Why is the sky blue?", "prose", r"(?i)scatter"),
    # code
    ("Write a Python function that adds two numbers.", "code", r"(?s)def \w+\(.*\):.*(return|print).*\+"),
    ("Write a Python function that reverses a string.", "code", r"(?s)def \w+\(.*(\[::-1\]|reversed)"),
    ("How do I print hello world in Python?", "code", r"(?i)print\s*\(?['\"]hello,? world"),
    ("Write a for loop in C that prints 0 to 9.", "code", r"(?s)for\s*\(.*(printf|cout)"),
    ("Write an SQL query that selects all rows of the table users.", "code", r"(?is)SELECT\s+\*\s+FROM\s+`?users"),
    ("Write HTML for a link to example.com.", "code", r"(?is)<a\s+href=.*example\.com"),
    # translations
    ("Translate 'good morning' into French.", "translation", r"(?i)bonjour"),
    ("How do you say 'thank you' in Spanish?", "translation", r"(?i)gracias"),
    ("Translate 'I love you' into French.", "translation", r"(?i)je t.aime"),
    ("What does 'hola' mean in English?", "translation", r"(?i)\b(hello|hi)\b"),
    ("Translate 'the house is big' into Spanish.", "translation", r"(?i)la casa es grande"),
    ("How do you say 'yes' in German?", "translation", r"(?i)\bja\b"),
]


def ask(program, model, question, options):
    command = [program, "run", "-m", model, "--quiet", "-p", question, "-n", str(LIMIT), *options]
    return subprocess.run(command, check=True, capture_output=True, text=True, errors="replace").stdout


def tokens(program, model, text):
    command = [program, "tokenize", "-m", model, "--ids", "--", text]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()


def goes_in_circles(ids):
    """Of an answer that ended at the limit."""
    tail = ids[-96:]
    if any(tail[p:] == tail[:-p] for p in range(1, 49)):
        return True
    tail = ids[-160:]
    fours = [tuple(tail[i:i + 4]) for i in range(len(tail) - 3)]
    return len(set(fours)) < 0.4 * len(fours)


def main():
    program, model, *options = sys.argv[1:]
    ways = {"temperature 0": [["--temp", "0"]], "as it is": [["--seed", str(seed)] for seed in SEEDS]}
    for name, runs in ways.items():
        right, judged, circles, asked = {}, 0, 0, 0
        for question, kind, answer in QUESTIONS:
            for run in runs:
                text = ask(program, model, question, [*run, *options])
                asked += 1
                ids = tokens(program, model, text)
                # Spelled anew, an answer may have a few tokens less than it was made of.
                circles += len(ids) > 0.9 * LIMIT and goes_in_circles(ids)
                if answer is None:
                    continue
                judged += 1
                found = re.search(answer, text[:400] if kind in ("fact", "sum") else text)
                right[kind] = right.get(kind, 0) + bool(found)
        print(f"{name}: right {sum(right.values())} of {judged} {right}, in circles {circles} of {asked}", flush=True)


if __name__ == "__main__":
    main()
