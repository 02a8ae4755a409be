"""Webhooks: forges announce pushes, and the hub queues the repo's checkouts."""
