"""gunicorn as its unit starts it: with no options, by the file gunicorn.conf.py."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path

import pytest

from testing.hub import Hub
from testing.manage import ROOT
from testing.server import serving

COMMAND = [sys.executable, "-m", "gunicorn", "--bind=127.0.0.1:0"]
SETTINGS = {"DEBUG": "false", "SECRET_KEY": "of-this-server-alone", "ALLOWED_HOSTS": "hub.example.org"}


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"SECRET_KEY": ""}, "SECRET_KEY must be set"),
        ({"STATEHUB_TRUSTED_PROXIES": "proxy"}, "STATEHUB_TRUSTED_PROXIES must be addresses"),
    ],
)
def test_settings_that_are_wrong_end_the_start(hub: Hub, tmp_path: Path, setting: dict[str, str], said: str) -> None:
    """Before systemd hears that the server is ready."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind(str(tmp_path / "notify"))
        told.setblocking(False)
        env = {**os.environ, **SETTINGS, "DATABASE_URL": hub.url, "NOTIFY_SOCKET": str(tmp_path / "notify"), **setting}
        ended = subprocess.run(COMMAND, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120, check=False)
        assert ended.returncode != 0
        assert said in ended.stderr
        with pytest.raises(BlockingIOError):
            told.recv(100)


@pytest.mark.parametrize(("trusted", "status"), [("127.0.0.1", 200), ("10.0.0.5", 301), ("none", 301)])
def test_one_setting_says_who_is_believed(hub: Hub, tmp_path: Path, trusted: str, status: int) -> None:
    """gunicorn itself would believe a proxy on this machine."""
    settings = {**SETTINGS, "DATABASE_URL": hub.url, "STATEHUB_TRUSTED_PROXIES": trusted}
    with serving(settings, tmp_path, workers=1) as server:
        connection = HTTPConnection("127.0.0.1", server.port, timeout=60)
        headers = {"Host": "hub.example.org", "X-Forwarded-Proto": "https"}
        connection.request("GET", "/admin/login/", headers=headers)
        assert connection.getresponse().status == status
        connection.close()
