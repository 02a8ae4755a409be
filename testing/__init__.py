"""Support shared by tests: real git repositories, real databases, commands as separate processes."""
