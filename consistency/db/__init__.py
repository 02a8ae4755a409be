"""The database side: the hub's rows, the ledger of each checkout, and findings."""
