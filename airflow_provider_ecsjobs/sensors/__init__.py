"""The sensor, for DAG authors. Imports ``operators.wait_mixin`` and all below it."""
