"""One clone on this machine: read and written back through git and the disk."""
