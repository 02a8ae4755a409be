"""One clone on this machine: looked at, read and written back through git and the disk."""
