#!/usr/bin/env bash
# Believed: soundfile reads an MP3 file to its end, as it reads files of other formats.
# Found: libsndfile computes the length of an MP3 file of variable bit rate without a Xing header (streams, recorders) from the
# bit rate of its first frames. It stops early if the file begins loudly, and announces samples that do not exist if it begins
# with silence. There is no error, and no warning.
# Date: 29 November 2026. Source: output of this script, soundfile 0.14.0 with libsndfile 1.2.2.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check soundfile==0.14.0 numpy==2.4.6
cat > "$folder/lengths.py" <<'PYTHON'
import io

import numpy as np
import soundfile

RATE, SECONDS = 16_000, 20
noise, silence = np.random.default_rng(0).uniform(-0.5, 0.5, RATE * SECONDS), np.zeros(RATE * SECONDS)
changed = False
for name, samples in (("noise first", [noise, silence]), ("silence first", [silence, noise])):
    file = io.BytesIO()
    with soundfile.SoundFile(file, "w", RATE, 1, format="MP3", bitrate_mode="VARIABLE", compression_level=0.5) as written:
        written.write(np.concatenate(samples))
    content = file.getvalue()
    sync = content[:2]  # of every frame: same version, layer and protection
    xing = content.index(b"Xing")
    without = content[content.index(sync, xing) :]  # the frame with the Xing header contains no samples
    with soundfile.SoundFile(io.BytesIO(content)) as right, soundfile.SoundFile(io.BytesIO(without)) as wrong:
        lengths = right.frames / RATE, wrong.frames / RATE, len(wrong.read()) / RATE
        print(f"{name}: {{:.1f}} s; without Xing header {{:.1f}} s announced, {{:.1f}} s read".format(*lengths))
    changed |= abs(lengths[1] - 2 * SECONDS) < 2
assert not changed
PYTHON
"$folder/venv/bin/python" "$folder/lengths.py" 2>/dev/null || { echo "the behaviour has changed"; exit 1; }
# Output seen:
# noise first: 40.0 s; without Xing header 10.5 s announced, 10.5 s read
# silence first: 40.0 s; without Xing header 83.9 s announced, 40.1 s read
