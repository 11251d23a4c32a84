#!/usr/bin/env python3
"""All sources are laid out by .clang-format of clang-format 14, and no line passes 100 columns.

check_format.py ROOT prints every file that differs and fails when there is any. Exit status 77: no clang-format 14
here, so only the columns were checked.
"""
import pathlib
import shutil
import subprocess
import sys

VERSION = "14."  # others break lines elsewhere
COLUMNS = 100


def sources(root):
    for folder in ("cairn", "python", "tests", "apps", "examples"):
        for file in sorted((root / folder).rglob("*")):
            if file.suffix in (".h", ".cpp"):
                yield file


def formatter():
    for name in ("clang-format-14", "clang-format"):
        program = shutil.which(name)
        if program and f"version {VERSION}" in subprocess.run([program, "--version"], capture_output=True, text=True).stdout:
            return program
    return None


def main(root):
    files = list(sources(root))
    if len(files) < 100:
        sys.exit(f"{root} holds {len(files)} sources: not the repository")
    wrong = []
    for file in files:
        for number, line in enumerate(file.read_text().splitlines(), 1):
            if len(line) > COLUMNS:
                wrong.append(f"{file.relative_to(root)}:{number}: {len(line)} columns; {COLUMNS} at most")
    program = formatter()
    if program:
        for start in range(0, len(files), 50):
            run = subprocess.run([program, "--dry-run", "--ferror-limit=1", *map(str, files[start:start + 50])], capture_output=True, text=True)
            wrong += [line + f"; mend it: {program} -i FILE" for line in run.stderr.splitlines() if "code should be clang-formatted" in line]
    print("\n".join(wrong))
    if wrong:
        return 1
    return 0 if program else 77


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(pathlib.Path(sys.argv[1]).resolve()))
