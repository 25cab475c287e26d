"""The operators. ``ecs_jobs`` and ``servers`` are for DAG authors. They share the other modules.

Imports triggers, hooks and all below them. Only sensors and decorators import it.
"""
