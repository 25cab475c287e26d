"""Waiting for a job: when to poll next, and when a wait is over."""
