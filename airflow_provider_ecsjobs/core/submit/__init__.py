"""Exactly-once submits: the check of a request, the meaning of its response, and the record that outlives a worker."""
