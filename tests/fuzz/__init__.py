"""Feeds the core's parser and editor with bytes that no one would write, and reports each broken promise."""
