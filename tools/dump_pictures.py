#!/usr/bin/env python3
"""Writes small picture files of every kind and the pixels that Pillow makes of them to
tests/io/data/pictures.json; tests/io/picture_formats_test.cpp compares. Needs Pillow 12.1 and numpy.

Opacity is laid on white and pictures are turned upright, as the program does; of 16 bits the upper 8
are taken (Pillow's own convert("L") cuts at 255 instead). docs/pictures.md has a line for every row.
"""

import io
import json
import os
import struct

import numpy as np
from PIL import Image, ImageOps

WIDTH, HEIGHT = 7, 5
GREY_MODES = ("1", "L", "LA", "I;16")
rows = []


def ramp(channels, high=255):
    y, x, c = np.mgrid[0:HEIGHT, 0:WIDTH, 0:channels]
    return (x * 37 + y * 53 + c * 71 + x * y * 11) * high // 255 % (high + 1)


def picture(mode):
    if mode == "I;16":
        return Image.fromarray(ramp(1, 65535)[:, :, 0].astype(np.uint16))
    if mode == "1":
        return picture("L").convert("1", dither=Image.Dither.NONE)
    if mode == "P":
        return picture("RGB").convert("P", palette=Image.Palette.ADAPTIVE, colors=12)
    channels = len(mode)
    values = ramp(channels).astype(np.uint8)
    return Image.fromarray(values[:, :, 0] if channels == 1 else values, mode)


def orientation(value):
    exif = Image.Exif()
    exif[0x0112] = value
    return exif


def seen(data):
    image = Image.open(io.BytesIO(data))
    kind = image.mode
    image = ImageOps.exif_transpose(image)
    if kind.startswith("I;16"):
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
    palette = np.reshape(Image.open(io.BytesIO(data)).getpalette() or [0, 1, 2], (-1, 3))
    grey_palette = kind == "P" and data[:2] in (b"GI", b"BM") and np.all(palette == palette[:, :1])
    channels = 1 if kind in GREY_MODES or grey_palette else 3
    return image.convert("L" if channels == 1 else "RGB"), channels


def add(name, data, tolerance=0):
    image, channels = seen(data)
    rows.append({"name": name, "file": data.hex(), "width": image.width, "height": image.height,
                 "channels": channels, "tolerance": tolerance, "pixels": image.tobytes().hex()})


