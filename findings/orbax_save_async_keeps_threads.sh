#!/usr/bin/env bash
# Believed: the response of Checkpointer.save_async can be ignored, as the next save, or close(), waits for the write; its thread
# ends when the write is finished.
# Found: each response has a thread with an event loop and three file descriptors, which end when result() is called, and not
# before the Checkpointer is closed otherwise, nor afterwards. A training with 600 checkpoints had 1,734 open files; with the usual
# soft limit of 1,024 it fails, and select() refuses the descriptors of its subprocesses. With result() before the next save the
# numbers stay the same, and writes are still in the background.
# Date: 29 November 2026. Source: output of this script, orbax-checkpoint 0.12.8; orbax/checkpoint/experimental/v1/_src/
# synchronization/thread_utils.py, where only result() shuts the runner down.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check orbax-checkpoint==0.12.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
cat > "$folder/saves.py" <<'PYTHON'
import sys
import threading
from pathlib import Path

import numpy as np
from orbax.checkpoint import v1 as ocp

ask, folder = sys.argv[1] == "asked for", sys.argv[2]
policies = ocp.training.preservation_policies
every = ocp.training.save_decision_policies.FixedIntervalPolicy(1)
response, counts = None, []
with ocp.training.Checkpointer(folder, save_decision_policy=every, preservation_policy=policies.LatestN(1)) as checkpointer:
    for step in range(1, 61):
        if ask and response is not None:
            response.result()
        response = checkpointer.save_async(step, {"a": np.zeros(3)}, checkpointable_name="state")
        if step in (20, 60):
            counts.append((threading.active_count(), len(list(Path("/dev/fd").iterdir()))))
(threads, files), (later_threads, later_files) = counts
print(f"result {sys.argv[1]}: {later_threads - threads:+} threads, {later_files - files:+} open files in 40 saves")
grows = later_threads - threads > 30 and later_files - files > 90
sys.exit(grows == ask)
PYTHON
run() { "$folder/venv/bin/python" "$folder/saves.py" "$1" "$folder/${1// /_}" 2> /dev/null; }
{ run ignored && run "asked for"; } || { echo "the behaviour has changed"; exit 1; }
# Output seen:
# result ignored: +41 threads, +121 open files in 40 saves
# result asked for: +0 threads, +0 open files in 40 saves
