"""Reads a checkout with all that a worker's job needs of its repo, in one statement that is built once."""

from __future__ import annotations

from itertools import islice
from typing import Any

from django.db import connection

from consistency.db.bulk import column_names
from consistency.models import Proposal
from statehub.compiled import CompiledQuery
from statehub.models import Checkout, Repo

_NAMES = {
    prefix: column_names(model) for prefix, model in (("", Checkout), ("repo__", Repo), ("repo__proposal__", Proposal))
}
_SERVED: CompiledQuery[tuple[Any, ...]] = CompiledQuery(
    lambda checkout: (
        Checkout.objects.served()
        .filter(pk=checkout)
        .order_by()
        .values_list(*(prefix + name for prefix, names in _NAMES.items() for name in names))
    ),
    int,
)


def read_served(checkout: int) -> Checkout | None:
    """Return the *checkout* with this id, its repo and the repo's proposal, if workers run it.

    Raises django.db.Error.
    """
    rows = _SERVED(checkout)
    if not rows:
        return None
    values = iter(rows[0])
    of_checkout, of_repo, of_proposal = (list(islice(values, len(names))) for names in _NAMES.values())
    found = Checkout.from_db(connection.alias, _NAMES[""], of_checkout)
    found.repo = Repo.from_db(connection.alias, _NAMES["repo__"], of_repo)
    proposal = Proposal.from_db(connection.alias, _NAMES["repo__proposal__"], of_proposal)
    Proposal._meta.get_field("repo").remote_field.set_cached_value(found.repo, proposal if proposal.pk else None)
    return found
