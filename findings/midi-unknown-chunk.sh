#!/usr/bin/env bash
# mido 1.3.3 and pretty_midi 0.2.11: a MIDI file with a chunk of another kind between header and track is refused; symusic 0.6 reads it.
#
# Guess: the Standard MIDI File specification tells programs to expect chunks of kinds that they do not know and to pass over them as if
#   they were not there, so a reader that many build on gives the notes of the track behind one.
# Seen: mido raises OSError for it, and so does pretty_midi, which reads by mido. symusic
#   gives the note. Without the chunk all three give it. A reader of collections of files counts such a file as damaged.
#
# Installs the three into a temporary folder only. Exit 0: as seen.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv v
v/bin/pip install -q mido==1.3.3 pretty_midi==0.2.11 symusic==0.6.0 "setuptools<81" 2> log || { cat log; exit 1; }
cat > main.py <<'P'
import struct
import warnings

warnings.simplefilter("ignore")
import mido
import pretty_midi
import symusic


def chunk(kind, body):
    return kind + struct.pack(">I", len(body)) + body


header = chunk(b"MThd", struct.pack(">HHH", 0, 1, 480))
track = chunk(b"MTrk", b"\x00\x90\x3c\x40" + b"\x83\x60\x80\x3c\x00" + b"\x00\xff\x2f\x00")
open("plain.mid", "wb").write(header + track)
open("other.mid", "wb").write(header + chunk(b"XFIH", b"made by nobody") + track)


def notes(name, read):
    for file in ("plain.mid", "other.mid"):
        try:
            print(f"{name:12} {file:10} {read(file)} note(s)")
        except OSError as e:
            print(f"{name:12} {file:10} {type(e).__name__}")


notes("mido", lambda f: sum(m.type == "note_on" for t in mido.MidiFile(f).tracks for m in t))
notes("pretty_midi", lambda f: sum(len(i.notes) for i in pretty_midi.PrettyMIDI(f).instruments))
notes("symusic", lambda f: sum(len(t.notes) for t in symusic.Score(f).tracks))
P
v/bin/python main.py | tee seen
cat > expected <<'T'
mido         plain.mid  1 note(s)
mido         other.mid  OSError
pretty_midi  plain.mid  1 note(s)
pretty_midi  other.mid  OSError
symusic      plain.mid  1 note(s)
symusic      other.mid  1 note(s)
T
cmp seen expected
