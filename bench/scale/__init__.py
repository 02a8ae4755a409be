"""The benchmark of a large hub: sweeps, pruning, pages, tools and the API."""
