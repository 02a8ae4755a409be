"""The states that real clones get into: each variant of the matrix has one, with how people enter and leave it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from testing.repos import Clone
from testing.repos import Origin as Bare
from tests.cli.helpers import FILE
from tests.multihost.matrix_repos import Place

if TYPE_CHECKING:
    from tests.multihost.matrix_world import State, World

Commands = Mapping[str, tuple[tuple[str, ...], ...]]
"""A person's git commands, in their order, by the name of the action."""

FORBIDDING = "pushRemote = no_push"
"""A line of a clone's settings that forbids pushes."""
HOOKED = "hooked.txt"
"""File that the first hook to run in a clone writes and stages."""

_HOOKS = (
    "pre-commit",
    "commit-msg",
    "post-commit",
    "post-checkout",
    "post-merge",
    "pre-push",
    "post-index-change",
    "reference-transaction",
)
_HOOK = f"#!/bin/sh\ncd '{{top}}'\n[ -e {HOOKED} ] || {{{{ echo {{name}} >{HOOKED}; git add {HOOKED}; }}}}\n"
"""Once only: what a hook does lets git run hooks, too."""
_PUSHING: Mapping[str, str] = {"a": "push", "b": "pull push"}
_REFRESH = ("update-index", "-q", "--refresh")
"""git looks at every file again: it had to forget the files' state, and aborts nothing then."""
_AMEND = ("commit", "-q", "--amend", "-m", "Amended")
_FORCE = ("push", "-q", "--force", "origin", "main")
_MERGED = (("checkout", "-q", "--theirs", "--", FILE), ("commit", "-aqm", "Merged"))


def _branch_off(a: Clone, old: bytes, new: bytes) -> None:
    """Create a branch `topic` on A, in no other clone, on which *old* is *new* in the workplan."""
    a.git("checkout", "-q", "-b", "topic")
    a.write(FILE, a.read(FILE).replace(old, new))
    a.commit("Topic", date="2026-03-02T11:40:00+00:00")
    a.git("checkout", "-q", "main")


def _reword_later(a: Clone) -> None:
    """Create a topic with more words at the end of the workplan, which merge with any change of the task."""
    text = a.read(FILE)
    _branch_off(a, text, text + b"\nMore words.\n")


class Variant:
    """The plain matrix: no state, and fixes that neither pull nor push.

    `fixes` are the additional options of each machine's fixes; `actions` happen only here, `rare` ones only in long
    orders given by hand; `further` is the number of actions by which an order must be longer than in other variants to
    show the purpose of this one.
    """

    name = "plain"
    further = 0
    actions: tuple[str, ...] = ()
    rare: tuple[str, ...] = ()
    fixes: Mapping[str, str] = {"a": "", "b": ""}

    def text(self, text: str) -> str:
        """Return the workplan as A's file has it."""
        return text

    def clean(self, data: bytes) -> bytes:
        """Return a file's bytes as git takes them into a commit."""
        return data

    def clone_b(self, bare: Bare) -> Place:
        """Return B's clone."""
        clone = bare.clone("b", "--template=")
        return Place(clone, clone.path / ".git")

    def prepare(self, a: Clone, b: Clone) -> None:
        """Prepare the clones as people have left them before the start."""

    def take(self, action: str, world: World, state: State) -> State:
        """Take one of the variant's own actions."""
        raise NotImplementedError(action)

    def settle(self, world: World, state: State, *, mine: bool) -> State:
        """Settle the clones as a person, so that all can agree; there are two ways to, *mine* or not."""
        return state


class _OnA(Variant):
    """A person's git on A enters the state and leaves it, by `commands`."""

    fixes = _PUSHING
    commands: ClassVar[Commands] = {}

    def take(self, action: str, world: World, state: State) -> State:
        """Take one of the variant's own actions."""
        return world.by_person("a", state, *self.commands[action])


class Detached(_OnA):
    """A's HEAD is detached where it is, or above that with a commit of its own."""

    name = "detached"
    actions: tuple[str, ...] = ("detach", "step off", "return")
    commands: ClassVar[Commands] = {
        "detach": (("checkout", "-q", "--detach"),),
        "step off": (("checkout", "-q", "--detach"), ("commit", "-q", "--allow-empty", "-am", "On no branch")),
        "return": (("checkout", "-q", "main"),),
    }

    def settle(self, world: World, state: State, *, mine: bool) -> State:
        """Leave the detached HEAD, with or without its commits."""
        if world.values[state.a].branch:
            return state
        left = world.commit(state)
        if mine:
            return world.by_person("a", left, ("checkout", "-q", "-B", "main"))
        return world.by_person("a", left, ("checkout", "-q", "main"))


class Older(Detached):
    """A's HEAD is detached at an older commit."""

    name = "older"
    actions = ("detach", "return")
    commands: ClassVar[Commands] = {
        "detach": (("checkout", "-q", "--detach", "HEAD~1"),),
        "return": (("checkout", "-q", "main"),),
    }

    def settle(self, world: World, state: State, *, mine: bool) -> State:
        """Go back to the branch, and leave behind the commits made elsewhere."""
        return super().settle(world, state, mine=False)


