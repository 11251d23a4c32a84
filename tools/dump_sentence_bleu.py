#!/usr/bin/env python3
"""Writes what NLTK's sentence_bleu says to tests/metrics/data/sentence_bleu.json, which
tests/metrics/sentence_bleu_test.cpp compares with. Needs nltk 3.9.2."""

import json
import os
import random
import warnings

from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu

warnings.filterwarnings("ignore")
random.seed(3)
WORDS = "a the dog cat man runs sits on near red . ,".split()
SMOOTH = SmoothingFunction().method1


def sentence(least, most):
    return [random.choice(WORDS) for _ in range(random.randint(least, most))]


def scores(references, said):
    return [sentence_bleu(references, said, [1 / n] * n, SMOOTH) for n in range(2, 6)]


references = [sentence(1, 12) for _ in range(40)]
said = [sentence(1, 14) for _ in range(60)] + [["zebra"], ["zebra", "a"], ["a"], ["a", "a", "a", "a", "a", "a"], references[3], references[7] * 2]
short = [["a", "dog"], ["a", "dog", "runs", "near", "the", "cat"]]  # lengths 2 and 6: of two as near, the shorter
out = {"references": references, "said": said, "scores": [scores(references, s) for s in said],
       "self": [scores(references[:i] + references[i + 1:], s) for i, s in enumerate(references)],
       "tie": {"references": short, "said": ["a", "dog", "runs", "on"], "scores": scores(short, ["a", "dog", "runs", "on"])}}
here = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(here, "../tests/metrics/data/sentence_bleu.json"), "w") as f:
    json.dump(out, f)
    f.write("\n")
