"""``@task.ecs_job``, for DAG authors. Imports the operators' base classes and all below them."""
