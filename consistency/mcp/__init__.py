"""The hub's tools for coding assistants, by the Model Context Protocol; stdio and HTTP share them."""
