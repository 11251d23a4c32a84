#!/usr/bin/env python3
"""plumbing.py ROOT: how much of each task is plumbing, and where an option and a task are named.

Plumbing is what does not learn, measure or make anything: declarations of options, recipes and checks of options
("options"), what is written to and read from a configuration ("config"), functions that print ("cli"), constructors of opened
models ("open") and the row of the table without its texts ("row"). Counted by definition, twice: as statements (a declaration, statement
or head of a block is one, in however many lines the formatter lays it out; so is a field of the row), and as lines without blank ones
and comments.
"""
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")
KINDS = [  # of a definition's first line
    ("options", r"struct \w*Options\b|fill_recipe\(|check_\w+\(const \w*Options|check_sizes\(|Options::\w+\(|_of\(const \w*Options|_options\(\) const"),
    ("config", r"note_data\(|open_(splits|text)\(|options_from\(|to_json\(|from_json\("),
    ("cli", r"^int \w+\(\w+& \w+, const \w*Options&|print\w*\(|summary\(|files_of\(|^void print"),
    ("open", r"(\w+)::\1\(const train::SavedModel|explicit \w+\(const train::SavedModel|network_of\("),
    ("row", r"^const Task kRow"),
]


def is_code(line):
    return line.strip() and not line.strip().startswith("//")


def kind_of(head):
    return next((kind for kind, pattern in KINDS if re.search(pattern, head)), None)


def definitions(lines, margin=""):
    """(kind, lines) of every definition that is plumbing; of a class that is not, its members that are."""
    at = 0
    while at < len(lines):
        head = lines[at]
        at += 1
        if not re.match(margin + r"(?!namespace|using|#|//|\}|extern|public|private)\S.*", head):
            continue
        if head.rstrip().endswith(";") and "{" not in head:
            continue
        depth, end = 0, at - 1
        while end < len(lines):
            depth += lines[end].count("{") - lines[end].count("}")
            if depth <= 0 and re.search(r"[};]\s*$", lines[end]):
                break
            end += 1
        whole = lines[at - 1:end + 1]
        text = " ".join(line.strip() for line in whole[:3])
        kind = kind_of(head) or kind_of(text[:text.find("{")] if "{" in text else "")
        if kind:
            yield kind, whole
        elif re.match(margin + r"(class|struct) ", head):
            yield from definitions(whole[1:], margin + "  ")
        at = end + 1


def statements(lines):
    """Declarations, statements and heads of blocks, in however many lines."""
    text = "\n".join(line for line in lines if is_code(line))
    text = re.sub(r'"(\\.|[^"\\])*"|//[^\n]*', "", text)
    count = depth = 0
    for i, c in enumerate(text):
        depth += c in "(["
        depth -= c in ")]"
        if c == ";" and depth == 0:
            count += 1
        elif c == "{" and re.search(r"(\)|const|override|else|struct [\w :<>]+)\s*$", text[:i]):
            count += 1
    return count


def without_texts(lines):
    """A row without the tour's stops, examples and other lines that are only text."""
    kept, stops = [], False
    for line in lines:
        stops = stops or ".stops =" in line
        if not stops and not re.match(r'\s*(R?"|\{?")', line):
            kept.append(line)
    return kept


def count(folder):
    """{kind: (statements, lines)}"""
    totals = {kind: [0, 0] for kind, _ in KINDS}
    for file in sorted(folder.glob("*")):
        code = [re.sub(r"\s*//.*", "", line) for line in file.read_text().splitlines()]
        for kind, lines in definitions(code):
            if kind == "row":
                lines = without_texts(lines)
            totals[kind][0] += sum(bool(re.match(r"\s*\.\w+ =", x)) for x in lines) if kind == "row" else statements(lines)
            totals[kind][1] += sum(map(bool, map(is_code, lines)))
    return totals


def named_in(pattern, folders):
    return [str(f.relative_to(root)) for folder in folders for f in sorted((root / folder).rglob("*"))
            if f.suffix in (".h", ".cpp") and re.search(pattern, f.read_text())]


tasks = [f for f in sorted((root / "cairn/tasks").iterdir()) if f.is_dir() and f.name not in ("adversarial", "tour")]
for task in tasks:
    totals = count(task)
    code = sum(sum(map(bool, map(is_code, f.read_text().splitlines()))) for f in task.glob("*"))
    by_kind = ", ".join(f"{kind} {both[0]}" for kind, both in totals.items())
    print(f"{task.name}: {code} lines of code; plumbing {sum(b[0] for b in totals.values())} statements "
          f"({by_kind}) in {sum(b[1] for b in totals.values())} lines")
for option in ("width", "label_smoothing", "critic_steps", "context"):
    rows = [f for f in named_in(rf'this,\s*"{option}"', ["cairn/tasks", "cairn/train"])]
    flags = named_in(rf'"--{option.replace("_", "-")}\b', ["cairn/tasks", "cairn/train", "cairn/cli"])
    print(f"option {option}: declared in {len(rows)} task(s), as a flag or key elsewhere in {len(flags)} file(s)")
lists = [f for f in named_in(r'"language-model"|tasks/language_model|namespace language_model|one\(language_model\)', ["cairn"]) if "tasks/language_model/" not in f]
print(f"files outside its folder that name the task language-model: {len(lists)} ({', '.join(lists)})")
