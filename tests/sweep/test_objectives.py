"""Two objectives for real: each trial is exported to int8, and weighed."""

import csv

import pytest


@pytest.mark.slow  # TensorFlow converts each trial: nothing else shows that what is weighed is the file that is shipped
def test_a_smaller_network_is_on_the_front(launch, tiny, tmp_path):
    done = launch(
        "--mode=sweep", f"--experiment={tiny}", f"--workdir={tmp_path}", "--sweep.model.dense=8,64",
        "--objectives=uar,size", "--experiment.epochs=1", "--experiment.augmented_copies=0", "--experiment.augment=",
    )  # fmt: skip
    assert done.status == 0, done.err
    assert "2 of 2 trials ended" in done.out
    with (tmp_path / "trials.csv").open() as file:
        trials = {row["model.dense"]: row for row in csv.DictReader(file)}
    for row in trials.values():
        exported = tmp_path / row["folders"] / "export" / "model_int8.tflite"
        assert float(row["size"]) == exported.stat().st_size
    assert float(trials["8"]["size"]) < float(trials["64"]["size"])
    starred = [line.split()[0] for line in done.out.splitlines() if " * " in line and line[0].isdigit()]
    assert trials["8"]["trial"] in starred, "nothing is smaller"
    assert (tmp_path / "pareto.png").exists()
    assert (tmp_path / "pareto.svg").exists()
