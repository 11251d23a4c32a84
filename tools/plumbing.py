#!/usr/bin/env python3
"""plumbing.py ROOT: how many lines of each task are plumbing, and where an option and a task are named.

Plumbing is what does not learn, measure or make anything: declarations of options, recipes and checks of options
("options"), what is written to and read from a configuration ("config"), functions that print ("cli"), constructors of opened
models ("open") and the row of the table without its texts ("row"). Counted by definition: blank lines and comments are left out.
"""
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")
KINDS = [  # of a definition's first line
    ("options", r"struct \w*Options\b|fill_recipe\(|check_together\(|check_sizes\(|Options::\w+\("),
    ("config", r"note_data\(|open_splits\(|options_from\(|to_json\(|from_json\("),
    ("cli", r"^int \w+\(\w+& \w+, const \w*Options&|print\w*\(|summary\(|files_of\(|^void print"),
    ("open", r"(\w+)::\1\(const train::SavedModel|explicit \w+\(const train::SavedModel|network_of\("),
    ("row", r"^const Task kRow"),
]


def is_code(line):
    return line.strip() and not line.strip().startswith("//")


def definitions(text):
    """(first line, lines) of every definition at the left margin or one level inside a struct."""
    lines = text.splitlines()
    at = 0
    while at < len(lines):
        head = lines[at]
        if re.match(r"(?!namespace|using|#|//|\}|extern)\S.*", head) and not head.rstrip().endswith(";"):
            depth, end = 0, at
            while end < len(lines):
                depth += lines[end].count("{") - lines[end].count("}")
                if depth <= 0 and re.search(r"[};]\s*$", lines[end]):
                    break
                end += 1
            yield head, lines[at:end + 1]
            at = end
        at += 1


def without_texts(lines):
    """A row without the tour's stops, examples and other lines that are only text."""
    kept, stops = [], False
    for line in lines:
        stops = stops or ".stops =" in line
        if not stops and not re.match(r'\s*(R?"|\{?")', line):
            kept.append(line)
    return kept


def count(folder):
    totals = dict.fromkeys([kind for kind, _ in KINDS], 0)
    for file in sorted(folder.glob("*")):
        for head, lines in definitions(file.read_text()):
            for kind, pattern in KINDS:
                if re.search(pattern, head):
                    if kind == "row":
                        lines = without_texts(lines)
                    totals[kind] += sum(map(bool, map(is_code, lines)))
                    break
    return totals


def named_in(pattern, folders):
    return [str(f.relative_to(root)) for folder in folders for f in sorted((root / folder).rglob("*"))
            if f.suffix in (".h", ".cpp") and re.search(pattern, f.read_text())]


tasks = [f for f in sorted((root / "cairn/tasks").iterdir()) if f.is_dir() and f.name not in ("adversarial", "tour")]
for task in tasks:
    totals = count(task)
    lines = sum(len(f.read_text().splitlines()) for f in task.glob("*"))
    print(f"{task.name}: {lines} lines, plumbing {sum(totals.values())} ({', '.join(f'{k} {v}' for k, v in totals.items())})")
for option in ("width", "label_smoothing", "critic_steps", "context"):
    rows = [f for f in named_in(rf'this,\s*"{option}"', ["cairn/tasks", "cairn/train"])]
    flags = named_in(rf'"--{option.replace("_", "-")}\b', ["cairn/tasks", "cairn/train", "cairn/cli"])
    print(f"option {option}: declared in {len(rows)} task(s), as a flag or key elsewhere in {len(flags)} file(s)")
lists = [f for f in named_in(r"language_model", ["cairn"]) if "tasks/language_model/" not in f]
print(f"files outside its folder that name the task language-model: {len(lists)} ({', '.join(lists)})")