def saved(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def bmp(header, body, offset_extra=b""):
    offset = 14 + len(header) + len(offset_extra)
    return b"BM" + struct.pack("<IHHI", offset + len(body), 0, 0, offset) + header + offset_extra + body


def bmp_info(bits, compression, width=WIDTH, height=HEIGHT, colours=0, size=40):
    head = struct.pack("<IiiHHIIiiII", size, width, height, 1, bits, compression, 0, 0, 0, colours, 0)
    return head + b"\0" * (size - 40)


def bmp_16(masks):
    values = ramp(1, 65535)[::-1, :, 0].astype("<u2")
    body = b"".join(row.tobytes() + b"\0" * (-2 * WIDTH % 4) for row in values)
    extra = struct.pack("<III", *masks) if masks else b""
    return bmp(bmp_info(16, 3 if masks else 0), body, extra)


def bmp_alpha():
    head = bytearray(bmp_info(32, 3, size=108))
    head[40:56] = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    return bmp(bytes(head), ramp(4)[::-1].astype(np.uint8).tobytes())


def bmp_runs(bits):
    """Without jumps, and with even stretches of 4 bits: Pillow 12.1 reads two bytes too many for a jump, and leaves
    the last pixel of an odd stretch out. The test has those by the format's description."""
    palette = b"".join(bytes([i * 3, 255 - i * 9, i * 16, 0]) for i in range(16))
    if bits == 8:
        body = bytes([3, 1, 0, 4, 2, 3, 4, 5, 0, 0, 7, 9, 0, 0] + [7, 2, 0, 0] * 3 + [0, 1])
        return bmp(bmp_info(8, 1, colours=16), body, palette)
    body = bytes([3, 0x12, 0, 4, 0x34, 0x56, 0, 0] + [7, 0x67, 0, 0] * 4 + [0, 1])
    return bmp(bmp_info(4, 2, colours=16), body, palette)


def gif_part():
    """A frame of 3 x 2 at (2, 1) of a screen of 7 x 5, without and with a transparent colour."""
    palette = bytes([10, 20, 30, 200, 100, 50, 0, 255, 0, 255, 0, 255])
    head = b"GIF89a" + struct.pack("<HHBBB", WIDTH, HEIGHT, 0x81, 1, 0) + palette
    frame = b"," + struct.pack("<HHHHB", 2, 1, 3, 2, 0)
    # Codes of 3 bits: clear, 0, clear, 1, clear, 2, ... keeps every code 3 bits wide.
    bits, count = 0, 0
    for value in (0, 1, 2, 3, 2, 1):
        for code in (4, value):
            bits |= code << count
            count += 3
    bits |= 5 << count
    data = bits.to_bytes((count + 10) // 8, "little")
    body = frame + bytes([2, len(data)]) + data + b"\0;"
    return head + body, head + b"!\xf9\x04\x01\0\0\x02\0" + body


add("JPEG, colour", saved(picture("RGB"), "JPEG", quality=90), 2)
add("JPEG, progressive", saved(picture("RGB"), "JPEG", quality=90, progressive=True), 2)
add("JPEG, grey", saved(picture("L"), "JPEG", quality=90), 2)
add("JPEG, CMYK", saved(picture("CMYK"), "JPEG", quality=95), 2)
for value in range(2, 9):
    add(f"JPEG, orientation {value}", saved(picture("L"), "JPEG", quality=90, exif=orientation(value)), 2)
for mode, name in (("1", "1 bit"), ("L", "grey"), ("LA", "grey + alpha"), ("I;16", "16 bits grey"),
                   ("P", "palette"), ("RGB", "colour"), ("RGBA", "colour + alpha")):
    add(f"PNG, {name}", saved(picture(mode), "PNG"))
add("PNG, palette with a transparent colour", saved(picture("P"), "PNG", transparency=3))
add("PNG, orientation 6", saved(picture("RGB"), "PNG", exif=orientation(6)))
add("WebP, lossy", saved(picture("RGB"), "WEBP", quality=90), 1)
add("WebP, lossy + alpha", saved(picture("RGBA"), "WEBP", quality=90), 1)
add("WebP, lossless", saved(picture("RGB"), "WEBP", lossless=True))
add("WebP, lossless + alpha", saved(picture("RGBA"), "WEBP", lossless=True, exact=True))
add("WebP, orientation 8", saved(picture("RGB"), "WEBP", lossless=True, exif=orientation(8)))
add("WebP, first frame of an animation", saved(picture("RGB"), "WEBP", lossless=True, save_all=True,
                                               append_images=[picture("L").convert("RGB")]))
for mode, name in (("1", "1 bit"), ("L", "grey"), ("LA", "grey + alpha"), ("I;16", "16 bits grey"),
                   ("P", "palette"), ("RGB", "colour"), ("RGBA", "colour + alpha"), ("CMYK", "CMYK")):
    add(f"TIFF, {name}", saved(picture(mode), "TIFF"))
add("TIFF, LZW", saved(picture("RGB"), "TIFF", compression="tiff_lzw"))
add("TIFF, deflate", saved(picture("RGB"), "TIFF", compression="tiff_adobe_deflate"))
add("TIFF, JPEG inside", saved(picture("RGB"), "TIFF", compression="jpeg", quality=90), 2)
add("TIFF, group 4 fax", saved(picture("1"), "TIFF", compression="group4"))
for value in (2, 5, 6):
    add(f"TIFF, orientation {value}", saved(picture("RGB"), "TIFF", tiffinfo={274: value}))
add("GIF, palette", saved(picture("P"), "GIF"))
add("GIF, interlaced", saved(picture("P"), "GIF", interlace=1))
add("GIF, transparent colour", saved(picture("P"), "GIF", transparency=3))
add("GIF, grey", saved(picture("L"), "GIF"))
add("GIF, first frame of an animation", saved(picture("P"), "GIF", save_all=True, append_images=[picture("L")]))
for name, data in zip(("GIF, frame smaller than the screen", "GIF, such a frame with transparency"), gif_part()):
    add(name, data)
add("BMP, 1 bit", saved(picture("1"), "BMP"))
add("BMP, grey", saved(picture("L"), "BMP"))
add("BMP, palette", saved(picture("P"), "BMP"))
add("BMP, colour", saved(picture("RGB"), "BMP"))
add("BMP, colour + alpha", bmp_alpha())
add("BMP, 32 bits without masks", bmp(bmp_info(32, 0), ramp(4)[::-1].astype(np.uint8).tobytes()))
add("BMP, rows from the top", bmp(bmp_info(32, 0, height=-HEIGHT), ramp(4).astype(np.uint8).tobytes()))
add("BMP, 5 5 5 bits", bmp_16(None))
add("BMP, 5 6 5 bits", bmp_16((0xF800, 0x7E0, 0x1F)))
add("BMP, run lengths of 8 bits", bmp_runs(8))
add("BMP, run lengths of 4 bits", bmp_runs(4))
add("PPM, colour", saved(picture("RGB"), "PPM"))
add("PGM, grey", saved(picture("L"), "PPM"))

path = os.path.join(os.path.dirname(__file__), "..", "tests", "io", "data", "pictures.json")
os.makedirs(os.path.dirname(path), exist_ok=True)
with open(path, "w", encoding="utf-8") as out:
    out.write("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")
