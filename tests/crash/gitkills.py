"""Kills git itself, with SIGKILL, at every moment of every git that a run starts, and the run with it or not.

A `git` first on the PATH notes the moments and strikes at one of them: before git begins, at the first byte that it
writes to a file, at each of its hooks (when it holds the locks of references, when it has let them go), and when its
work is done and only its result is lost. What receives a push is struck at the hooks of the remote.

git leaves its lock files behind then. The run must name the one that is in its way; once a person has removed that, a
plain rerun must come to the undisturbed end. A git that was killed in a pull may also leave a file of the work tree
half written, which it then takes for a person's work: a person restores it.
"""

from __future__ import annotations

import os
import shlex
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from testing.repos import Repository
from tests.crash.scenarios import Scenario
from tests.crash.seam import READING_GIT
from tests.crash.series import NEVER, UNATTRIBUTED, Undisturbed, between_faults, differences
from tests.crash.stage import Ran, Stage, files

HOOKS = (
    "post-checkout", "post-commit", "post-index-change", "post-merge", "post-receive", "post-rewrite", "post-update",
    "pre-merge-commit", "pre-push", "pre-receive", "prepare-commit-msg", "reference-transaction", "update",
)  # fmt: skip

MOMENT = """\
reached() {{
    echo "$1" >>{log}
    read -r at both <{orders}
    [ "$(wc -l <{log})" -eq "$at" ]
}}
strike() {{
    : >{struck}
    if [ "$both" ]; then kill -9 "$STATEHUB_TEST_CRASH_RUN"; fi
    kill -9 "$1"
}}
"""

# Only what the tool itself starts counts, not what git starts in turn: the marker is inherited. The tool lets no hooks
# run; ours take the place of none. A file size of 0 is a SIGXFSZ, at which git cleans up as little as at a SIGKILL.
SHIM = r"""#!/bin/sh
if [ "$STATEHUB_TEST_CRASH_INSIDE" ]; then exec {git} "$@"; fi
export STATEHUB_TEST_CRASH_INSIDE=1
. {moment}
name= value=
for word; do
    shift
    if [ -z "$name" ]; then
        if [ "$value" ]; then value=; else
            case "$word" in -c|-C) value=1;; -*) ;; *) name=$word;; esac
        fi
        if [ "$word" = core.hooksPath=/dev/null ]; then word=core.hooksPath={hooks}; fi
    fi
    set -- "$@" "$word"
done
if reached "$name: before"; then strike $$; fi
case " {reading} " in *" $name "*) exec {git} "$@";; esac
if reached "$name: first byte"; then
    (export STATEHUB_TEST_CRASH_QUIET=1; ulimit -c 0; ulimit -f 0; exec {git} "$@")
else
    {git} "$@"
fi
status=$?
if [ "$(wc -l <{log})" -eq "$at" ] && [ "$status" -ne 0 ]; then strike $$; fi
if reached "$name: after"; then strike $$; fi
exit "$status"
"""

HOOK = """\
#!/bin/sh
if [ "$STATEHUB_TEST_CRASH_QUIET" ]; then exit; fi
. {moment}
if reached "${{0##*/}} $1"; then strike $PPID; fi
case "${{0##*/}}" in reference-transaction|p*-receive|pre-push) cat >/dev/null;; esac
"""

PATIENCE = 6
"""Number of locks that a person removes before giving up."""

_MADE_BY_KILLED_GIT = "next-index-"


@dataclass(frozen=True)
class Killed:
    """One kill: at which moment, whether the run died with git, the locks that a person removed, and the faults."""

    moment: str
    both: bool
    removed: tuple[str, ...]
    faults: tuple[str, ...]


def with_moments(scenario: Scenario) -> Scenario:
    """Return *scenario* with our git on the PATH, and hooks in the clone and in origin."""

    def prepare(stage: Stage) -> None:
        scenario.prepare(stage)
        _install(stage)

    return replace(scenario, prepare=prepare)


def moments(stage: Stage, scenario: Scenario) -> list[str]:
    """Return the moments of the undisturbed run, in their order."""
    stage.restore()
    _order(stage, "0")
    stage.run(scenario.command(stage))
    return _log(stage).read_text().splitlines()


