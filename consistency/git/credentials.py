"""Gives git the token for an https remote: by a credential helper that reads it when git asks (gitcredentials(7)).

The token is in no setting, URL, command line or log. git asks the helper only for the server that it is for, so a
redirect to another one gets nothing.
"""

from __future__ import annotations

import os
import re
import shlex
from typing import NamedTuple

from statehub.errors import StateHubError
from statehub.text import describe_os_error

USER = "x-token-auth"
"""The name that goes with a token: GitHub, GitLab, Gitea and Forgejo take any, Bitbucket this one."""

MAX_TOKEN_BYTES = 65_536

_VARIABLE = re.compile(r"(?!GIT_)[A-Za-z_][A-Za-z0-9_]{0,199}")

# git's own form of a credential, or a token alone. `cat` is a process with the file's name only, `printf` is none.
_HELPER = """!f() {{ test "$1" = get || exit 0; t={source}; t=$(printf '%s' "$t" | tr -d '\\r'); \
case "$t" in *password=*) \
printf '%s\\n' "$t" | grep -E '^(username|password)=' ;; ?*) printf 'username=%s\\npassword=%s\\n' {user} "$t" ;; \
esac; }}; f"""


class TokenError(StateHubError):
    """There is no token that git could use; the text says why, without the token."""


class TokenSource(NamedTuple):
    """The *file* or the environment *variable* that has a token; one of them is ''."""

    file: str = ""
    variable: str = ""

    def __bool__(self) -> bool:
        return bool(self.file or self.variable)

    @property
    def name(self) -> str:
        """The source as messages name it."""
        return f"the token file {self.file}" if self.file else f"the variable {self.variable}"

    def check(self) -> None:
        """Raise TokenError unless a token is there now."""
        if self.variable:
            value = os.environ.get(self.variable, "")
        else:
            try:
                with open(self.file, encoding="utf-8", errors="replace") as file:
                    value = file.read(MAX_TOKEN_BYTES)
            except OSError as error:
                raise TokenError(f"{self.name} cannot be read: {describe_os_error(error)}") from error
        if not value.strip():
            raise TokenError(f"{self.name} is {'not set or ' if self.variable else ''}empty")
        if "password=" not in value and len(value.strip().splitlines()) > 1:
            raise TokenError(f"{self.name} has more than one line")

    def helper(self) -> str:
        """Return the value of `credential.helper`."""
        source = f'"$(cat {shlex.quote(self.file)})"' if self.file else f'"${{{self.variable}}}"'
        return _HELPER.format(source=source, user=USER)


def is_variable(name: str) -> bool:
    """Return whether *name* can be the variable of a token; git gets no variable that begins with GIT_."""
    return _VARIABLE.fullmatch(name) is not None
