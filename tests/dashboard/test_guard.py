"""Other web sites in the same browser can neither read nor write."""

import json

import pytest
from serving import Served


def status(
    dashboard: Served, method: str = "GET", path: str = "/livez", body: str | None = None, **headers: str
) -> int:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = dashboard.client.request(method, path, headers=sent, content=body)
    if answer.status_code >= 400 and path != "/api/events":
        assert answer.headers["content-type"].startswith("application/problem+json")
    return answer.status_code


@pytest.mark.parametrize("host", ["localhost", "localhost:8400", "127.0.0.1:1", "[::1]:8400", "LOCALHOST"])
def test_names_of_this_machine_are_answered(dashboard: Served, host: str) -> None:
    assert status(dashboard, host=host) == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "10.0.0.1", "", "localhost:x", "[::1", "a@localhost.evil"]
)
def test_any_other_host_is_refused(dashboard: Served, host: str) -> None:
    assert status(dashboard, host=host) == 421


def test_a_configured_name_is_answered(dashboard: Served) -> None:
    assert "dash.example" not in dashboard.parts.config.hosts


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
    ],
)
def test_a_page_of_another_site_cannot_write(dashboard: Served, headers: dict[str, str]) -> None:
    sent = {"content_type": "application/json", **headers}
    assert status(dashboard, "POST", "/api/events", "[]", **sent) == 403


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_what_a_form_can_send_is_not_taken(dashboard: Served, media_type: str) -> None:
    assert status(dashboard, "POST", "/api/events", "[]", content_type=media_type) == 415


def test_our_own_page_and_programs_can_write(dashboard: Served) -> None:
    origin = {"origin": dashboard.url, "sec_fetch_site": "same-origin"}
    for headers in ({}, origin):
        assert status(dashboard, "POST", "/api/events", "[]", content_type="application/json", **headers) == 200


def test_no_answer_is_for_other_origins_and_no_preflight_is_granted(dashboard: Served) -> None:
    headers = {"origin": "http://evil.example", "access-control-request-method": "POST"}
    answer = dashboard.client.options("/api/events", headers=headers)
    assert "access-control-allow-origin" not in answer.headers
    assert dashboard.get("/api/runs").headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize("path", ["/", "/api/runs", "/static/app.js", "/nothing", "/api/stream"])
def test_every_answer_says_that_only_our_own_code_runs(dashboard: Served, path: str) -> None:
    with dashboard.client.stream("GET", path) as answer:
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_no_page_holds_a_script_a_style_or_an_address_elsewhere(dashboard: Served) -> None:
    page = dashboard.get("/").text
    assert "style=" not in page
    assert "<style" not in page
    assert "onclick" not in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page
    assert all("src=" in tag for tag in page.split("<script")[1:])


def test_static_files_stay_in_their_folder(dashboard: Served) -> None:
    for path in ("/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/static//etc/passwd"):
        answer = dashboard.client.send(dashboard.client.build_request("GET", path))
        assert answer.status_code in {400, 404}, path
        assert json.loads(answer.text)["status"] == answer.status_code
