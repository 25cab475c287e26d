from airflow_provider_ecsjobs.emulator.pytest_plugin import ecs_emulator

__all__ = ["ecs_emulator"]
