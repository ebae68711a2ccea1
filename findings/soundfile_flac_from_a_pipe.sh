#!/usr/bin/env bash
# Believed: soundfile reads a FLAC file to its end in blocks, whether or not its header has the number of samples. The format
# (RFC 9639, section 8.2) lets an encoder write 0 for "unknown", as one does that writes into a pipe.
# Found: the length is announced as 2**63 - 1 samples. Reading in blocks raises "Internal psf_fseek() failed" at the last block,
# whose samples are lost. The samples are there: libsndfile fails when it seeks to a position that soundfile computes.
# Date: 29 November 2026. Source: output of this script, soundfile 0.14.0 with libsndfile 1.2.2.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check soundfile==0.14.0 numpy==2.4.6
cat > "$folder/blocks.py" <<'PYTHON'
import io

import numpy as np
import soundfile

samples = np.random.default_rng(0).uniform(-0.5, 0.5, 49_234)
file = io.BytesIO()
soundfile.write(file, samples, 16_000, format="FLAC")
content = bytearray(file.getvalue())
content[21] &= 0xF0  # the 36 bits of STREAMINFO with the number of samples
content[22:26] = bytes(4)
read, error = 0, None
with soundfile.SoundFile(io.BytesIO(content)) as opened:
    announced = opened.frames
    try:
        while block := len(opened.read(4096)):
            read += block
    except soundfile.LibsndfileError as raised:
        error = raised
print(f"{len(samples):,} samples; announced {announced:,}; read {read:,}, then: {error}")
assert announced == 2**63 - 1 and read < len(samples) and error
PYTHON
"$folder/venv/bin/python" "$folder/blocks.py" || { echo "the behaviour has changed"; exit 1; }
# Output seen:
# 49,234 samples; announced 9,223,372,036,854,775,807; read 49,152, then: Internal psf_fseek() failed.
