#!/usr/bin/env python3
"""Cairn's tokenizers beside those of the Python packages tokenizers (0.23) and sentencepiece (0.2).

compare_tokenizers.py dump                    writes tests/text/data/tokenizers.json, which tests/text/subword_test.cpp compares with
compare_tokenizers.py compare CAIRN FILE...   trains tokenizers of every kind on the files' lines (.gz too) and lines in other scripts,
                                              encodes them with both, and counts where numbers or offsets differ
compare_tokenizers.py dump-sentencepiece      writes tests/text/data/sentencepiece.json, for tests/text/sentencepiece_test.cpp
compare_tokenizers.py sentencepiece CAIRN FILE...   the same with models of sentencepiece, and with its table of characters as the
                                              normalizer Precompiled, which has to do what sentencepiece does
"""

import base64
import gzip
import io
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


# Kinds of models: what is given to sentencepiece's trainer.
SENTENCEPIECE = {
    "unigram": {"model_type": "unigram"},
    "unigram-bytes": {"model_type": "unigram", "byte_fallback": True},
    "bpe": {"model_type": "bpe", "byte_fallback": True},
    "identity": {"model_type": "bpe", "normalization_rule_name": "identity", "remove_extra_whitespaces": False},
    "user": {"model_type": "unigram", "user_defined_symbols": ["<sep>", "ing"]},
    "char": {"model_type": "char"},
}


def trained_sentencepiece(lines, vocab, **how):
    import sentencepiece
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(lines), model_writer=model, vocab_size=vocab,
                                             hard_vocab_limit=False, minloglevel=2, **how)
    return model.getvalue(), sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())


def encoded_by(processor, line):
    pieces = processor.encode(line, out_type="immutable_proto").pieces
    return [p.id for p in pieces], [[p.begin, p.end] for p in pieces]


def field_of(message, wanted):
    """The last field of that number in a message of protobuf that is a text or a message."""
    at, found = 0, b""

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at, value, shift = at + 1, value | (byte & 127) << shift, shift + 7
            if byte < 128:
                return value
    while at < len(message):
        key = number()
        if key & 7 == 0:
            number()
        elif key & 7 == 2:
            size = number()
            if key >> 3 == wanted:
                found = message[at:at + size]
            at += size
        else:
            at += 4 if key & 7 == 5 else 8
    return found


def charsmap_of(model):
    return field_of(field_of(model, 3), 2)


def normalizer_of(model):
    import sentencepiece
    return sentencepiece.SentencePieceNormalizer(model_proto=model, add_dummy_prefix=False, escape_whitespaces=False,
                                                 remove_extra_whitespaces=False)


# Some of its rules, so that the table is small: code points, a tab, what they become.
RULES = ["FB01\t66 69", "FF21\t41", "41 30A\tC5", "65 301\tE9", "65 301 302\t1EBF", "AD\t", "3000\t20", "2167\t56 49 49 49",
         "D\t20", "200B\t"]


def dump_sentencepiece():
    lines = own_lines(60) + ["\ufb01n \uff21 A\u030a e\u0301 e\u0301\u0302 e\u0300 \u00adx\u00ad\u3000\u2167", "\u00ad", "\u200b\u200b y"]
    with tempfile.TemporaryDirectory() as folder:
        rules = os.path.join(folder, "rules.tsv")
        with open(rules, "w") as f:
            f.write("\n".join(RULES) + "\n")
        cases = []
        for name in ("unigram-bytes", "bpe", "user"):
            how = dict(SENTENCEPIECE[name], normalization_rule_tsv=rules, character_coverage=0.98)
            model, processor = trained_sentencepiece(own_lines(200, seed=2), 1000, **how)
            encoded = [encoded_by(processor, l) for l in lines]
            cases.append({"name": name, "model": base64.b64encode(model).decode(),
                          "encoded": [[ids, [n for o in offsets for n in o]] for ids, offsets in encoded],
                          "decoded": [processor.decode(ids) for ids, _ in encoded]})
    normalize = normalizer_of(model).normalize
    out = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../tests/text/data/sentencepiece.json.gz")
    with gzip.GzipFile(out, "wb", mtime=0) as f:
        f.write(json.dumps({"lines": lines, "cases": cases, "charsmap": base64.b64encode(charsmap_of(model)).decode(),
                            "normalized": [normalize(l) for l in lines]}, ensure_ascii=False).encode())
    print(out, os.path.getsize(out), "bytes")


def by_cairn(cairn, path, text):
    run = subprocess.run([cairn, "tokenizer", "encode", path, "--json"], stdin=open(text, "rb"), stdout=subprocess.PIPE, check=True)
    return [(e["ids"], e["offsets"]) for e in map(json.loads, run.stdout.decode().split("\n")[:-1])]


def compare_sentencepiece(cairn, files):
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
    lines = [l for path in files for l in read(path)] + own_lines(4000, seed=3)
    lines = [l for l in lines if "\n" not in l and "\r" not in l]
    print(len(lines), "lines,", sum(map(len, lines)), "characters,", len(set("".join(lines))), "different")
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        text, path = os.path.join(folder, "lines.txt"), os.path.join(folder, "tokenizer")
        with open(text, "w", encoding="utf-8", newline="\n") as f:
            f.writelines(l + "\n" for l in lines)
        for name, how in SENTENCEPIECE.items():
            model, processor = trained_sentencepiece(lines[::3], 2000, **how)
            with open(path, "wb") as f:
                f.write(model)
            equal = sum(ours == encoded_by(processor, l) for l, ours in zip(lines, by_cairn(cairn, path, text)))
            print(f"{name:16} {processor.get_piece_size():6} tokens, {equal} of {len(lines)} lines equal")
            wrong += len(lines) - equal
            if name != "unigram":
                continue
            pieces = [(processor.id_to_piece(i), processor.get_score(i)) for i in range(processor.get_piece_size())]
            theirs, plain = (Tokenizer(models.Unigram(pieces, unk_id=processor.unk_id())) for _ in range(2))
            theirs.normalizer = normalizers.Sequence([normalizers.Precompiled(charsmap_of(model))])
            theirs.pre_tokenizer = plain.pre_tokenizer = pre_tokenizers.Metaspace()
            theirs.save(path)
            normalize, equal, own = normalizer_of(model).normalize, 0, 0
            for line, (ids, offsets) in zip(lines, by_cairn(cairn, path, text)):
                if normalize(line) == theirs.normalizer.normalize_str(line):
                    e = theirs.encode(line)
                    equal += (ids, offsets) == (e.ids, [list(o) for o in e.offsets])
                else:  # the package loses marks: the numbers are those of what sentencepiece makes of the line
                    own += ids == plain.encode(normalize(line)).ids
            print(f"{'Precompiled':16} {equal} lines equal the package, {own} sentencepiece where the package differs from it")
            wrong += len(lines) - equal - own
    return 1 if wrong else 0


if sys.argv[1] == "dump":
    dump()
elif sys.argv[1] == "dump-sentencepiece":
    dump_sentencepiece()
elif sys.argv[1] == "sentencepiece":
    sys.exit(compare_sentencepiece(sys.argv[2], sys.argv[3:]))
else:
    sys.exit(compare(sys.argv[2], sys.argv[3:]))
