"""Tokens for https remotes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from consistency.git.credentials import TokenError, TokenSource, is_variable


def ask(source: TokenSource, operation: str = "get") -> str:
    """Return what git gets from the helper, as git starts it (gitcredentials(7))."""
    command = source.helper().removeprefix("!")
    return subprocess.run(
        ["sh", "-c", f'{command} "$@"', "x", operation], input="host=h\n", check=False, capture_output=True, text=True
    ).stdout


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("A-token", "username=x-token-auth\npassword=A-token\n"),
        ("s3cr3t\r\n", "username=x-token-auth\npassword=s3cr3t\n"),
        ("a$(touch ran)`touch ran`'\"\\n%s\n", "username=x-token-auth\npassword=a$(touch ran)`touch ran`'\"\\n%s\n"),
        ("username=ada\npassword=p q=r\nhost=elsewhere\n", "username=ada\npassword=p q=r\n"),
        ("", ""),
    ],
)
def test_helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, answer: str) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "it's a $file"
    file.write_bytes(text.encode())
    monkeypatch.setenv("FORGE_TOKEN", text)
    for source in (TokenSource(file=str(file)), TokenSource(variable="FORGE_TOKEN")):
        assert ask(source) == answer
        assert ask(source, "store") + ask(source, "erase") == ""
        assert text == "" or text not in source.helper()
    assert os.listdir(tmp_path) == [file.name]


def test_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "token"
    for text, message in (
        (None, f"the token file {file} cannot be read: No such file or directory"),
        (" \n", f"the token file {file} is empty"),
        ("s3cr3t\nmore", f"the token file {file} has more than one line"),
        ("s3cr3t\n", ""),
        ("username=a\npassword=b\n", ""),
    ):
        if text is not None:
            file.write_text(text)
        assert problem(TokenSource(file=str(file))) == message
    monkeypatch.delenv("FORGE_TOKEN", raising=False)
    assert problem(TokenSource(variable="FORGE_TOKEN")) == "the variable FORGE_TOKEN is not set or empty"
    monkeypatch.setenv("FORGE_TOKEN", "s3cr3t")
    assert problem(TokenSource(variable="FORGE_TOKEN")) == ""


def problem(source: TokenSource) -> str:
    try:
        source.check()
    except TokenError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("name", "valid"),
    [("FORGE_TOKEN", True), ("_x1", True), ("GIT_TOKEN", False), ("1x", False), ("a-b", False), ("a;b", False)],
)
def test_is_variable(name: str, valid: bool) -> None:
    assert is_variable(name) == valid
