"""The operators. ``ecs_jobs`` and ``servers`` are for DAG authors; the other modules are what those share.

Imports triggers, hooks and all below them. Only sensors and decorators import it.
"""
