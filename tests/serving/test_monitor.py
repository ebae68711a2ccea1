"""--mode=monitor from the command line: address, token, TLS and error messages."""

import os
import re
import shutil
import socket
import ssl
import subprocess
import urllib.error
import urllib.parse
import urllib.request

import pytest

from aersut.serving.address import ServerAddress


def test_other_machines_need_the_printed_token(bundle, monitoring):
    with monitoring(f"--model={bundle / 'model_int8.tflite'}", "--host=0.0.0.0") as printed:
        port, token = re.findall(r"http://0\.0\.0\.0:(\d+)/\?token=(\S{20,}) ", printed)[0]
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/models")
        request = urllib.request.Request(f"http://127.0.0.1:{port}/models", headers={"Cookie": f"aersut-token={token}"})
        with urllib.request.urlopen(request) as answer:
            assert b'[{"name":"model_int8.tflite"' in answer.read()


def test_the_printed_address_holds_any_token(bundle, monitoring):
    token = "a+b/c&d#e=="
    with monitoring(f"--model={bundle / 'model_int8.tflite'}", "--host=0.0.0.0", f"--token={token}") as printed:
        url = urllib.parse.urlsplit(re.findall(r"http://\S+", printed)[0])
        assert urllib.parse.parse_qs(url.query) == {"token": [token]}


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_is_served_over_tls_with_a_certificate(bundle, monitoring, tmp_path):
    make = "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost -keyout key.pem -out cert.pem"
    subprocess.run(make.split(), cwd=tmp_path, check=True, capture_output=True)
    paths = (f"--certificate={tmp_path / 'cert.pem'}", f"--key={tmp_path / 'key.pem'}")
    with monitoring(f"--model={bundle / 'model_int8.tflite'}", *paths) as printed:
        address = re.findall(r"https://\S+", printed)[0]
        trusting = ssl._create_unverified_context()
        with urllib.request.urlopen(address, context=trusting) as answer:
            assert b"AERSUT" in answer.read()


def test_user_errors_exit_with_2_and_one_line(launch, bundle, tmp_path):
    model = f"--model={bundle / 'model_float32.tflite'}"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for arguments, message in (
            ((), "--model is missing"),
            (("--model=nothing.tflite",), "no such file or folder"),
            ((f"--model={tmp_path}",), "is a folder without config.json"),
            ((model, f"--port={port}"), f"cannot be served at 127.0.0.1:{port}: Address already in use"),
            ((model, "--host=nowhere.invalid"), "cannot be served at nowhere.invalid"),
            ((model, "--host=0.0.0.0", "--token=short"), "--token has 5 characters"),
            ((model, "--host=192.168..1"), "cannot be served at 192.168..1:8765: it is no host name"),
            ((model, f"--certificate={tmp_path / 'no.pem'}"), "no.pem: No such file"),
            ((model, "--key=key.pem"), "--key needs the --certificate"),
            ((model, "--hop=9"), "hop is 9.0 s"),
            ((model, "--origin=notebook.example.org"), "--origin=notebook.example.org: expected the URL of the page"),
            ((model, "--rate=8000"), "--rate goes with --mode=predict"),
        ):
            outcome = launch("--mode=monitor", *arguments)
            assert outcome.status == 2
            assert message in outcome.err
            assert outcome.err.count("\n") == 1


def test_a_damaged_file_of_the_export_is_reported_and_skipped(bundle, monitoring, tmp_path):
    folder = tmp_path / "export"
    shutil.copytree(bundle, folder)
    os.truncate(folder / "model_int8.tflite", 1000)
    damaged = r"skipped: \S+model_int8\.tflite is a damaged \.tflite file .*\n"
    with monitoring(f"--model={folder / 'model_float32.tflite'}", stderr=damaged) as printed:
        assert printed.startswith("monitor at")


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("localhost", True), ("::1", True), ("127.1.2.3", True), ("0.0.0.0", False), ("::", False)],
)
def test_loopback_addresses_need_no_token(host, loopback):
    assert ServerAddress(host).loopback is loopback
