"""The hub's face: its addresses, and what people and remote machines see there."""
