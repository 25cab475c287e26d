"""The sensor, for DAG authors. It imports ``operators.wait_mixin`` and all below it."""
