"""``@task.ecs_job``, for DAG authors. It imports the operators' base classes and all below them."""
