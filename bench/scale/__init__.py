"""The benchmark of a large hub: sweeps, pruning, pages and the API."""
