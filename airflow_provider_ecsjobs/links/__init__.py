"""Links from a task to its job's page and to the Huawei Cloud console."""
