"""Every page, in the order of the navigation (how one is added: page.py)."""

from dashboard.pages import (
    alerts,
    command_centre,
    kpis,
    lineage,
    models,
    quality,
    queries,
    reports,
    results,
    run,
    vehicles,
)
from dashboard.pages.page import Page

PAGES: tuple[Page, ...] = (
    Page(
        "/",
        "Command centre",
        "IMAGE PROCESSING COMMAND CENTER",
        command_centre.draw,
        of_run=True,
        script="command_centre.js",
        style="command_centre.css",
    ),
    Page("/runs", "Run", "Run", run.draw, of_run=True, run_in_path=True, script="run.js"),
    Page(
        "/analytics/models",
        "Models",
        "Models",
        models.draw,
        filters=("range", "model", "provider"),
        whole="Last 30 days",
        script="models.js",
        style="history.css",
    ),
    Page(
        "/quality",
        "Quality",
        "Quality",
        quality.draw,
        filters=("range", "model", "component_type"),
        script="quality.js",
        style="history.css",
    ),
    Page("/kpis", "KPIs", "Key performance indicators", kpis.draw, of_run=True, script="kpis.js"),
    Page("/vehicles", "Vehicles", "Vehicles", vehicles.draw, script="vehicles.js", style="history.css"),
    Page(
        "/results",
        "Results",
        "Results",
        results.draw,
        filters=("range", "model", "tier", "component_type", "provider"),
        script="results.js",
        style="history.css",
    ),
    Page("/lineage", "Lineage", "Lineage", lineage.draw, script="lineage.js", style="history.css"),
    Page("/alerts", "Alerts", "Alerts", alerts.draw, script="alerts.js"),
    Page("/queries", "Queries", "Queries", queries.draw, script="queries.js", style="history.css"),
    Page("/reports", "Reports", "Reports", reports.draw, of_run=True, script="reports.js"),
)
