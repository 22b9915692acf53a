"""The OpenAPI document is the truth: all in it has an example, and whatever is sent, the answer is as it says."""

from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from sample_runs import result, snapshot
from serving import Served, new_prefix, served, wait_for
from storing import store as stored

from dashboard.examples import EXAMPLES, REQUESTS
from servers.clickhouse.users import Addresses
from sinks.client import connect

Document = dict[str, Any]
CHECKS = ["not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance"]


@pytest.fixture(scope="module")
def document() -> Document:
    """Made here: whoever only collects the tests needs no application."""
    from dashboard.app import create_app
    from dashboard.config import DashboardConfig
    from dashboard.openapi import described

    return described(create_app(DashboardConfig(bootstrap="127.0.0.1:9")).openapi_schema.to_schema())


def operations(document: Document) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        if path.startswith("/api/"):
            for method, operation in methods.items():
                yield method, path, operation


@pytest.fixture(scope="module")
def page(tables: Addresses, kafka: str) -> Iterator[Served]:
    stored(connect(tables.writer), "results", [result(n, "fuzz") for n in range(30)])
    with served(kafka, new_prefix(kafka), clickhouse_url=tables.reader) as running:
        running.publish("metrics", "fuzz", snapshot("fuzz"))
        wait_for(lambda: running.get("/readyz").status_code == 200 and len(running.parts.live))
        yield running


def test_every_operation_has_an_example_and_its_problems(document: Document, subtests: pytest.Subtests) -> None:
    """A new address gets a plain one; a good one is a line in dashboard/examples.py."""
    for method, path, operation in operations(document):
        with subtests.test(f"{method} {path}"):
            require_example(document, method, path, operation)


def require_example(document: Document, method: str, path: str, operation: dict[str, Any]) -> None:
    assert {"400", "404", "503", "default"} <= set(operation["responses"])
    for status in ("400", "404", "503", "default"):
        assert list(operation["responses"][status]["content"]) == ["application/problem+json"]
    assert operation.get("description") or operation.get("summary")
    good = operation["responses"].get("200") or operation["responses"]["202"]
    content = good["content"].get("application/json")
    if content is None:
        return  # a stream, a file
    resolver = {**content["schema"], "components": document["components"]}
    jsonschema.validate(content["example"], resolver)
    if method == "post" and path in REQUESTS:
        body = operation["requestBody"]["content"]["application/json"]
        jsonschema.validate(body["example"], {**body["schema"], "components": document["components"]})


def test_a_sample_is_what_its_schema_says(document: Document, subtests: pytest.Subtests) -> None:
    from dashboard.openapi import sample

    schemas = document["components"]["schemas"]
    for name, schema in schemas.items():
        with subtests.test(name):
            jsonschema.validate(sample(schema, schemas), {**schema, "components": document["components"]})


def test_no_example_is_of_an_address_that_is_gone(document: Document) -> None:
    assert set(EXAMPLES) <= {(method, path) for method, path, _ in operations(document)}


def test_whatever_is_sent_the_answer_is_as_documented(
    document: Document, page: Served, subtests: pytest.Subtests
) -> None:
    """503 is no fault of the fuzzed: a statement may name a server that is away; every other 5xx is."""
    import schemathesis  # a second and a half
    from schemathesis.checks import CHECKS as ALL
    from schemathesis.checks import load_all_checks

    load_all_checks()
    checks = ALL.get_by_names(CHECKS)
    api = schemathesis.openapi.from_dict(document).include(path_regex="^/api/").exclude(path="/api/stream")
    for found in api.get_all_operations():
        operation = found.ok()

        @given(case=operation.as_strategy())
        @settings(
            max_examples=3,
            deadline=None,
            derandomize=True,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def ask(case: Any) -> None:
            case.call_and_validate(base_url=page.url, checks=checks, timeout=60)

        with subtests.test(operation.label):
            ask()
