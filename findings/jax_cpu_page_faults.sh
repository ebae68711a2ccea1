#!/usr/bin/env bash
# Believed: a jitted function that is called again with equal shapes works in the memory of the call before, as malloc's threshold
# for mmap adapts to the sizes that a program frees.
# Found: on a CPU, XLA allocates all temporary values and results anew in each call. glibc's threshold adapts up to 32 MB only, so
# every larger block is mapped and unmapped each time, and each of its pages costs a fault: 57,349 here. Below that
# size there is none. Three variables keep the memory, but only if they are set when the process starts, and
# MALLOC_ARENA_MAX=1 is one of them, because XLA runs in a thread, whose arenas of 64 MB are unmapped when they are empty.
# Date: 29 November 2026. Source: output of this script, jax and jaxlib 0.10.2, glibc 2.36; mallopt(3), M_MMAP_THRESHOLD.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
cat > "$folder/faults.py" <<'PYTHON'
import resource
import statistics
import sys

import jax
import jax.numpy as jnp


def loss(weights, x):
    for _ in range(6):
        x = jnp.tanh(x @ weights)
    return x.sum()


gradient = jax.jit(jax.grad(loss))


def faults_of_a_call(rows: int) -> int:
    weights, x = jnp.eye(64), jnp.ones((rows, 64))
    for _ in range(10):
        gradient(weights, x).block_until_ready()
    faults = []
    for _ in range(7):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        gradient(weights, x).block_until_ready()
        faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
    return statistics.median(faults)


for rows in (16_384, 131_072):
    print(f"{sys.argv[1]}: median page faults of a call with values of {rows * 64 * 4 >> 20} MB: {faults_of_a_call(rows):,.0f}")
many = faults_of_a_call(131_072) > 1000
sys.exit(many != (sys.argv[1] == "default"))
PYTHON
export JAX_PLATFORMS=cpu
run() { "$folder/venv/bin/python" "$folder/faults.py" "$1"; }
{ run default && MALLOC_ARENA_MAX=1 MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=4294967296 run "memory kept"; } ||
    { echo "the behaviour has changed"; exit 1; }
# Output seen:
# default: median page faults of a call with values of 4 MB: 0
# default: median page faults of a call with values of 32 MB: 57,349
# memory kept: median page faults of a call with values of 4 MB: 0
# memory kept: median page faults of a call with values of 32 MB: 0
