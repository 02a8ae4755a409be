"""The generated repository: real git, an upstream, and nothing that a run would have to pay for."""

from pathlib import Path

from bench import repository
from bench.generate import STATUSES, workplans


def test_create_leaves_a_clean_checkout_with_its_upstream(tmp_path: Path) -> None:
    checkout = build(tmp_path, size=120)
    assert len(list(checkout.glob("workplans/**/BENCH-*.md"))) == 120
    assert repository.git(checkout, "status", "--porcelain=v2", "--branch").splitlines()[1:] == [
        "# branch.head main",
        "# branch.upstream origin/main",
        "# branch.ab +0 -0",
    ]


def test_create_same_seed_is_the_same_commit(tmp_path: Path) -> None:
    heads = {repository.git(build(tmp_path / name, size=5), "rev-parse", "HEAD") for name in ("one", "two")}
    assert len(heads) == 1


def test_move_files_ahead_changes_one_percent_and_pushes(tmp_path: Path) -> None:
    checkout = build(tmp_path, size=100)
    assert repository.move_files_ahead(checkout, workplans(26, range(100))) == 20
    diff = repository.git(checkout, "diff", "--unified=0", "HEAD~1").splitlines()
    added = [line for line in diff if line.startswith("+") and not line.startswith("+++")]
    assert len(added) == 20
    assert all(any(status in line for status in STATUSES) for line in added)
    assert repository.git(checkout, "rev-parse", "HEAD") == repository.git(checkout, "rev-parse", "@{upstream}")


def test_copy_restores_a_checkout_as_it_was(tmp_path: Path) -> None:
    build(tmp_path / "live", size=3)
    repository.copy(tmp_path / "live", tmp_path / "saved")
    (tmp_path / "live" / "checkout" / "README.md").write_text("changed")
    repository.copy(tmp_path / "saved", tmp_path / "live")
    repository.settle(tmp_path / "live" / "checkout")
    assert repository.git(tmp_path / "live" / "checkout", "status", "--porcelain") == ""


def build(folder: Path, *, size: int) -> Path:
    """Build a checkout in `folder`, its origin beside it."""
    (folder / "checkout").mkdir(parents=True)
    repository.create(folder / "checkout", folder / "origin.git", workplans(26, range(size)))
    return folder / "checkout"
