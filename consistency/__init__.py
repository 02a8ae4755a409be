"""The consistency engine: read, compare, plan, apply, record."""
