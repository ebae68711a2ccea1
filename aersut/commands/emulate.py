"""Run an export's C library on emulated boards (QEMU) and compare every byte.

{program} --mode=emulate --workdir=RUN
    Build export/c for boards with Cortex-M and RISC-V processors, run test clips on them, write
    RUN/export/emulation.json and a section of the model card.
{program} --mode=emulate --workdir=RUN --boards=cortex-m4f clip.wav
    Run one recording on one board.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from aersut.commands.command import Arguments, Command
from aersut.commands.common import FLAGS, open_run
from aersut.errors import UserError
from aersut.paths import read_json, write_json

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Int16

    from aersut.emulation.boards import Board
    from aersut.run_folder import Run

flags.DEFINE_list("boards", None, "Emulated boards, by their processors; by default all whose tools are installed.")
CLIPS = 6
"""Number of test clips that are joined to one recording."""


def _run(arguments: Arguments) -> int:
    from aersut.bundle_files import CARD
    from aersut.bundle_record import recorded_update
    from aersut.emulation import products
    from aersut.emulation.card import update_card
    from aersut.emulation.emulate import Emulation, Failure, emulate
    from aersut.emulation.summary import Summary, predicted, table
    from aersut.evaluation.result_files import EMULATION

    run = open_run(arguments)
    samples = _recording(run, arguments.paths)
    found = list(emulate(run.export, samples, _boards(FLAGS.boards)))
    done = [one for one in found if isinstance(one, Emulation)]
    errors = [one.reason for one in found if isinstance(one, Failure)]
    errors += [f"{one.board.processor}: {one.error} from TensorFlow Lite Micro's." for one in done if one.error]
    if done:
        summary = Summary(done, predicted(run.export, samples), run.experiment.framing)
        earlier = run.export / EMULATION
        result = summary.result((read_json(earlier) or {}).get("boards", ()))
        print(table(summary), products.table(result["products"]), sep="\n\n")
        with recorded_update(run.export, EMULATION, CARD):
            write_json(earlier, result)
            update_card(run.export / CARD, result)
        print(f"\nwritten to {earlier} and {CARD}; --mode=report adds the tables to the report")
    for error in errors:
        print(f"error: {error}", file=sys.stderr)
    return 1 if errors else 0


def _boards(names: list[str] | None) -> "tuple[Board, ...]":
    """The named boards, or those whose tools are installed; all if no tools are, which `emulate` refuses."""
    from aersut.emulation.boards import BOARDS

    known = {board.processor.lower(): board for board in BOARDS}
    if names == []:
        raise UserError(f"--boards is empty; choose from {', '.join(known)}, or omit it.")
    if names is not None:
        if unknown := [name for name in names if name.lower() not in known]:
            raise UserError(f"--boards: '{unknown[0]}' is unknown; choose from {', '.join(known)}.")
        return tuple(known[name.lower()] for name in names)
    usable = tuple(board for board in BOARDS if not board.toolchain.missing)
    for one in {board.toolchain for board in BOARDS if usable and board not in usable}:
        omitted = ", ".join(board.processor for board in BOARDS if board.toolchain == one)
        print(f"warning: {omitted} are not emulated: {one.missing}", file=sys.stderr)
    return usable or BOARDS


def _recording(run: "Run", paths: tuple[str, ...]) -> "Int16[np.ndarray, ' samples']":
    """The recordings at `paths`, or clips of the test set, one after the other."""
    import numpy as np

    from aersut.data.audio import clip_errors, read_recording, resample, to_int16
    from aersut.run import prepare

    if paths:
        rate = run.experiment.framing.sample_rate
        samples = []
        for path in paths:
            with clip_errors(f"clip {path}"):
                samples.append(to_int16(resample(read_recording(Path(path)), rate)))
        return np.concatenate(samples)
    prepared = prepare(run)
    examples = prepared.split.examples("test")
    clips = list(dict.fromkeys(int(clip) for clip, _ in examples))
    chosen = [clips[index] for index in np.linspace(0, len(clips) - 1, min(CLIPS, len(clips))).astype(int)]
    return np.concatenate([prepared.collection.window(clip) for clip in chosen])


COMMAND = Command(_run, __doc__, flags=("experiment", "workdir", "boards"), paths=True, extras=("train",))
