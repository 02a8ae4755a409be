"""The git settings of the simulated people."""

from __future__ import annotations

GITCONFIG = """\
[user]
    name = Person
    email = person@example.org
[init]
    defaultBranch = main
[core]
    autocrlf = false
    fsync = none
[gc]
    auto = 0
[maintenance]
    auto = false
[merge]
    renames = false
[advice]
    mergeConflict = false
"""
