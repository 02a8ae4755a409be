"""Feeds the core's parser and editor with bytes that nobody would write, and says where a promise is broken."""
