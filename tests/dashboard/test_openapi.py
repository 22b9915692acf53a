"""The OpenAPI document is the truth: all in it has an example, and whatever is sent, the answer is as it says."""

from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from sample_runs import result, snapshot
from schemathesis.checks import CHECKS, load_all_checks
from serving import Served, new_prefix, served, wait_for
from storing import store as stored

from dashboard.app import create_app
from dashboard.config import DashboardConfig
from dashboard.examples import EXAMPLES, REQUESTS
from dashboard.openapi import described, sample
from servers.users import Addresses
from sinks.client import connect
from sinks.migrations import migrate

DOCUMENT = described(create_app(DashboardConfig(bootstrap="127.0.0.1:9")).openapi_schema.to_schema())
OPERATIONS = [
    (method, path, operation)
    for path, methods in DOCUMENT["paths"].items()
    if path.startswith("/api/")
    for method, operation in methods.items()
]
load_all_checks()
KEPT = CHECKS.get_by_names(
    ["not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance"]
)


@pytest.fixture(scope="module")
def page(clickhouse: Addresses, kafka: str) -> Iterator[Served]:
    migrator = connect(clickhouse.migrator)
    migrate(migrator)
    stored(connect(clickhouse.writer), "results", [result(n, "fuzz") for n in range(30)])
    with served(kafka, new_prefix(kafka), clickhouse_url=clickhouse.reader) as running:
        running.publish("metrics", "fuzz", snapshot("fuzz"))
        wait_for(lambda: running.get("/readyz").status_code == 200 and len(running.parts.live))
        yield running
    migrator.command("DROP DATABASE imageledger")


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS, ids=[f"{m} {p}" for m, p, _ in OPERATIONS])
def test_every_operation_has_an_example_and_its_problems(method: str, path: str, operation: dict[str, Any]) -> None:
    """A new address gets a plain one; a good one is a line in dashboard/examples.py."""
    assert {"400", "404", "503", "default"} <= set(operation["responses"])
    for status in ("400", "404", "503", "default"):
        assert list(operation["responses"][status]["content"]) == ["application/problem+json"]
    assert operation.get("description") or operation.get("summary")
    good = operation["responses"].get("200") or operation["responses"]["202"]
    content = good["content"].get("application/json")
    if content is None:
        return  # a stream, a file
    resolver = {**content["schema"], "components": DOCUMENT["components"]}
    jsonschema.validate(content["example"], resolver)
    if method == "post" and path in REQUESTS:
        body = operation["requestBody"]["content"]["application/json"]
        jsonschema.validate(body["example"], {**body["schema"], "components": DOCUMENT["components"]})


@pytest.mark.parametrize(("name", "schema"), DOCUMENT["components"]["schemas"].items())
def test_a_sample_is_what_its_schema_says(name: str, schema: dict[str, Any]) -> None:
    made = sample(schema, DOCUMENT["components"]["schemas"])
    jsonschema.validate(made, {**schema, "components": DOCUMENT["components"]})


def test_no_example_is_of_an_address_that_is_gone() -> None:
    assert set(EXAMPLES) <= {(method, path) for method, path, _ in OPERATIONS}


API = schemathesis.openapi.from_dict(DOCUMENT).include(path_regex="^/api/").exclude(path="/api/stream")
API.config.phases.coverage.enabled = False


@API.parametrize()
@settings(
    max_examples=3,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_whatever_is_sent_the_answer_is_as_documented(case: schemathesis.Case, page: Served) -> None:
    """503 is no fault of the fuzzed: a statement may name a server that is away; every other 5xx is."""
    case.call_and_validate(base_url=page.url, checks=KEPT, timeout=30)
