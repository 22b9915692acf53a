from pathlib import Path

from streams.app import WorkerSettings
from streams.cluster import Cluster


def test_a_secret_is_in_no_representation() -> None:
    security = {"security_protocol": "SASL_SSL", "sasl_plain_username": "me", "sasl_plain_password": "hunter2"}
    settings = WorkerSettings(bootstrap="k:9092", data_dir=Path("data"), security=security)
    assert "hunter2" not in repr(settings) + repr(Cluster("k:9092", security=security))
