"""What a command says about its progress: names of stages everywhere, bars on terminals and in notebooks."""

import io
import subprocess
import sys
from pathlib import Path

import pytest

from aersut import progress
from aersut.progress import stage


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_elsewhere_than_on_a_terminal_the_names_of_lasting_stages_are_printed_once(capsys):
    with stage("decoding 3 files", 3) as shown:
        for _ in range(3):
            shown.update()
            shown.tick()
        shown.say("taking no time")
        shown.say("checking them")
        shown.tick()
        shown.detail("loss 1.0")
        shown.write("done")
    assert capsys.readouterr() == ("done\n", "decoding 3 files\nchecking them\n")


def test_a_stage_that_takes_no_time_prints_nothing(capsys, monkeypatch):
    monkeypatch.setattr(progress, "INTERVAL", 60)
    with stage("decoding 3 files", 3):
        pass
    assert capsys.readouterr() == ("", "")


def test_the_name_of_a_stage_is_printed_while_it_lasts(monkeypatch):
    output, printed = io.StringIO(), progress.threading.Event()
    output.flush = printed.set
    monkeypatch.setattr(sys, "stderr", output)
    monkeypatch.setattr(progress, "INTERVAL", 0.01)
    with stage("decoding"):
        assert printed.wait(30)
    assert output.getvalue() == "decoding\n"


def test_a_terminal_has_a_bar_and_lines_above_it(monkeypatch, capsys):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with stage("decoding 4 files", 4, done=2) as shown:
        assert "decoding 4 files:  50%" in terminal.getvalue()
        shown.update()
        shown.write("a line")
        shown.say("checking")
        shown.detail("loss 1.0")
    printed = terminal.getvalue()
    assert "3/4" in printed
    assert "checking:  75%" in printed
    assert "loss 1.0" in printed
    assert printed.rpartition("\r")[0].endswith(" "), "the bar is removed at the end"
    assert capsys.readouterr().out == "a line\n"


def test_the_elapsed_time_of_a_stage_without_a_total_goes_on(monkeypatch):
    terminal, redrawn = Terminal(), progress.threading.Event()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(progress, "INTERVAL", 0.01)
    monkeypatch.setattr(
        Terminal, "flush", lambda self: redrawn.set() if self.getvalue().count("compiling") > 2 else None
    )
    with stage("compiling"):
        assert redrawn.wait(30)
    assert "compiling: 00:00" in terminal.getvalue()


def test_items_are_counted_when_they_are_finished(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with stage("writing", 2) as shown:
        items = shown.count("ab")
        assert next(items) == "a"
        assert shown._bar.n == 0
        assert list(items) == ["b"]
        assert shown._bar.n == 2


def test_an_error_in_a_stage_is_raised(capsys):
    with pytest.raises(OSError, match="full"), stage("writing"):
        raise OSError("full")


@pytest.mark.parametrize(("redirected", "printed"), [("2>&1", "one\ntwo\nlibrary\nend\n"), ("2>&-", "end\n")])
def test_a_stage_is_visible_where_messages_of_libraries_are_suppressed(redirected, printed):
    code = (
        "import os\n"
        "from aersut.progress import stage\n"
        "from aersut.quiet import quiet\n"
        "with stage('one') as shown:\n"
        "    if os.environ['QUIET'] == 'yes':\n"
        "        with quiet():\n"
        "            os.write(2, b'hidden'); shown.tick(); shown.say('two'); shown.tick()\n"
        "        os.write(2, b'library\\n')\n"
        "print('end')\n"
    )
    root = Path(__file__).parents[1]
    done = subprocess.run(
        ["sh", "-c", f'exec "$0" -c "$1" {redirected}', sys.executable, code],
        env={"PYTHONPATH": str(root), "QUIET": "yes" if "&1" in redirected else "no"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, printed)
