"""The workers: jobs of the queue, and the polling of remotes."""
