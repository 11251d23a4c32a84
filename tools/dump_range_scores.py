#!/usr/bin/env python3
"""Writes range-based precision and recall of small examples by PRTS (1.0.0.3) to tests/metrics/data/ranges.inc.

Needs prts.
"""

import os

import numpy as np
from prts import ts_precision, ts_recall

rng = np.random.default_rng(0)


def marks(count):
    row = np.zeros(60, int)
    for _ in range(count):
        start = rng.integers(0, 52)
        row[start : start + rng.integers(1, 9)] = 1
    return row


text = "// Written by tools/dump_range_scores.py; do not edit.\n"
text += "struct RangeCase {\n  const char *truth, *marked;\n  double precision, recall;\n};\nconstexpr RangeCase kCases[] = {\n"
for _ in range(8):
    truth, marked = marks(3), marks(4)
    precision = ts_precision(truth, marked, alpha=0.0, cardinality="reciprocal", bias="flat")
    recall = ts_recall(truth, marked, alpha=0.5, cardinality="reciprocal", bias="flat")
    word = lambda row: "".join(map(str, row))
    text += f'    {{"{word(truth)}",\n     "{word(marked)}",\n     {precision:.9g}, {recall:.9g}}},\n'
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../tests/metrics/data/ranges.inc"), "w") as file:
    file.write(text + "};\n")
