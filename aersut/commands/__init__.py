"""The modes of the command line, one module each. Whatever is heavy is imported when a mode runs."""

from aersut.commands import (
    compare,
    data,
    evaluate,
    everything,
    export,
    lr_range,
    monitor,
    predict,
    report,
    show,
    sweep,
    train,
)

COMMANDS = {
    "all": everything.COMMAND,
    "data": data.COMMAND,
    "train": train.COMMAND,
    "evaluate": evaluate.COMMAND,
    "export": export.COMMAND,
    "predict": predict.COMMAND,
    "monitor": monitor.COMMAND,
    "report": report.COMMAND,
    "compare": compare.COMMAND,
    "show": show.COMMAND,
    "sweep": sweep.COMMAND,
    "lr_range": lr_range.COMMAND,
}