class Merging(_OnA):
    """A is in the middle of the merge of a topic, on which the task has gone on."""

    name = "merging"
    actions = ("merge", "abort", "finish")
    commands: ClassVar[Commands] = {
        "merge": (("merge", "-q", "--no-ff", "--no-commit", "topic"),),
        "abort": (_REFRESH, ("merge", "--abort")),
        "finish": _MERGED,
    }

    def prepare(self, a: Clone, b: Clone) -> None:
        """Create the topic."""
        _branch_off(a, b"status: todo", b"status: in_progress")

    def settle(self, world: World, state: State, *, mine: bool) -> State:
        """Finish the merge or abort it."""
        if not world.values[state.a].under_way:
            return state
        return self.take("finish" if mine else "abort", world, state)

    def take(self, action: str, world: World, state: State) -> State:
        """Take one of the variant's own actions; a merge ends only if one is in progress."""
        if world.values[state.a].under_way == (action == "merge"):
            return state
        return super().take(action, world, state)


class Rebasing(Merging):
    """A is in the middle of a rebase that has stopped for a person."""

    name = "rebasing"
    actions = ("rebase onto", "abort", "finish")
    commands: ClassVar[Commands] = {
        "rebase onto": (("rebase", "-q", "--exec", "false", "HEAD~1"),),
        "abort": (_REFRESH, ("rebase", "--abort")),
        "finish": (("commit", "-aqm", "Work"), ("rebase", "--continue")),
    }

    def prepare(self, a: Clone, b: Clone) -> None:
        """Do nothing."""

    def take(self, action: str, world: World, state: State) -> State:
        """Take one of the variant's own actions."""
        if world.values[state.a].under_way == (action == "rebase onto"):
            return state
        return _OnA.take(self, action, world, state)


class Tracking(_OnA):
    """A's branch follows nothing, or its remote has another name."""

    name = "tracking"
    actions = ("unset", "rename")
    commands: ClassVar[Commands] = {
        "unset": (("branch", "--unset-upstream"),),
        "rename": (("remote", "rename", "origin", "github"),),
    }


class Forbidden(_OnA):
    """A's own settings forbid a push."""

    name = "forbidden"
    actions = ("forbid", "allow")
    commands: ClassVar[Commands] = {
        "forbid": (("config", "branch.main.pushRemote", "no_push"),),
        "allow": (("config", "--unset", "branch.main.pushRemote"),),
    }


class Amended(_OnA):
    """A person amends the newest commit of A, the tool's or another, and pushes it, or puts it upon the origin's.

    Seldom one that was pushed: then it keeps its date and gets another file, or keeps its file and gets another date.
    """

    name = "amended"
    further = 1
    fixes: Mapping[str, str] = {"a": "", "b": "pull push"}
    actions = ("amend", "rebase onto")
    rare = ("put more in", "reset date")
    commands: ClassVar[Commands] = {
        "amend": (_AMEND, ("push", "-q", "origin", "main")),
        "put more in": (("merge", "-q", "--squash", "topic"), _AMEND, _FORCE),
        "reset date": ((*_AMEND, "--reset-author"), _FORCE),
        "rebase onto": (("pull", "-q", "--rebase"),),
    }

    def prepare(self, a: Clone, b: Clone) -> None:
        """Create the topic that is put in."""
        _reword_later(a)

    def take(self, action: str, world: World, state: State) -> State:
        """Take one of the variant's own actions; pushed commits are not amended."""
        copy, branches = world.values[state.a], world.values[state.origin]
        if action == "amend" and copy.head in (copy.noted, branches.tip):
            return state
        return super().take(action, world, state)


class Pruned(Variant):
    """The hub's history is pruned in between."""

    name = "pruned"
    actions = ("prune",)
    fixes = _PUSHING

    def take(self, action: str, world: World, state: State) -> State:
        """Delete old runs and resolved findings."""
        return world.prune(state)

    def settle(self, world: World, state: State, *, mine: bool) -> State:
        """Delete them at the end as well."""
        return world.prune(state)


class Shallow(Variant):
    """B has only the newest commit, and loses what lies below it again once there are more."""

    name = "shallow"
    rare = ("reword", "cut")
    fixes = _PUSHING

    def prepare(self, a: Clone, b: Clone) -> None:
        """Create words that A can merge: the newest commit then has another file than the one that moved the task."""
        _reword_later(a)

    def take(self, action: str, world: World, state: State) -> State:
        """Take one of the variant's own actions."""
        if action == "reword":
            merged = (("merge", "-q", "--no-edit", "topic"), ("push", "-q", "origin", "main"))
            return world.by_person("a", state, *merged)
        return world.by_person("b", state, ("fetch", "-q", "--depth=1"), ("reset", "-q", "--hard", "origin/main"))

    def clone_b(self, bare: Bare) -> Place:
        """Return B's clone."""
        path = bare.path.with_name("b")
        bare.git("clone", "-q", "--template=", "--depth=1", f"file://{bare.path}", str(path))
        return Place(Clone(path), path / ".git")


