"""--mode=monitor from the command line: where it is served, and what it says when it cannot be."""

import os
import re
import shutil
import socket
import ssl
import subprocess
import urllib.error
import urllib.request

import pytest

from aersut.serving.place import Place


def test_others_need_the_token_that_it_prints(bundle, monitoring):
    with monitoring(f"--model={bundle / 'model_int8.tflite'}", "--host=0.0.0.0") as said:
        port, token = re.findall(r"http://0\.0\.0\.0:(\d+)/\?token=(\S{20,}) ", said)[0]
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/models")
        request = urllib.request.Request(f"http://127.0.0.1:{port}/models", headers={"Cookie": f"aersut-token={token}"})
        with urllib.request.urlopen(request) as answer:
            assert b'[{"name":"model_int8.tflite"' in answer.read()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_is_served_over_tls_where_it_has_a_certificate(bundle, monitoring, tmp_path):
    make = "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost -keyout key.pem -out cert.pem"
    subprocess.run(make.split(), cwd=tmp_path, check=True, capture_output=True)
    paths = (f"--certificate={tmp_path / 'cert.pem'}", f"--key={tmp_path / 'key.pem'}")
    with monitoring(f"--model={bundle / 'model_int8.tflite'}", *paths) as said:
        address = re.findall(r"https://\S+", said)[0]
        trusting = ssl._create_unverified_context()
        with urllib.request.urlopen(address, context=trusting) as answer:
            assert b"AERSUT" in answer.read()


def test_mistakes_end_with_2_and_one_line(launch, bundle, tmp_path):
    model = f"--model={bundle / 'model_float32.tflite'}"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for arguments, said in (
            ((), "which model?"),
            (("--model=nothing.tflite",), "no such file or run folder"),
            ((f"--model={tmp_path}",), "that of no run"),
            ((model, f"--port={port}"), f"cannot be served at 127.0.0.1:{port}: Address already in use"),
            ((model, "--host=nowhere.invalid"), "cannot be served at nowhere.invalid"),
            ((model, "--host=0.0.0.0", "--token=short"), "--token has 5 characters"),
            ((model, f"--certificate={tmp_path / 'no.pem'}"), "no.pem: No such file"),
            ((model, "--hop=9"), "hop is 9.0 s"),
            ((model, "--rate=8000"), "--rate goes with --mode=predict"),
        ):
            outcome = launch("--mode=monitor", *arguments)
            assert outcome.status == 2
            assert said in outcome.err
            assert outcome.err.count("\n") == 1


def test_a_file_of_the_bundle_that_cannot_be_loaded_is_named_and_left_out(bundle, monitoring, tmp_path):
    folder = tmp_path / "export"
    shutil.copytree(bundle, folder)
    os.truncate(folder / "model_int8.tflite", 1000)
    damaged = r"left out: \S+model_int8\.tflite is a damaged \.tflite file .*\n"
    with monitoring(f"--model={folder / 'model_float32.tflite'}", complaint=damaged) as said:
        assert said.startswith("monitor at")


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("localhost", True), ("::1", True), ("127.1.2.3", True), ("0.0.0.0", False), ("::", False)],
)
def test_only_loopback_lets_in_without_a_token(host, loopback):
    assert Place(host).loopback is loopback
