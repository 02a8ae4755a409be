"""Sweeps: one run over many checkouts with nothing to do, beside `git fetch` of all of them."""

import json
import shlex
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench import repository
from bench.arena import PROJECT, Workshop
from bench.generate import workplans
from bench.measure import Pairs, RunFailedError
from bench.scenario import Comparison
from testing.database import Database

WORKPLANS_PER_CHECKOUT = 10
JOBS = 8
DELAY_SECONDS = 0.2
LOCAL = "sweep, local remotes"
SLOW = "sweep, remotes that answer after 200 ms"
DELAYS = {LOCAL: 0.0, SLOW: DELAY_SECONDS}


class Sweep(Workshop):
    """Checkouts with their origins beside them, and one hub that agrees with all of them."""

    def __init__(self, folder: Path, database: Database, *, seed: int) -> None:
        """Take an empty or missing folder."""
        super().__init__(folder, database, seed=seed)
        self.checkouts: list[Path] = []
        self._list = folder / "checkouts.txt"

    def create(self) -> None:
        """Create the hub, without checkouts."""
        self.database.create()
        self.manage("migrate", "--verbosity=0")

    def grow(self, size: int) -> None:
        """Add checkouts until there are `size`, register them, and import their workplans."""
        added = range(len(self.checkouts), size)
        with ThreadPoolExecutor() as pool:
            checkouts = list(pool.map(self._create_checkout, added))
        self.manage("fix_consistency", *(f"--path={checkout}" for checkout in checkouts))
        for checkout in checkouts:
            repository.settle(checkout)
        self.checkouts += checkouts
        self._list.write_text("".join(f"{checkout}\n" for checkout in self.checkouts))

    def delay(self, seconds: float) -> None:
        """Let every remote answer a fetch `seconds` late."""
        upload_pack = f"sleep {seconds}; git-upload-pack" if seconds else "git-upload-pack"
        for checkout in self.checkouts:
            repository.git(checkout, "config", "remote.origin.uploadpack", upload_pack)

    def compared(self, repeat: int) -> list[Comparison]:
        """Time sweeps and fetches in turn, `repeat` pairs for each kind of remotes."""
        comparisons = []
        fetch = f"xargs -P {JOBS} -I {{}} git -C {{}} fetch --quiet <{shlex.quote(str(self._list))}"
        sweep = (str(PROJECT / "manage.py"), "fix_consistency", "--all", f"--jobs={JOBS}")
        for remotes, seconds in DELAYS.items():
            self.delay(seconds)
            self._see(json.loads(self.python(*sweep, "--format=json")))
            pairs = [(self.timed(sys.executable, *sweep), self.timed("sh", "-c", fetch)) for _ in range(repeat)]
            least = seconds * len(self.checkouts) / JOBS
            if any(sample.wall < least for pair in pairs for sample in pair):
                raise RunFailedError(f"{remotes}: a run took less than {least} s, so that it did not fetch")
            comparisons.append(Comparison(self.database.name, len(self.checkouts), remotes, Pairs.of(pairs)))
        return comparisons

    def _create_checkout(self, number: int) -> Path:
        checkout = self._folder / "checkouts" / f"repo-{number:04}"
        checkout.mkdir(parents=True)
        origin = self._folder / "origins" / f"repo-{number:04}.git"
        origin.parent.mkdir(exist_ok=True)
        first = number * WORKPLANS_PER_CHECKOUT
        repository.create(checkout, origin, workplans(self.seed, range(first, first + WORKPLANS_PER_CHECKOUT)))
        return checkout

    def _see(self, report: dict[str, list[dict[str, object]]]) -> None:
        """Raise `RunFailedError` unless the sweep saw every checkout, with what its remote has, and found nothing."""
        repos = report["repos"]
        busy = [repo for repo in repos if repo["counts"] or not repo["converged"] or repo["freshness"] != "fresh"]
        if len(repos) != len(self.checkouts) or busy:
            shown = {key: busy[0][key] for key in ("slug", "counts", "converged", "freshness")} if busy else {}
            raise RunFailedError(f"sweep: {len(repos)} of {len(self.checkouts)} checkouts, {len(busy)} busy: {shown}")
