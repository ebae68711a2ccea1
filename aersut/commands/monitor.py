"""Classify a microphone's audio live, in a browser.

{program} --mode=monitor --model=micro_speech
    Classify a microphone's audio live, in a browser on this machine.
{program} --mode=monitor --model=RUN/export/model_int8.tflite --host=0.0.0.0 --certificate=cert.pem
    Serve an exported model to other machines, which need the printed token.
{program} --mode=monitor --model=micro_speech --origin=https://notebook.example.org
    Serve it behind a proxy or a forwarded port, under whose URL the browser shows the page.
"""

import contextlib
import sys
from pathlib import Path

from absl import flags

from aersut.commands.command import Arguments, Command
from aersut.commands.common import FLAGS
from aersut.errors import UserError

flags.DEFINE_string("host", "127.0.0.1", "Address to serve at; clients on other machines need the token.")
flags.DEFINE_integer("port", 8765, "Port to serve at; 0 for any free one.", lower_bound=0, upper_bound=65_535)
flags.DEFINE_string(
    "token", None, "Token that every client needs; default: none with a loopback host, else a random one."
)
flags.DEFINE_list(
    "origin", [], "URL of the page in the browser, if a proxy or a forwarded port is in between; several with commas."
)
flags.DEFINE_string("certificate", None, "PEM file with the certificate, for https.")
flags.DEFINE_string("key", None, "PEM file with the certificate's private key, if --certificate does not hold it.")


def _run(_: Arguments) -> int:
    from aersut.serving.address import ServerAddress, parse_origins
    from aersut.serving.monitor import serve
    from aersut.serving.predict import PredictOptions
    from aersut.serving.served_models import load_served_models

    if not FLAGS.model:
        raise UserError("--model is missing: expected --model=NAME (--list names the zoo), FILE.tflite or RUN.")
    models = load_served_models(FLAGS.model, FLAGS.min_confidence)
    for reason in models.skipped:
        print(f"skipped: {reason}", file=sys.stderr)
    certificate, key = (Path(path) if path else None for path in (FLAGS.certificate, FLAGS.key))
    options = PredictOptions(FLAGS.hop, FLAGS.smoothing, FLAGS.vad_threshold)
    next(iter(models.recognizers.values())).stream(**options.stream_arguments)  # reports a value out of range
    address = ServerAddress(FLAGS.host, FLAGS.port, FLAGS.token, certificate, key, parse_origins(FLAGS.origin))
    with contextlib.suppress(KeyboardInterrupt):
        serve(models, options, address, lambda url: print(f"monitor at {url} (stop it with Ctrl-C)", flush=True))
    return 0


COMMAND = Command(
    _run,
    __doc__,
    flags=(
        *("model", "hop", "smoothing", "vad_threshold", "min_confidence"),
        *("host", "port", "origin", "token", "certificate", "key"),
    ),
    notes={
        "model": "Name of a model in the zoo (--list), run folder, export folder, or exported .tflite file.",
        "hop": "Seconds from one window to the next; default: 0.5.",
    },
    extras=("monitor",),
)
