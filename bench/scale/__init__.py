"""The benchmark of the admin's pages on a large hub."""
