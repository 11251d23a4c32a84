#!/usr/bin/env python3
"""Each layer includes only itself and those above it (docs/design.md, "The house").

check_layers.py ROOT reads the includes of ROOT/cairn, prints every wrong one and fails when there is any; so do folders of tests that
mirror no folder of sources.
check_layers.py --self-test shows that it finds one.
"""
import pathlib
import re
import sys
import tempfile

# A layer's folders share a line and may include each other.
LAYERS = ["base", "device", "dist", "tensor", "ops", "autograd", "graph", "compile", "backend", "nn optim quantize", "io", "audio",
          "onnx", "text", "data", "metrics", "music", "pretrained", "train", "models", "tasks bench", "infer", "serve", "cli"]
RANK = {folder: rank for rank, line in enumerate(LAYERS) for folder in line.split()}

INCLUDE = re.compile(r'^\s*#\s*include\s+"cairn/([^/"]+)/[^"]*"')


def wrong_includes(root):
    wrong = []
    for file in sorted((root / "cairn").rglob("*")):
        if file.suffix not in (".h", ".cpp"):
            continue
        layer = file.relative_to(root).parts[1]
        if layer in ("cairn.h", "infer.h", "infer_c.h"):  # headers for programs
            continue
        if layer not in RANK:
            wrong.append(f"{file.relative_to(root)}: folder '{layer}' is in no layer; add it to {__file__}")
            continue
        for number, line in enumerate(file.read_text().splitlines(), 1):
            found = INCLUDE.match(line)
            if not found:
                continue
            other = found.group(1)
            if RANK.get(other, len(LAYERS)) > RANK[layer]:
                wrong.append(f"{file.relative_to(root)}:{number}: {layer}/ includes {other}/, which comes after it")
    return wrong


# Of no source folder: allocations, whole trainings, docs, other projects, this script, the Python module.
OTHER_TESTS = {"alloc", "docs", "foreign", "layers", "learning", "package", "python"}


def tests_without_sources(root):
    """Folders of tests that mirror no folder of sources."""
    places = [root / "cairn", root / "cairn/backend", root / "cairn/backend/cpu"]
    return [f"tests/{f.name}: there is no folder {f.name} in cairn, cairn/backend or cairn/backend/cpu"
            for f in sorted((root / "tests").iterdir())
            if f.is_dir() and f.name not in OTHER_TESTS and not any((p / f.name).is_dir() for p in places)]


def self_test():
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        (root / "cairn/ops").mkdir(parents=True)
        (root / "cairn/ops/a.cpp").write_text('#include "cairn/base/b.h"\n#include "cairn/cli/c.h"\n')
        found = [w for w in wrong_includes(root) if w.startswith("cairn/")]
        assert found == ["cairn/ops/a.cpp:2: ops/ includes cli/, which comes after it"], found
        (root / "tests/ops").mkdir(parents=True)
        (root / "tests/stray").mkdir()
        assert len(tests_without_sources(root)) == 1


if sys.argv[1:] == ["--self-test"]:
    self_test()
    sys.exit(0)
problems = wrong_includes(pathlib.Path(sys.argv[1])) + tests_without_sources(pathlib.Path(sys.argv[1]))
print("\n".join(problems))
sys.exit(1 if problems else 0)
