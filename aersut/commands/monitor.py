"""--mode=monitor: what is heard in a microphone, as a page in a browser."""

import contextlib
import sys
from pathlib import Path

from absl import flags

from aersut.commands.command import Arguments, Command
from aersut.commands.common import FLAGS
from aersut.errors import UserError

flags.DEFINE_string("host", "127.0.0.1", "With --mode=monitor: where it is served; other machines need the token.")
flags.DEFINE_integer("port", 8765, "With --mode=monitor: the port, 0 for any.", lower_bound=0, upper_bound=65_535)
flags.DEFINE_string("token", None, "With --mode=monitor: what others have to show; by default one is made.")
flags.DEFINE_string("certificate", None, "With --mode=monitor: PEM file, for https.")
flags.DEFINE_string("key", None, "With --certificate: the PEM file of its key, where that is another.")


def _run(_: Arguments) -> int:
    from aersut.serving.gallery import open_gallery
    from aersut.serving.monitor import serve
    from aersut.serving.place import Place
    from aersut.serving.predict import Options

    if not FLAGS.model:
        raise UserError("which model? --model=FILE.tflite, or --model=RUN.")
    gallery = open_gallery(Path(FLAGS.model))
    for reason in gallery.left_out:
        print(f"left out: {reason}", file=sys.stderr)
    certificate, key = (Path(path) if path else None for path in (FLAGS.certificate, FLAGS.key))
    options = Options(FLAGS.hop, FLAGS.smoothing, FLAGS.gate)
    next(iter(gallery.recognizers.values())).stream(**options.following)  # a hop that cannot be is refused here
    place = Place(FLAGS.host, FLAGS.port, FLAGS.token, certificate, key)
    with contextlib.suppress(KeyboardInterrupt):  # as it was told
        serve(gallery, options, place, lambda address: print(f"monitor at {address} (Ctrl-C ends it)", flush=True))
    return 0


USAGE = (("--mode=monitor --model=RUN", "what a microphone hears, live in a browser"),)
FLAGS_HERE = ("model", "hop", "smoothing", "gate", "host", "port", "token", "certificate", "key")
COMMAND = Command(_run, USAGE, flags=FLAGS_HERE)
