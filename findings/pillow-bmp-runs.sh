#!/usr/bin/env bash
# Pillow 12.1: two kinds of runs in BMP files come out otherwise than the format says.
#
# Guess: a jump (0, 2, right, up) takes four bytes, as [MS-WMF] "RLE8 compression" has it; a stretch of n single pixels in
#   4 bits (0, n, ...) holds n pixels, the last half byte being left out where n is odd.
# Seen (Pillow 12.1.0): two more bytes are taken after a jump, so that the run behind it is lost; of an odd stretch in 4 bits the last
#   pixel is 0. Runs of one colour, ends of lines and stretches of 8 bits are right.
#
# Installs Pillow into a temporary folder only. Exit 0: as seen.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv v
v/bin/pip install -q pillow==12.1.0 2> log || { cat log; exit 1; }
cat > main.py <<'P'
import io
import struct

from PIL import Image


def bmp(bits, runs):
    """Four pixels by two, in runs, the lower row first; colour i is the grey i."""
    colours = 1 << bits
    palette = b"".join(bytes([i, i, i, 0]) for i in range(colours))
    start = 54 + len(palette)
    head = struct.pack("<2sIHHI", b"BM", start + len(runs), 0, 0, start)
    info = struct.pack("<IiiHHIIiiII", 40, 4, 2, 1, bits, 1 if bits == 8 else 2, len(runs), 0, 0, colours, 0)
    return head + info + palette + bytes(runs)


def rows(bits, runs):
    pixels = list(Image.open(io.BytesIO(bmp(bits, runs))).convert("L").tobytes())
    return pixels[4:], pixels[:4]


print("two of 7, a jump of one right and one up, one of 9:", *rows(8, [2, 7, 0, 2, 1, 1, 1, 9, 0, 1]))
print("the same pixels without a jump:", *rows(8, [2, 7, 2, 0, 0, 0, 3, 0, 1, 9, 0, 1]))
print("in 4 bits a stretch of 1, 2, 3, and a line of 4, 5:", *rows(4, [0, 3, 0x12, 0x30, 0, 0, 4, 0x45, 0, 1]))
print("in 4 bits a stretch of 1, 2, 3, 0:", *rows(4, [0, 4, 0x12, 0x30, 0, 0, 4, 0x45, 0, 1]))
P
v/bin/python main.py | tee seen
cat > expected <<'T'
two of 7, a jump of one right and one up, one of 9: [7, 7, 0, 0] [0, 0, 0, 0]
the same pixels without a jump: [7, 7, 0, 0] [0, 0, 0, 9]
in 4 bits a stretch of 1, 2, 3, and a line of 4, 5: [1, 2, 0, 0] [4, 5, 4, 5]
in 4 bits a stretch of 1, 2, 3, 0: [1, 2, 3, 0] [4, 5, 4, 5]
T
cmp seen expected