class Linked(Variant):
    """B is a linked work tree of a bare clone."""

    name = "linked"
    fixes = _PUSHING

    def clone_b(self, bare: Bare) -> Place:
        """Return B's work tree, and the bare clone's folder."""
        folder, path = bare.path.with_name("b.git"), bare.path.with_name("b")
        bare.git("clone", "-q", "--bare", "--template=", str(bare.path), str(folder))
        common = Clone(folder)
        common.git("config", "remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*")
        common.git("fetch", "-q", "origin")
        common.git("worktree", "add", "-q", str(path), "main")
        Clone(path).git("branch", "-q", "--set-upstream-to=origin/main")
        return Place(Clone(path), folder, "worktrees/b/")


class Hooked(Variant):
    """Both clones have hooks that change files."""

    name = "hooked"
    fixes = _PUSHING

    def prepare(self, a: Clone, b: Clone) -> None:
        """Install the hooks."""
        for clone in (a, b):
            for name in _HOOKS:
                hook = clone.path / ".git/hooks" / name
                hook.parent.mkdir(exist_ok=True)
                hook.write_text(_HOOK.format(top=clone.path, name=name))
                hook.chmod(0o755)


class Renamed(Variant):
    """The repo's branch gets another name on the server, and people follow it."""

    name = "renamed"
    actions = ("rename", "follow")
    fixes = _PUSHING

    def take(self, action: str, world: World, state: State) -> State:
        """Rename the branch at the origin, or follow it on A as a person."""
        if action == "rename":
            return world.at_origin(state, "branch", "-m", "main", "trunk")
        return self._follow(world, state, "a")

    def settle(self, world: World, state: State, *, mine: bool) -> State:
        """Follow the branch everywhere."""
        return self._follow(world, self._follow(world, state, "a"), "b")

    def _follow(self, world: World, state: State, name: str) -> State:
        if world.values[state.origin].default == "main" or world.values[getattr(state, name)].branch == "trunk":
            return state
        commands = (
            ("fetch", "-q", "--prune", "origin"),
            ("branch", "-m", "main", "trunk"),
            ("branch", "-q", "--set-upstream-to=origin/trunk"),
        )
        return world.manage(name, world.by_person(name, state, *commands), "register_repo")


class LineEnds(Variant):
    """Files are in commits with CRLF since before `*.md text` was said of them."""

    name = "line ends"
    actions = ("renormalise",)
    fixes = _PUSHING

    def text(self, text: str) -> str:
        """Return the workplan with CRLF."""
        return text.replace("\n", "\r\n")

    def clean(self, data: bytes) -> bytes:
        """Return the text with LF."""
        return data.replace(b"\r\n", b"\n")

    def prepare(self, a: Clone, b: Clone) -> None:
        """Set uncommitted attributes: git would convert every file, and in no clone has done so yet."""
        for clone in (a, b):
            info = clone.path / ".git/info"
            info.mkdir(exist_ok=True)
            (info / "attributes").write_text("*.md text\n")

    def take(self, action: str, world: World, state: State) -> State:
        """Have git convert the committed files, as a person."""
        return world.by_person("a", state, ("add", "--renormalize", FILE), ("commit", "-aqm", "Line ends"))

    def settle(self, world: World, state: State, *, mine: bool) -> State:
        """Convert on top of everything, and copy to B: a pull would not, because git takes the file for changed."""
        for _ in range(2):
            state = world.rebase(self.take("", world, state), mine=mine)
            if world.values[state.a].under_way:  # It has stopped, for the same reason.
                state = world.by_person("a", state, ("commit", "-aqm", "Line ends"), ("rebase", "--continue"))
                state = world.push(state)
        return world.by_person("b", state, ("fetch", "-q"), ("reset", "-q", "--hard", "origin/main"))


class Filtered(Variant):
    """A filter of both clones keeps a line of the file out of every commit, and does not bring it back."""

    name = "filtered"
    fixes = _PUSHING
    _SECRET = b"secret: 1\n"

    def clean(self, data: bytes) -> bytes:
        """Return the text without the line."""
        return data.replace(self._SECRET, b"")

    def prepare(self, a: Clone, b: Clone) -> None:
        """Install the filter, and add the line to A's file."""
        for clone in (a, b):
            info = clone.path / ".git/info"
            info.mkdir(exist_ok=True)
            (info / "attributes").write_text("*.md filter=secrets\n")
            clone.git("config", "filter.secrets.clean", "sed /^secret:/d")
        a.write(FILE, a.read(FILE).replace(b"type: workplan\n", b"type: workplan\n" + self._SECRET))


VARIANTS: tuple[type[Variant], ...] = (
    Detached, Older, Merging, Rebasing, Tracking, Forbidden, Amended, Pruned, Shallow, Linked, Hooked, Renamed,
    LineEnds, Filtered,
)  # fmt: skip
