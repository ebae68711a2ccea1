"""The log of a training."""

import subprocess
import sys
from pathlib import Path


def test_events_are_written_without_importing_pytorch(tmp_path):
    (tmp_path / "torch.py").write_text("raise SystemExit('torch is imported')")
    code = (
        "import sys\n"
        "from aersut.training.training_log import TrainingLog\n"
        "from aersut.config import Experiment\n"
        "from aersut.run_folder import Run\n"
        "from pathlib import Path\n"
        f"with TrainingLog(Run(Path({str(tmp_path)!r}), Experiment()), 10, 0) as log:\n"
        "    log.record({'epoch': 1, 'step': 10, 'train_loss': 1.0, 'train_accuracy': 0.5, 'validation_loss': 1.0,\n"
        "                'validation_uar': 0.5, 'clips_per_second': 1.0})\n"
        "assert 'torch' not in sys.modules\n"
    )
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": f"{tmp_path}:{root}"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    (events,) = (tmp_path / "tensorboard").iterdir()
    assert b"validation_uar" in events.read_bytes()
