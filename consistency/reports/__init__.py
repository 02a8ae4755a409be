"""Reports of a run: for people (text), for programs (JSON), for code scanning (SARIF)."""
