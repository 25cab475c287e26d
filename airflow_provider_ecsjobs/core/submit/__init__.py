"""Submitting a request exactly once: its check, what its answer means, and the record that outlives a worker."""
