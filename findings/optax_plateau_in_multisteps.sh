#!/usr/bin/env bash
# Believed: optax.contrib.reduce_on_plateau inside optax.MultiSteps follows the loss of the accumulated batches.
# Found: it gets the value of the last batch of each update alone; the values of the other batches are never seen. Here the mean
# loss of the two batches falls with every update, but the second one is constant, so the learning rate is halved each time.
# Date: 29 November 2026. Source: output of this script, optax 0.2.8.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check optax==0.2.8
cat > "$folder/plateau.py" <<'PYTHON'
import jax.numpy as jnp
import optax

plateau = optax.contrib.reduce_on_plateau(factor=0.5, patience=1)
optimizer = optax.MultiSteps(optax.chain(optax.sgd(1.0), plateau), every_k_schedule=2)
weight = jnp.zeros(())
state = optimizer.init(weight)
rates = []
for first in (9.0, 8.0, 7.0, 6.0, 5.0):  # mean losses 7, 6.5, 6, 5.5, 5
    for loss in (first, 5.0):
        update, state = optimizer.update(jnp.ones(()), state, weight, value=loss)
    rates.append(-float(update))
print("mean loss falls; learning rates", rates)
assert rates[-1] < 0.1
PYTHON
"$folder/venv/bin/python" "$folder/plateau.py" || { echo "the behaviour has changed"; exit 1; }
# Output seen:
# mean loss falls; learning rates [1.0, 0.5, 0.25, 0.125, 0.0625]
