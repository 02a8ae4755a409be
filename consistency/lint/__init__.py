"""The checks of workplans without a hub: `statehub-lint`. Needs git, pyromark and PyYAML; no Django, no database."""
