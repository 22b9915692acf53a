"""`GET /api/kpis`: exactly the body of DETAILS.md, in camelCase."""

import msgspec
import pytest
from sample_runs import snapshot

from dashboard.live.figures import dashboard_body
from dashboard.live.kpis import kpis_body


def test_the_body_is_the_documented_one() -> None:
    body = msgspec.to_builtins(kpis_body(snapshot()))
    assert set(body) == {"overallScore", "categories", "kpis"}
    assert [set(row) for row in body["categories"]] == [{"category", "score"}] * 5
    wanted = {"name", "category", "value", "unit", "target", "attainment", "status", "trend"}
    assert [set(row) for row in body["kpis"]] == [wanted] * 15


def test_scores_are_of_the_attainments() -> None:
    body = msgspec.to_builtins(kpis_body(snapshot()))
    means = []
    for row in body["categories"]:
        own = [kpi["attainment"] for kpi in body["kpis"] if kpi["category"] == row["category"]]
        known = [attainment for attainment in own if attainment is not None]
        assert row["score"] == (100 * sum(known) / len(known) if known else None)
        means += [row["score"]] if known else []
    assert body["overallScore"] == pytest.approx(sum(means) / len(means))


def test_cheap_model_usage_is_shown_where_the_plan_names_cheap_models() -> None:
    assert dashboard_body(snapshot()).efficiency.cheap_model_usage == pytest.approx(100 * (1_872 + 1_124) / 3_300)
    assert dashboard_body(snapshot()).efficiency.expensive_model_usage == pytest.approx(100 * 304 / 3_300)
    assert dashboard_body(snapshot(plan=False)).efficiency.cheap_model_usage is None
