"""A client of the API in this process; `server` is over real HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.web.api.helpers import Api


@pytest.fixture
def api(db: None) -> Api:
    """A client whose token may write."""
    from tests.web.api.helpers import new_api  # models: only once Django is set up, which is after this file is loaded

    return new_api()
