"""The HTTP API for remote machines: requests, answers, and a problem document for each refusal."""
