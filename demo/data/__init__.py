"""Demo data: a believable quarter of work, made by the product's own functions on real git repositories."""
