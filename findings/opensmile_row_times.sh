#!/usr/bin/env bash
# Believed: a row of openSMILE's low-level descriptors in Python is computed from the samples between its times (start, end).
# Found: the times are those of the 20 ms frames of loudness and spectrum. The pitch of eGeMAPS comes
# from frames of 60 ms that begin at the same time, so their center is 20 ms later than the center of the row's times: a row that
# ends 10 ms before a voice begins has its pitch. Who places rows by their times is early by that for pitch.
# Date: 29 November 2026. Source: output of this script, opensmile 2.6.0; frame sizes in its eGeMAPSv02 configuration.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check opensmile==2.6.0
cat > "$folder/rows.py" <<'PYTHON'
import numpy as np
import opensmile

RATE = 16_000
time = np.arange(2 * RATE) / RATE
noise = 1e-4 * np.random.default_rng(0).standard_normal(len(time))
samples = np.where(time < 1.0, noise, 0.3 * np.sign(np.sin(2 * np.pi * 150 * time)))
smile = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.LowLevelDescriptors)
table = smile.process_signal(samples, RATE).reset_index()
voiced = table[table["F0semitoneFrom27.5Hz_sma3nz"] > 0].iloc[0]
start, end = voiced["start"].total_seconds(), voiced["end"].total_seconds()
print(f"the voice begins at 1.00 s; the first row with a pitch has the times {start:.2f} to {end:.2f} s")
assert end < 1.0
PYTHON
"$folder/venv/bin/python" "$folder/rows.py" || { echo "the behaviour has changed"; exit 1; }
# Output seen:
# the voice begins at 1.00 s; the first row with a pitch has the times 0.97 to 0.99 s
