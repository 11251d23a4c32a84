#!/usr/bin/env python3
"""Writes small seed files for every fuzz target: seeds.py FOLDER (standard library only)."""
import base64
import glob
import gzip
import json
import math
import os
import re
import struct
import sys
import zipfile
import zlib

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def safetensors(tensors, metadata=None):
    header, data = ({"__metadata__": metadata} if metadata else {}), b""
    for name, dtype, shape, raw in tensors:
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def npy(descr, fortran, shape, raw, version=1):
    header = repr({"descr": descr, "fortran_order": fortran, "shape": shape}).encode() + b"\n"
    length = struct.pack("<H" if version == 1 else "<I", len(header))
    return b"\x93NUMPY" + bytes([version, 0]) + length + header + raw


def idx(sizes, raw):
    return bytes([0, 0, 8, len(sizes)]) + struct.pack(f">{len(sizes)}I", *sizes) + raw


def varint(n):
    n &= (1 << 64) - 1
    out = b""
    while n > 127:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])


def message(*fields):
    """Of protobuf: (number, an integer, a float, bytes or text)."""
    out = b""
    for number, value in fields:
        if isinstance(value, int):
            out += varint(number << 3) + varint(value % (1 << 64))
        elif isinstance(value, float):
            out += varint(number << 3 | 5) + struct.pack("<f", value)
        else:
            value = value.encode() if isinstance(value, str) else value
            out += varint(number << 3 | 2) + varint(len(value)) + value
    return out


def onnx(weight=b"", branch=False):
    """x, w -> Add -> y; w as given, or an If with a graph inside."""
    floats = message((1, 2), (2, 1), (8, "w"), (9, struct.pack("<2f", 1, -2)))
    size = message((1, message((1, 2))), (1, message((2, "n"))))
    info = lambda name: message((1, name), (2, message((1, message((1, 1), (2, size))))))
    inner = message((1, message((1, "x"), (2, "z"), (4, "Neg"))), (12, message((1, "z"))))
    attribute = message((1, "then_branch"), (20, 5), (6, inner))
    node = message((1, "x"), (1, "w"), (2, "y"), (3, "n"), (4, "If" if branch else "Add"), *([(5, attribute)] if branch else []))
    graph = message((1, node), (2, "g"), (5, weight or floats), (11, info("x")), (12, message((1, "y"))))
    return message((1, 10), (7, graph), (8, message((2, 20))), (14, message((1, "k"), (2, "v"))))


