"""The demo: two machines, one repository and the hub drift apart, and a stale clone does no harm."""
