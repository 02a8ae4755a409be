"""The demo of a fleet: a forge, a hub and two workers; pushes and reports meet, also on a protected branch."""
