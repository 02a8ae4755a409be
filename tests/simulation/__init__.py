"""Machines, people and a hub played through at random, with everything that may go wrong on the way."""
