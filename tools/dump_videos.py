#!/usr/bin/env python3
"""Writes small videos and what PyAV (FFmpeg's libraries, another build of them) makes of their frames:
tests/io/data/videos.json. Needs av (18.1) and numpy: dump_videos.py OUT.json"""
import io
import json
import sys
from fractions import Fraction

import av
import numpy as np


def picture(i, width, height):
    """A smooth ground that differs from corner to corner, and a square that moves."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    rgb = np.stack([60 + 120 * x / width, 200 - 120 * y / height, 60 + 90 * (x + y) / (width + height)], 2)
    left = 4 + 3 * i
    rgb[6:14, left:left + 8] = (230, 40, 30)
    return rgb.astype(np.uint8)


def write(name, container, codec, times, size=(32, 24), pixels="yuv420p", options=None, flags=None, matrix=None, full=False, fragments=False):
    """times: of the frames, in hundredths of a second."""
    file = io.BytesIO()
    with av.open(file, "w", format=container,
                 options={"movflags": "frag_keyframe+empty_moov"} if fragments else {}) as out:
        stream = out.add_stream(codec, rate=25, options=options or {})
        stream.width, stream.height, stream.pix_fmt = *size, pixels
        stream.codec_context.time_base = Fraction(1, 100)
        stream.time_base = Fraction(1, 100)
        if matrix is not None:
            stream.codec_context.colorspace = matrix
        if full:
            stream.codec_context.color_range = 2
        for i, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(picture(i, *size), format="rgb24").reformat(
                format=pixels, dst_colorspace=matrix or 5, dst_color_range=2 if full else 1)
            frame.pts, frame.time_base = time, Fraction(1, 100)
            for packet in stream.encode(frame):
                out.mux(packet)
        for packet in stream.encode():
            out.mux(packet)
    return file.getvalue()


def turned(mp4, degrees):
    """The same file with another matrix in its track's header (tkhd): a turn clockwise."""
    one = 1 << 16
    rows = {90: (0, one, -one, 0), 180: (-one, 0, 0, -one), 270: (0, -one, one, 0)}[degrees]
    at = mp4.index(b"tkhd") + 4 + 40
    a, b, c, d = (v.to_bytes(4, "big", signed=True) for v in rows)
    zero, w = bytes(4), (1 << 30).to_bytes(4, "big")
    matrix = a + b + zero + c + d + zero + zero + zero + w
    return mp4[:at] + matrix + mp4[at + 36:]


def read(data):
    """Seconds and pictures as PyAV decodes them, turned as the file says."""
    seconds, frames = [], []
    with av.open(io.BytesIO(data)) as file:
        for frame in file.decode(video=0):
            seconds.append(float(frame.time))
            rgb = frame.to_ndarray(format="rgb24", interpolation="BICUBIC")
            frames.append(np.rot90(rgb, frame.rotation // 90))
    return [s - seconds[0] for s in seconds], frames


def main():
    even = [4 * i for i in range(6)]
    uneven = [0, 4, 8, 40, 44, 90]
    fine = {"crf": "1", "preset": "ultrafast"}
    x264 = write("", "mp4", "libx264", even, options=fine)
    files = {
        "mp4, H.264": x264,
        "mp4, turned by 90": turned(x264, 90),
        "mp4, turned by 180": turned(x264, 180),
        "mp4, turned by 270": turned(x264, 270),
        "mp4, BT.709": write("", "mp4", "libx264", even, options=fine, matrix=1),
        "mp4, full range": write("", "mp4", "libx264", even, options=fine, full=True, pixels="yuvj420p"),
        "mp4, fragments": write("", "mp4", "libx264", even, options=fine, fragments=True),
        "mp4, begins at 2 s": write("", "mp4", "libx264", [200 + t for t in even], options=fine),
        "mp4, 4:4:4": write("", "mp4", "libx264", even, options=fine, pixels="yuv444p"),
        "mp4, 10 bits": write("", "mp4", "libx264", even, options=fine, pixels="yuv420p10le"),
        "mkv, uneven times": write("", "matroska", "libx264", uneven, options=fine),
        "webm, VP9": write("", "webm", "libvpx-vp9", even, options={"crf": "4", "b": "0"}),
        "avi, MPEG-4": write("", "avi", "mpeg4", even, options={"qmin": "1", "qmax": "2"}),
        "avi, MJPEG": write("", "avi", "mjpeg", even, pixels="yuvj420p", options={"qmin": "1", "qmax": "2"}),
        "ts, MPEG-2": write("", "mpegts", "mpeg2video", even, options={"qmin": "1", "qmax": "2"}),
        "mov, PNG": write("", "mov", "png", even, pixels="rgb24"),
    }
    rows = []
    for name, data in files.items():
        seconds, frames = read(data)
        last = frames[-1]
        rows.append({"name": name, "file": data.hex(), "seconds": [round(s, 4) for s in seconds],
                     "width": last.shape[1], "height": last.shape[0], "last": last.tobytes().hex()})
        print(f"{name}: {len(data)} bytes, {len(frames)} frames, {seconds}", file=sys.stderr)
    with open(sys.argv[1], "w") as out:
        out.write("[\n" + ",\n".join(json.dumps(r) for r in rows) + "\n]\n")


main()
