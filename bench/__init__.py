"""The benchmark: generated repositories, real runs, a table of what they cost beside the floor of the same machine."""