def killed(stage: Stage, scenario: Scenario, whole: Undisturbed, at: int, moment: str, *, both: bool) -> Killed | None:
    """Kill git at its *moment* number *at*, from 1; then do as a person would. None if git did not come to it."""
    stage.restore()
    _order(stage, f"{at} {'both' if both else ''}")
    ran = stage.run(scenario.command(stage))
    if not _struck(stage).exists():
        return None
    faults = [] if (ran.exit == -9) is both and not _is_odd(ran) else [f"the run ended with {ran.exit}: {ran.said}"]
    half = _half_files(stage)
    faults += (fault for fault in between_faults(stage, whole) if fault.split(" is ")[0] not in half)
    _order(stage, "0")
    unattributed = not both and moment.startswith(tuple(f"{name}: " for name in UNATTRIBUTED))
    removed = list[str]()
    for _ in range(PATIENCE):
        again = stage.run(scenario.command(stage))
        faults += [f"the rerun ended with {again.exit}: {again.said}"] if _is_odd(again) else []
        for _ in range(scenario.reruns - 1):
            again = stage.run(scenario.command(stage))
            faults += [f"the rerun ended with {again.exit}: {again.said}"] if _is_odd(again) else []
        found = differences(whole.end, _settled(stage), unattributed=unattributed)
        if not found:
            break
        named = [lock for lock in stage.locks() if str(lock) in again.said] or _of_origin(stage, again)
        if not named and half:  # git takes them for a person's work, and refuses to pull over them.
            removed += [f"{path} restored" for path in half]
            _restore(stage, half)
            half = []
            continue
        if not named:
            faults += found if not stage.locks() else [f"{stage.locks()} left, none named: {again.said.strip()}"]
            break
        for lock in named:
            removed.append(str(lock.relative_to(stage.place)))
            lock.unlink()
    else:
        faults.append(f"no end after {removed}")
    return Killed(moment, both, tuple(removed), tuple(faults))


def _of_origin(stage: Stage, ran: Ran) -> list[Path]:
    """Return the locks of origin, which its owners will find: the run reports only that it could not push."""
    locks = [lock for lock in stage.locks() if stage.origin.path in lock.parents]
    return locks if "C-16  committed, not pushed: " in ran.said else []


def _half_files(stage: Stage) -> list[str]:
    """Return the files that git was about to write into the work tree: unlike ours, they are not written aside."""
    return [path for path, (data, _) in files(stage.a).items() if not data]


def _restore(stage: Stage, half: list[str]) -> None:
    committed = stage.a.git("ls-tree", "-r", "--name-only", "HEAD").splitlines()
    for path in half:
        (stage.a.path / path).unlink()
        if path in committed:
            stage.a.git("checkout", "--quiet", "HEAD", "--", path)


def _is_odd(ran: Ran) -> bool:
    return any(word in ran.said for word in NEVER)


def _settled(stage: Stage) -> dict[str, object]:
    """Return the end state without git's harmless leftovers of a kill, which git removes after a day."""
    found = stage.snapshot()
    for name in ("clone", "origin"):
        found[name]["half objects"] = []
        found[name]["git folder"] = [path for path in found[name]["git folder"] if _MADE_BY_KILLED_GIT not in path]
    return found


def _install(stage: Stage) -> None:
    folder, real = stage.folder / "shim", shutil.which("git")
    assert real, "git is not on the PATH"
    (folder / "hooks").mkdir(parents=True, exist_ok=True)
    _order(stage, "0")
    paths = {
        "log": _log(stage), "orders": stage.folder / "orders", "struck": _struck(stage), "git": real,
        "moment": folder / "moment", "hooks": folder / "hooks",
    }  # fmt: skip
    quoted = {name: shlex.quote(str(path)) for name, path in paths.items()}
    (folder / "moment").write_text(MOMENT.format(**quoted))
    _script(folder / "git", SHIM.format(**quoted, reading=" ".join(sorted(READING_GIT))))
    for place in (folder / "hooks", _hooks_of(stage.a), _hooks_of(stage.origin)):
        for name in HOOKS:
            if not (place / name).exists():
                _script(place / name, HOOK.format(**quoted))
    stage.env["PATH"] = f"{folder}:{os.environ['PATH']}"


def _hooks_of(repository: Repository) -> Path:
    return repository.path / repository.git("rev-parse", "--git-path", "hooks")


def _script(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def _order(stage: Stage, orders: str) -> None:
    (stage.folder / "orders").write_text(f"{orders}\n")
    _log(stage).write_text("")
    _struck(stage).unlink(missing_ok=True)


def _log(stage: Stage) -> Path:
    return stage.folder / "moments"


def _struck(stage: Stage) -> Path:
    return stage.folder / "struck"
