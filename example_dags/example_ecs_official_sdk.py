"""Submit with the official SDK, and wait without a worker slot: ``@task.ecs_job``.

The function sends the request and returns the SDK's response. The task then waits for the job. It needs
``pip install huaweicloudsdkecs``. Access key and endpoint come from the Airflow connection. The defaults suit the
emulator; in a real cloud, set the ids of an image, a VPC and a subnet.
"""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.sdk import DAG, Param, task

from airflow_provider_ecsjobs.hooks.ecs_jobs import EcsJobsHook

with DAG(
    dag_id="example_ecs_official_sdk",
    schedule=None,
    catchup=False,
    params={
        "image": Param("image", type="string", description="The id of an image"),
        "vpc": Param("vpc", type="string", description="The id of a VPC"),
        "subnet": Param("subnet", type="string", description="The id of a subnet of it"),
    },
    tags=["example", "huawei-ecs"],
    doc_md=__doc__,
):
    # For jobs of seconds. Omit both for real jobs: the default, 10 s growing to 60 s, suits jobs of minutes.
    @task.ecs_job(poll_interval=2, max_poll_interval=2)
    def create_server(params: dict[str, Any] | None = None, client_token: str = "") -> Any:
        """Send the request. All automatic retries have the same token, so they create only one server."""
        # Imported here, because the import takes seconds and Airflow parses this file often.
        from huaweicloudsdkcore.auth.credentials import BasicCredentials
        from huaweicloudsdkcore.region.region import Region
        from huaweicloudsdkecs import v2 as ecs

        auth = EcsJobsHook().settings.auth_config
        key = auth.key  # for the auths 'aksk' and 'env'
        credentials = BasicCredentials(key.access_key, key.secret_key, auth.project_id or None)
        credentials.with_security_token(key.security_token or None).with_iam_endpoint(auth.iam_endpoint or None)
        region = Region(auth.region, auth.endpoint)
        client = ecs.EcsClient.new_builder().with_credentials(credentials).with_region(region).build()
        server = ecs.PostPaidServer(
            name="from-the-sdk",
            flavor_ref="s6.small.1",
            image_ref=params["image"],
            vpcid=params["vpc"],
            nics=[ecs.PostPaidServerNic(subnet_id=params["subnet"])],
            root_volume=ecs.PostPaidServerRootVolume(volumetype="GPSSD"),
        )
        body = ecs.CreatePostPaidServersRequestBody(server=server)
        request = ecs.CreatePostPaidServersRequest(x_client_token=client_token, body=body)
        return client.create_post_paid_servers(request)

    @task
    def use_server(result: dict[str, Any]) -> str:
        """Use the new server."""
        return str(result["server_ids"][0])

    use_server(create_server())
