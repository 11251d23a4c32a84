#!/usr/bin/env python3
"""Writes pairs of pictures and what scikit-image says of them to tests/metrics/data/picture_quality.json.

tests/metrics/picture_quality_test.cpp draws the same pictures. Needs scikit-image 0.25 and numpy.
"""

import json
import os

import numpy as np
from skimage.metrics import peak_signal_noise_ratio, structural_similarity


def draw(width, height, channels, a, b, c):
    """A picture by a rule that the test knows, too."""
    y, x, k = np.mgrid[0:height, 0:width, 0:channels]
    return ((x * a + y * b + k * 40 + (x * y * c) % 97) % 256).astype(np.uint8)


CASES = [(11, 11, 1, (7, 5, 3), (7, 5, 2)), (24, 17, 3, (3, 2, 1), (3, 2, 5)), (40, 30, 3, (1, 1, 0), (1, 2, 0)),
         (33, 12, 1, (0, 0, 0), (1, 0, 0)), (16, 16, 3, (5, 9, 4), (9, 5, 4))]

rows = []
for width, height, channels, first, second in CASES:
    truth, made = draw(width, height, channels, *first), draw(width, height, channels, *second)
    axis = {"channel_axis": 2} if channels > 1 else {}
    a, b = (truth, made) if channels > 1 else (truth[:, :, 0], made[:, :, 0])
    rows.append({"width": width, "height": height, "channels": channels, "truth": first, "made": second,
                 "psnr": float(peak_signal_noise_ratio(a, b, data_range=255)),
                 "ssim": float(structural_similarity(a, b, data_range=255, gaussian_weights=True, sigma=1.5,
                                                     use_sample_covariance=False, **axis))})
path = os.path.join(os.path.dirname(__file__), "..", "tests", "metrics", "data", "picture_quality.json")
with open(path, "w", encoding="utf-8") as out:
    json.dump(rows, out, indent=1)
    out.write("\n")
