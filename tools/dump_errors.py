#!/usr/bin/env python3
"""Prints tests/metrics/data/jiwer.tsv: pairs of texts with jiwer's counts (hits, substitutions, deletions, insertions of words, then of
characters). Versions are pinned; another one is an error.

dump_errors.py > jiwer.tsv (needs jiwer 4.0.0)
"""
import random
import sys
from importlib.metadata import version

import jiwer

if version("jiwer") != "4.0.0":
    sys.exit(f"jiwer is {version('jiwer')}; the references are of 4.0.0")
random.seed(7)
WORDS = ["A", "B", "ENTER", "ÉTÉ", "five", "straße", "日本", "HM", "ONE", "TWO"]
for _ in range(60):
    reference = [random.choice(WORDS) for _ in range(random.randint(1, 9))]
    said = [w for w in reference if random.random() > 0.2]
    said = [random.choice(WORDS) if random.random() < 0.2 else w for w in said]
    if random.random() < 0.4:
        said.insert(random.randint(0, len(said)), random.choice(WORDS))
    a, b = " ".join(reference), " ".join(said)
    numbers = []
    for counts in (jiwer.process_words(a, b), jiwer.process_characters(a, b)):
        numbers += [counts.hits, counts.substitutions, counts.deletions, counts.insertions]
    print(a, b, *numbers, sep="\t")
