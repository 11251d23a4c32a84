#!/usr/bin/env python3
"""Writes detections and what pycocotools says of them to tests/metrics/data/detection.json.

tests/metrics/detection_test.cpp compares. Needs pycocotools 2.0.11 and numpy.
"""

import contextlib
import io
import json
import os

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

rng = np.random.default_rng(0)


def judged(labels, pictures):
    images = [{"id": i + 1} for i in range(len(pictures))]
    annotations, results = [], []
    for i, (truth, found) in enumerate(pictures):
        for t in truth:
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": i + 1,
                    "category_id": t["label"] + 1,
                    "bbox": t["xywh"],
                    "area": t.get("area", t["xywh"][2] * t["xywh"][3]),
                    "iscrowd": int(t.get("crowd", False)),
                }
            )
        for d in found:
            results.append(
                {
                    "image_id": i + 1,
                    "category_id": d["label"] + 1,
                    "bbox": d["xywh"],
                    "score": d["score"],
                }
            )
    coco = COCO()
    coco.dataset = {
        "info": {},
        "images": images,
        "annotations": annotations,
        "categories": [{"id": k + 1, "name": str(k)} for k in range(labels)],
    }
    with contextlib.redirect_stdout(io.StringIO()):
        coco.createIndex()
        e = COCOeval(coco, coco.loadRes(results) if results else COCO(), "bbox")
        e.evaluate()
        e.accumulate()
        e.summarize()
    p = e.eval["precision"]  # thresholds, recalls, labels, areas, most
    mean = lambda v: float(np.mean(v[v > -1])) if (v > -1).any() else -1.0
    return {
        "map": e.stats[0],
        "map50": e.stats[1],
        "map75": e.stats[2],
        "small": e.stats[3],
        "medium": e.stats[4],
        "large": e.stats[5],
        "recall": e.stats[8],
        "per_label": [mean(p[:, :, k, 0, 2]) for k in range(labels)],
        "per_label_50": [mean(p[0, :, k, 0, 2]) for k in range(labels)],
    }


def box(size=200, exact=True):
    x, y = rng.uniform(0, size, 2)
    w, h = rng.uniform(4, size / 2, 2)
    b = [x, y, w, h]
    return [round(v * 4) / 4 for v in b] if exact else [float(v) for v in b]


def near(b, by):
    return [round((v + rng.normal(0, by)) * 4) / 4 for v in b[:2]] + [
        max(1, round((v + rng.normal(0, by)) * 4) / 4) for v in b[2:]
    ]


def random_case(labels, pictures, crowd=0.0, ties=False, areas=False, empty=0.0, size=200):
    all = []
    for _ in range(pictures):
        truth, found = [], []
        if rng.random() >= empty:
            for _ in range(rng.integers(1, 8)):
                t = {"label": int(rng.integers(labels)), "xywh": box(size)}
                if rng.random() < crowd:
                    t["crowd"] = True
                if areas:
                    t["area"] = t["xywh"][2] * t["xywh"][3] * float(rng.integers(1, 4)) / 4
                truth.append(t)
        for t in truth:
            for _ in range(rng.integers(0, 3 if not t.get("crowd") else 6)):
                label = t["label"] if rng.random() < 0.9 else int(rng.integers(labels))
                found.append({"label": label, "xywh": near(t["xywh"], size / 40)})
        for _ in range(rng.integers(0, 4)):
            found.append({"label": int(rng.integers(labels)), "xywh": box(size)})
        for d in found:
            d["score"] = round(float(rng.random()), 1 if ties else 6)
        all.append((truth, found))
    return all


T = lambda label, *xywh, **more: {"label": label, "xywh": list(xywh), **more}
D = lambda label, score, *xywh: {"label": label, "score": score, "xywh": list(xywh)}
cases = {
    "plain": (3, random_case(3, 12)),
    "ties": (2, random_case(2, 20, ties=True)),
    "crowd": (2, random_case(2, 16, crowd=0.3)),
    "areas": (3, random_case(3, 16, areas=True, size=300)),
    "pictures_without_objects": (2, random_case(2, 12, empty=0.5)),
    "everything": (4, random_case(4, 40, crowd=0.15, ties=True, areas=True, empty=0.2, size=300)),
    "a_label_without_ground_truth": (
        2,
        [([T(0, 0, 0, 10, 10)], [D(0, 0.9, 0, 0, 10, 10), D(1, 0.8, 0, 0, 9, 9)])],
    ),
    "no_ground_truth": (1, [([], [D(0, 0.5, 0, 0, 10, 10)]), ([], [D(0, 0.4, 1, 1, 3, 3)])]),
    "nothing_found": (1, [([T(0, 0, 0, 10, 10)], []), ([T(0, 5, 5, 4, 4)], [D(0, 0.5, 90, 90, 2, 2)])]),
    # 0.6, 0.75 and 0.9 exactly; a found object at each recall of 20.
    "at_the_threshold": (
        1,
        [
            ([T(0, 0, 0, 10, 10)], [D(0, 0.9, 0, 0, 10, 6)]),
            ([T(0, 0, 0, 10, 10)], [D(0, 0.8, 0, 0, 7.5, 10)]),
            ([T(0, 0, 0, 10, 10)], [D(0, 0.7, 0, 0, 10, 9)]),
        ],
    ),
    "twenty_objects": (
        1,
        [([T(0, 20 * k, 0, 10, 10) for k in range(20)],
          [D(0, 0.99 - 0.01 * k, 20 * k, 0 if k % 3 else 300, 10, 10) for k in range(20)])],
    ),
    "more_than_a_hundred": (
        1,
        [([T(0, 20 * k, 0, 10, 10) for k in range(5)],
          [D(0, 0.999 - 0.001 * k, 20 * (k % 23), 0, 10, 10) for k in range(120)])],
    ),
}
out = {
    name: {
        "labels": labels,
        "pictures": [{"truth": t, "found": f} for t, f in pictures],
        "expected": judged(labels, pictures),
    }
    for name, (labels, pictures) in cases.items()
}
root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
with open(os.path.join(root, "tests/metrics/data/detection.json"), "w") as file:
    json.dump(out, file, separators=(",", ":"))
    file.write("\n")
