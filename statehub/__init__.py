"""State Hub: the hub's models, settings and status moves."""

__version__ = "0.1.0"
