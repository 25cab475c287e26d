"""The operators. ``ecs_jobs`` and ``servers`` are for DAG authors. They share the other modules.

They import triggers, hooks and all below them. Only sensors and decorators import it.
"""
