#!/usr/bin/env python3
"""Cairn's tokenizers beside those of the Python package tokenizers (0.23).

compare_tokenizers.py dump                    writes tests/text/data/tokenizers.json, which tests/text/subword_test.cpp compares with
compare_tokenizers.py compare CAIRN FILE...   trains tokenizers of every kind on the files' lines (.gz too) and lines in other scripts,
                                              encodes them with both, and counts where numbers or offsets differ
"""

import gzip
import json
import os
import subprocess
import sys
import tempfile

from tokenizer_lines import all_tokenizers, own_lines


def read(path):
    with (gzip.open if path.endswith(".gz") else open)(path, "rt", encoding="utf-8", newline="\n") as f:
        return [line.rstrip("\r\n") for line in f]


def dump():
    lines = own_lines(60)
    cases = []
    for name, t in all_tokenizers(own_lines(400, seed=2), 1800).items():
        encoded = [t.encode(l) for l in lines]
        pair = t.encode(lines[0], lines[3])
        bare = t.encode(lines[20], add_special_tokens=False)
        cases.append({"name": name, "tokenizer": json.loads(t.to_str()),
                      "encoded": [[e.ids, [n for o in e.offsets for n in o]] for e in encoded],
                      "decoded": [t.decode(e.ids) for e in encoded],
                      "decoded_all": [t.decode(e.ids, skip_special_tokens=False) for e in encoded[:8]],
                      "pair": {"ids": pair.ids, "offsets": [n for o in pair.offsets for n in o], "type_ids": pair.type_ids},
                      "bare": bare.ids})
    out = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../tests/text/data/tokenizers.json.gz")
    os.makedirs(os.path.dirname(out), exist_ok=True)
    with gzip.GzipFile(out, "wb", mtime=0) as f:
        f.write(json.dumps({"lines": lines, "learned_from": own_lines(400, seed=2), "cases": cases}, ensure_ascii=False).encode())
    print(out, os.path.getsize(out), "bytes")


def compare(cairn, files):
    lines = [l for path in files for l in read(path)] + own_lines(4000, seed=3)
    lines = [l for l in lines if "\n" not in l and "\r" not in l]
    print(len(lines), "lines,", sum(map(len, lines)), "characters,", len(set("".join(lines))), "different")
    wrong_total = 0
    with tempfile.TemporaryDirectory() as folder:
        text = os.path.join(folder, "lines.txt")
        with open(text, "w", encoding="utf-8", newline="\n") as f:
            f.writelines(l + "\n" for l in lines)
        for name, t in all_tokenizers(lines[::3], 8000).items():
            path = os.path.join(folder, name + ".json")
            t.save(path)
            with open(text, "rb") as stdin:
                run = subprocess.run([cairn, "tokenizer", "encode", path, "--json", "--parse-special"], stdin=stdin,
                                     stdout=subprocess.PIPE, check=True)
            ours = run.stdout.decode().split("\n")[:-1]
            assert len(ours) == len(lines), (len(ours), len(lines))
            wrong = []
            for line, got, want in zip(lines, map(json.loads, ours), t.encode_batch(lines)):
                if got["ids"] != want.ids or list(map(tuple, got["offsets"])) != want.offsets:
                    wrong.append((line, got, want))
            print(f"{name:16} {t.get_vocab_size():6} tokens, {len(lines) - len(wrong)} of {len(lines)} lines equal")
            for line, got, want in wrong[: int(os.environ.get("SHOW", "2"))]:
                at = next((i for i, (a, b) in enumerate(zip(zip(got["ids"], map(tuple, got["offsets"])), zip(want.ids, want.offsets))) if a != b), -1)
                print("   ", repr(line[:100]), "at", at, "\n      ours  ", list(zip(got["tokens"], got["offsets"]))[max(at - 1, 0):at + 3],
                      "\n      theirs", list(zip(want.tokens, want.offsets))[max(at - 1, 0):at + 3])
            wrong_total += len(wrong)
    return 1 if wrong_total else 0


if sys.argv[1] == "dump":
    dump()
else:
    sys.exit(compare(sys.argv[2], sys.argv[3:]))
