"""The pure core: values in, values out. No Django, no git, no clock, no disk."""
