#!/usr/bin/env python3
"""Writes scores of classes and what torchmetrics says of them to tests/metrics/data/classification.json.

tests/metrics/classification_test.cpp compares. Needs torchmetrics 1.9.0 and torch.
"""

import json

import torch
from torchmetrics.functional.classification import (
    multiclass_calibration_error,
    multiclass_f1_score,
    multiclass_precision,
    multiclass_recall,
)

generator = torch.Generator().manual_seed(0)
cases = []
for examples, classes, scale in [(60, 3, 1.0), (200, 5, 3.0), (7, 4, 0.1)]:
    scores = torch.randn(examples, classes, generator=generator, dtype=torch.float64) * scale
    labels = (scores + 2 * torch.randn(examples, classes, generator=generator)).argmax(1)
    labels[labels == classes - 1] = 0  # the last is never right
    p = scores.softmax(1)
    one_each = lambda f: f(p, labels, classes, average="none").tolist()
    cases.append(
        {
            "labels": labels.tolist(),
            "guesses": p.argmax(1).tolist(),
            "confidences": p.amax(1).tolist(),
            "ece15": float(multiclass_calibration_error(p, labels, classes, n_bins=15)),
            "ece10": float(multiclass_calibration_error(p, labels, classes, n_bins=10)),
            "precision": one_each(multiclass_precision),
            "recall": one_each(multiclass_recall),
            "f1": one_each(multiclass_f1_score),
        }
    )
with open("tests/metrics/data/classification.json", "w") as file:
    file.write("[" + ",\n".join(map(json.dumps, cases)) + "]\n")
