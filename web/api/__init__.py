"""The API that remote machines call: what it takes, what it answers, and what each refusal looks like."""
