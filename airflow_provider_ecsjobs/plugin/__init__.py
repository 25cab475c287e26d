"""The pages of ECS jobs in Airflow's UI, 3.1 and later: one for the job of a task, one that lists all waits.

``ecs_jobs`` is the plugin, which every component of Airflow imports. ``web`` and ``queries`` are loaded only in the API
server, when a page is first requested. The pages show what tasks and triggers publish. Nothing here sends
requests to the cloud.
"""