def onnx_tensor(name, shape, values):
    """Of floats or integers (i64), or bools; repeated until the shape is full."""
    count = math.prod(shape)
    values = (values * (count // len(values) + 1))[:count]
    kind, letter = {float: (1, "f"), bool: (9, "?"), int: (7, "q")}[type(values[0]) if values else float]
    return message(*((1, d) for d in shape), (2, kind), (8, name), (9, struct.pack(f"<{count}{letter}", *values)))


def onnx_attribute(name, value):
    kinds = {float: (1, 2), int: (2, 3), str: (3, 4), bytes: (5, 6)}  # bytes: a graph
    if isinstance(value, list):
        number, kind = (7, 6) if isinstance(value[0], float) else (8, 7)
        return message((1, name), (20, kind), *((number, v) for v in value))
    kind, number = kinds[type(value)]
    return message((1, name), (20, kind), (number, value))


def onnx_graph(nodes, weights, inputs, outputs):
    """Nodes as (op, inputs, outputs, attributes), weights and inputs by name; of an input the sizes (0: free), f32, or a type and sizes."""
    def info(name, kind=None, *shape):
        sizes = [(1, message((1, d) if d else (2, "n"))) for d in shape]
        return message((1, name), *([(2, message((1, message((1, kind), (2, message(*sizes))))))] if kind else []))
    return message(*((1, message(*((1, i) for i in node[1].split(" ")), *((2, o) for o in node[2].split(" ")), (4, node[0]),
                                 *((5, onnx_attribute(*a)) for a in node[3].items()))) for node in nodes),
                   (2, "g"), *((5, onnx_tensor(name, *w)) for name, w in weights.items()),
                   *((11, info(name, *shape)) for name, shape in inputs.items()), *((12, info(name)) for name in outputs.split()))


def onnx_run(nodes, weights, inputs, outputs="y", opset=20):
    return message((1, 10), (7, onnx_graph(nodes, weights, inputs, outputs)), (8, message((2, opset))))


def onnx_nodes():
    """Small graphs of each family of nodes."""
    picture, floats = {"x": (1, 0, 3, 5, 5)}, [0.5, -1.25, 2.0, 0.0]
    sizes = lambda *v: ((len(v),), list(v))
    turn = onnx_graph([("Add", "b b", "c", {}), ("Identity", "go", "on", {})], {}, {"i": (7,), "go": (9,), "b": (1, 2)}, "on c c")
    branch = onnx_graph([("Neg", "x", "z", {})], {}, {}, "z")
    return [
        onnx_run([("Conv", "x w b", "c", {"pads": [1, 1, 1, 1], "strides": [2, 2]}), ("Relu", "c", "r", {}),
                  ("MaxPool", "r", "y i", {"kernel_shape": [2, 2], "ceil_mode": 1}), ("GlobalAveragePool", "r", "z", {})],
                 {"w": ((4, 3, 3, 3), floats), "b": ((4,), floats)}, picture, "y i z"),
        onnx_run([("ConvTranspose", "x w", "c", {"strides": [2, 2], "group": 3, "output_padding": [1, 1]}),
                  ("BatchNormalization", "c s s s s", "n", {}), ("AveragePool", "n", "y", {"kernel_shape": [3, 3], "auto_pad": "SAME_LOWER"})],
                 {"w": ((3, 1, 2, 2), floats), "s": ((3,), [1.0, 2.0, 0.5])}, picture),
        onnx_run([("Shape", "x", "s", {"end": 2}), ("Concat", "s m", "t", {"axis": 0}), ("Reshape", "x t", "r", {}),
                  ("Slice", "r a e d k", "l", {}), ("Transpose", "l", "p", {"perm": [2, 0, 1]}), ("Pad", "p q", "y", {"mode": "reflect"}),
                  ("Unsqueeze", "y a", "u", {}), ("Squeeze", "u a", "v", {}), ("Flatten", "v", "f", {}), ("Split", "f", "g h", {"axis": 0, "num_outputs": 2})],
                 {"m": sizes(-1), "a": sizes(0), "e": sizes(9), "d": sizes(2), "k": sizes(2), "q": sizes(1, 0, 0, 1, 0, 0)}, picture, "y h"),
        onnx_run([("Gather", "x g", "a", {"axis": 1}), ("GatherElements", "x j", "b", {"axis": 1}), ("ScatterND", "x j u", "c", {}),
                  ("TopK", "a k", "v i", {}), ("OneHot", "g k o", "h", {}), ("CumSum", "x z", "s", {"reverse": 1}), ("NonZero", "s", "n", {}),
                  ("Expand", "g t", "e", {}), ("Tile", "g k", "l", {}), ("Where", "m x x", "y", {}), ("Range", "z r z2", "q", {})],
                 {"g": sizes(-1, 0), "j": ((1, 2), [0, 1]), "u": ((1,), [1.0]), "k": sizes(2), "o": ((2,), [0.0, 1.0]), "z": ((), [0]),
                  "t": sizes(2, 2), "m": ((2,), [True, False]), "r": ((), [5]), "z2": ((), [2])}, {"x": (1, 2, 2)}, "y b c i h n e l v q"),
        onnx_run([("LSTM", "x w r b  h h", "y a c", {"hidden_size": 2, "direction": "bidirectional"}), ("GRU", "x g k", "z", {"hidden_size": 2, "linear_before_reset": 1}),
                  ("RNN", "x u v", "o", {"hidden_size": 2, "activations": "Relu"})],
                 {"w": ((2, 8, 3), floats), "r": ((2, 8, 2), floats), "b": ((2, 16), floats), "h": ((2, 2, 2), floats), "g": ((1, 6, 3), floats),
                  "k": ((1, 6, 2), floats), "u": ((1, 2, 3), floats), "v": ((1, 2, 2), floats)}, {"x": (1, 3, 2, 3)}, "y a c z o"),
        onnx_run([("MatMul", "x w", "m", {}), ("Gemm", "m w", "g", {"transB": 1, "alpha": 2.0}), ("Softmax", "g", "s", {"axis": -1}),
                  ("LayerNormalization", "s l l", "y", {}), ("ReduceMean", "y a", "z", {}), ("Einsum", "x w", "e", {"equation": "ij,jk->ik"}),
                  ("ArgMax", "y", "i", {"axis": 1}), ("Attention", "q q q", "t", {})],
                 {"w": ((3, 3), floats), "l": ((3,), [1.0, 0.0, 2.0]), "a": sizes(1), "q": ((1, 2, 2, 4), floats)}, {"x": (1, 0, 3)}, "z i t", opset=23),
        onnx_run([("Resize", "x  s", "y", {"mode": "cubic", "antialias": 1}), ("Resize", "x   t", "z", {"coordinate_transformation_mode": "align_corners", "mode": "linear"}),
                  ("GridSample", "x g", "h", {}), ("DepthToSpace", "p", "d", {"blocksize": 2}), ("LRN", "x", "l", {"size": 3})],
                 {"s": ((4,), [1.0, 1.0, 0.6, 1.5]), "t": sizes(2, 3, 7, 2), "g": ((2, 2, 2, 2), floats), "p": ((1, 4, 2, 2), floats)}, picture, "y z h d l"),
        onnx_run([("QuantizeLinear", "x s o", "q", {}), ("DequantizeLinear", "q s o", "d", {}), ("DynamicQuantizeLinear", "x", "u v w", {}),
                  ("MatMulInteger", "q q", "m", {}), ("Cast", "x", "y", {"to": 10}), ("Clip", "x a", "c", {}), ("BitShift", "u u", "b", {"direction": "LEFT"})],
                 {"s": ((), [0.1]), "a": ((), [0.0])}, {"x": (1, 2, 2), "o": (2,)}, "d m y c v"),
        onnx_run([("Loop", "k  x", "c s", {"body": turn}), ("If", "m", "y", {"then_branch": branch, "else_branch": branch}),
                  ("NonMaxSuppression", "b p n", "o", {}), ("Mod", "k k", "r", {}), ("Div", "k k", "d", {})],
                 {"k": ((), [3]), "m": ((), [True]), "b": ((1, 2, 4), [0.0, 0.0, 1.0, 1.0]), "p": ((1, 1, 2), [0.9, 0.8]), "n": sizes(2)},
                 {"x": (1, 2)}, "c s y o r d"),
    ]


def midi(kind, division, *tracks):
    tracks = [t + b"\0\xff\x2f\0" for t in tracks]
    return b"MThd" + struct.pack(">IHHH", 6, kind, len(tracks), division) + b"".join(b"MTrk" + struct.pack(">I", len(t)) + t for t in tracks)


def png(width, height, colour):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    channels = {0: 1, 2: 3, 6: 4}[colour]
    rows = b"".join(bytes([y % 5]) + bytes(range(width * channels)) for y in range(height))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


# An 8 x 8 grey baseline JPEG and the same with three colours are kept as they are: the standard library writes none.
def jpegs():
    folder = os.path.join(ROOT, "fuzz", "seeds")
    return [open(os.path.join(folder, name), "rb").read() for name in sorted(os.listdir(folder)) if name.endswith(".jpg")]


# A small file of every kind of picture: what the test of the formats reads.
def pictures():
    with open(os.path.join(ROOT, "tests/io/data/pictures.json"), encoding="utf-8") as rows:
        return [bytes.fromhex(row["file"]) for row in json.load(rows)]


# And of video.
def videos():
    with open(os.path.join(ROOT, "tests/io/data/videos.json"), encoding="utf-8") as rows:
        return [bytes.fromhex(row["file"]) for row in json.load(rows)]


def charsmap():
    """A table of characters of one rule, "a" becomes "bc", as the normalizer Precompiled has it."""
    units = [0] * 256
    units[0], units[1 ^ 97], units[1 ^ 97 ^ 2] = 1 << 10, 97 | 1 << 8 | 2 << 10, 1 << 31
    return base64.b64encode(struct.pack("<257I", 1024, *units) + b"bc\0").decode()


BPE = {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": [["a", "b"]], "unk_token": "a"}
SUBWORDS = [
    {"model": BPE, "normalizer": {"type": "Precompiled", "precompiled_charsmap": charsmap()}},
    {"model": {"type": "WordPiece", "vocab": {"[UNK]": 0, "a": 1, "##b": 2}, "unk_token": "[UNK]"},
     "normalizer": {"type": "BertNormalizer"}, "pre_tokenizer": {"type": "BertPreTokenizer"}, "decoder": {"type": "WordPiece"}},
    {"model": {"type": "Unigram", "vocab": [["<unk>", 0], ["\u2581a", -1.5], ["b", -2]], "unk_id": 0},
     "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFKC"}, {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}]},
     "pre_tokenizer": {"type": "Metaspace"}, "decoder": {"type": "Metaspace"},
     "added_tokens": [{"id": 3, "content": "<s>", "special": True}]},
]
SEEDS = {
    "safetensors": [safetensors([]), safetensors([("w", "F32", [2, 1], b"\0" * 8), ("b", "BF16", [], b"ab")], {"format": "pt"}),
                    open(os.path.join(ROOT, "tests/io/golden/python.safetensors"), "rb").read()],
    "torch_file": [open(os.path.join(ROOT, "tests/io/golden", name), "rb").read() for name in ("torch.pt", "torch_training.pt")]
                  + [b"\0" + zipfile.ZipFile(os.path.join(ROOT, "tests/io/golden", name)).read(name[:-3] + "/data.pkl")
                     for name in ("torch.pt", "torch_training.pt")],
    "npy": [npy("<f4", False, (2,), b"\0" * 8), npy("|u1", True, (2, 3), b"abcdef"), npy("<i8", False, (), b"\0" * 8, 2)],
    "idx": [idx([2, 1, 2], b"abcd"), idx([3], b"\0\1\2")],
    "gzip": [gzip.compress(b"hello " * 20), gzip.compress(b"") + gzip.compress(b"two"), gzip.compress(b"a" * 3000)],
    "image": [png(3, 2, 0), png(2, 3, 2), png(2, 2, 6), b"P6 2 1 255\nabcdef", b"P5\n# c\n1 1 65535\nab", *jpegs(), *pictures()],
    "jsonl": [b'{"step":1,"loss":0.5}\n{"step":2,"loss":null}\n', b'{"a":[1,{"b":"\\u00e9"}]}\n{"unfinished'],
    "tokenizer": [*(json.dumps(t).encode() for t in SUBWORDS), b'{"type":"byte"}', '{"type":"char","vocabulary":["\\n"," ","a","é","\\ud83d\\ude00"]}'.encode()],
    "series": [b"\0t,x,y\n2020-01-01 00:00,1,2.5\n2020-01-01 01:00,NA,-3e2\n2020-01-01 03:00,4,5\n", b"\0 1 2\n 3\t4\n",
               b"\1t;x\n2016-10-30T02:30+02:00;1,5\n2016-10-30T02:30:15.5Z;2\n", b"\2day,x\n01/02/2016 10:30,1\n02/02/2016 10:30,2\n",
               b"\4x,note\n1,\"a, b\"\n2,c\n", b"\0t,x\n2020-01-01,1\n2020-02-01,1\n2020-03-01,2\n", b"\0t,x\n1949-11,1\n1949-12,2\n"],
    "speech": [b"\0path\ttext\tsplit\na.wav\tone two\ttrain\na.wav\tthree\ttest\n", b"\1audio,label\na.wav,\"yes, no\"\n",
               b'\2{"audio_filepath":"a.wav","text":"one","split":"dev"}\n\n{"file":"a.wav","sentence":"\\u00e9"}\n'],
    "utf8": ["aé€😀\n".encode(), b"\xed\xa0\x80", b"\xf4\x8f\xbf\xbf\xc3"],
    "voc": [b"<annotation><filename>a.jpg</filename><size><width>64</width><height>48</height></size><object><name>cat</name>"
            b"<difficult>1</difficult><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>30</xmax><ymax>40.5</ymax></bndbox></object></annotation>",
            b"<?xml version='1.0'?><!-- c --><annotation><object><name>&lt;a&#65;</name></object></annotation>"],
    "video": videos(),
    "coco": [b'{"images":[{"id":1,"file_name":"a.jpg","width":64,"height":48}],"categories":[{"id":2,"name":"cat"}],'
             b'"annotations":[{"image_id":1,"category_id":2,"bbox":[1,2,3.5,4],"iscrowd":1,"area":9}]}'],
    "squad": ['{"version":"1.1","data":[{"title":"t","paragraphs":[{"context":"a Öl😀 b","qas":[{"id":"1","question":"q",'
              '"answers":[{"text":"b","answer_start":5},{"text":"a","answer_start":9}]},{"question":"n","is_impossible":true,"answers":[]}]}]}]}'.encode()],
    "summaries": ['{"fname":"a","dialogue":"A: a Öl.\\nB: 😀?\\nC: c","summary1":"a","summary2":["b","c"],"topic1":"t"}'.encode(),
                  b'{"text":["A b.","C! D? E"],"target":"s"}'],
    "midi": [midi(0, 96, b"\0\x90\x3c\x40\x60\x3c\0"),
             midi(1, 480, b"\0\xff\x51\3\x07\xa1\x20", b"\0\xc0\x05\0\x90\x3c\x40\x0a\x3c\x40\x0a\x3c\0\x0a\x80\x3c\x40\0\xf0\2\1\xf7"),
             midi(2, 96, b"\0\x90\x3c\x40\x60\x3c\0", b"\0\x99\x24\x40\x81\x00\x89\x24\0")],
    "abc": [b"X:1\nT:a\nM:6/8\nL:1/8\nQ:1/4=120\nK:Ador\n|:\"Am\"A>B^c (3def|1[Ace]2 z4:|2_B,,3/2-B,,'/2 {g}a|]\n\nX:2\nK:Bb ^f\nV:1\nC-|C::D:|\nV:2\n[K:C]Z2 c<<d\n"],
    "serve": [b'\0{"texts":["a","b"],"options":{"top":3}}', b'\0{"rows":[{"a":1.5,"b":"x"},{"a":null,"b":"y"}]}',
              b'\0{"data":"data:image/png;base64,AAEC/w==","name":"a"}', b'\0{"question":"q","context":"c"}', b"\1a\nb",
              b'\2f\na.png\nx\noptions\n\n{"top":1}\ntext\n\nhello\n',
              b'\3{"model":"m","prompt":["a"],"max_tokens":5,"temperature":0.5,"top_p":0.9,"seed":-1,"stop":"x","stream":true,'
              b'"stream_options":{"include_usage":true},"n":1,"logit_bias":{}}',
              b'\4{"messages":[{"role":"user","content":[{"type":"text","text":"a"}]},{"role":"assistant","content":"b"}],"stop":["c","d"]}',
              b'\5{"input":["a","b"],"encoding_format":"base64"}', b"\6AAEC-_8=", b"\7\0\1\2"],
    "onnx": [onnx(), onnx(branch=True), onnx(message((1, 3), (2, 22), (8, "w"), (9, b"\x21\x03"))),
             onnx(message((1, 2), (2, 10), (8, "w"), (5, b"\x80\x78\x00"))), onnx(message((1, 1), (2, 7), (8, "w"), (7, b"\x05"))),
             onnx(message((1, 2), (2, 1), (8, "w"), (13, message((1, "location"), (2, "../w.bin"))), (14, 1))),
             *onnx_nodes()],
    "arpa": [b"\\data\\\nngram 1=4\nngram 2=3\n\n\\1-grams:\n-0.5\t<unk>\n-99\t<s>\t-0.3\n-0.4\t</s>\n-0.6\ta\t-0.2\n\n"
             b"\\2-grams:\n-0.2\t<s> a\n-0.1\ta a\n-0.7\ta </s>\n\n\\end\\\n",
             b"\\data\\\r\nngram 1=3\r\n\r\n\\1-grams:\r\n-1e1 <s> 0\r\n-.5 </s>\r\n-0.5 b\r\n\r\n\\end\\\r\n"],
    "yolo": [b"0 0.5 0.5 0.25 0.5\n1 .1 .1 .3 .2\r\n"],
}
SEEDS["info"] = [seed for seeds in list(SEEDS.values()) for seed in seeds]

for target, seeds in SEEDS.items():
    folder = os.path.join(sys.argv[1], target)
    os.makedirs(folder, exist_ok=True)
    for number, seed in enumerate(seeds):
        with open(os.path.join(folder, f"seed{number}"), "wb") as file:
            file.write(seed)

# Words that a mutation alone would hardly spell: ops as a node names them (protobuf's field 4, the length, the name).
rows = "".join(open(path, encoding="utf-8").read() for path in sorted(glob.glob(os.path.join(ROOT, "cairn/onnx/import_*.cpp"))))
with open(os.path.join(sys.argv[1], "onnx.dict"), "w", encoding="ascii") as words:
    for op in sorted(set(re.findall(r'^ +\{"(\w+)", ', rows, re.M) + re.findall(r'\s\{"(\w+)", read_', rows))):
        words.write('"\\x22\\x%02x%s"\n' % (len(op), op))
