// Vehicles: all of them, the costliest first; or one, with what one more document would bring.
import { chip, h, link, table, vehicleAddress, when, words } from "./draw.js";
import { FORMATS, written } from "./formats.js";
import { refresh, whenFilled } from "./sources.js";

const DOCUMENTS = { spid: "SPID", factoryManual: "Factory manual", receipts: "Receipts", timelineEvents: "Timeline events", userTags: "User tags", previousAnalysis: "Previous analysis", wellDocumented: "Well documented" };
const part = (name) => document.querySelector(`[data-part="${name}"]`);
const list = document.querySelector('[data-name="vehicles"]');
const next = document.querySelector("[data-older]");
const first = document.querySelector("[data-first]");
const band = (name) => (name ? chip(FORMATS.band(name), `band ${name}`) : "–");

function search() {
  const own = new URLSearchParams({ limit: 50 });
  const tier = new URLSearchParams(location.search).get("band");
  if (tier) own.set("tier", tier);
  if (history.state?.cursor) own.set("cursor", history.state.cursor);
  first.hidden = !history.state?.cursor;
  list.dataset.source = `/api/metrics/vehicles?${own}`;
}

function turn(cursor) {
  history.pushState(cursor ? { cursor } : null, "");
  search();
  refresh(list);
}

const figure = (words, field) => ({ name: words, number: true, means: `vehicles:vehicles[].${field}` });

function showList(body) {
  const heads = [{ name: "Vehicle", wide: true }, figure("Profile", "score"), { name: "Band" }, figure("Context", "avgContextScore"), figure("Images", "totalImages"), figure("Processed", "imagesProcessed"),
    figure("Confidence", "avgConfidence"), figure("Gaps", "gapsIdentified"), { name: "Last processed" }, figure("Cost", "totalCost")];
  const rows = body.vehicles.map((row) => [
    link(vehicleAddress(row.vehicleId), row.vehicleId, "mono"), written(row.score, "count"), band(row.tier), written(row.avgContextScore, "count"), FORMATS.count(row.totalImages),
    FORMATS.count(row.imagesProcessed), written(row.avgConfidence, "share"), FORMATS.count(row.gapsIdentified),
    h("span", {}, when(row.lastProcessedAt), row.nextSuggestedReprocess ? chip("worth reprocessing", "success") : null), written(row.totalCost, "usd"),
  ]);
  table(part("vehicles"), heads, rows, "Vehicles");
  next.hidden = !body.nextCursor;
  next.dataset.cursor = body.nextCursor ?? "";
}

function showOne(body) {
  document.querySelector("[data-title]").replaceChildren(h("bdi", { class: "mono" }, body.vehicleId), " ", band(body.completeness.tier));
  const rows = Object.entries(body.completeness.breakdown).map(([name, one]) => [DOCUMENTS[name] ?? name, FORMATS.count(one.count), `${one.points} of ${one.most}`, meter(one)]);
  table(part("breakdown"), [{ name: "Document" }, ...["Present", "Points"].map((words) => ({ name: words, number: true, means: "vehicle:completeness.breakdown" })), { name: "" }], rows, "What makes up the score");
  if (!rows.length) part("breakdown").replaceChildren(h("p", { class: "nothing" }, "It has no profile: publish a vehicle.profiled event that says which documents there are."));
  const advice = body.recommendations.map((one) => h("li", {}, h("p", { class: "title" }, words(one.action, 200)), h("p", { class: "note wrap" }, words(one.impact, 400)),
    one.costSavings === null ? null : h("p", { class: "good" }, h("b", {}, FORMATS.usd(one.costSavings)), " saved if its images are asked about again")));
  part("advice").replaceChildren(...(advice.length ? advice : [h("li", { class: "nothing" }, rows.length ? "Nothing to add: one more document would not make its images cheaper." : "Nothing is known of its documents.")]));
  const outcomes = { partsIdentified: "Parts", modificationsFound: "Modifications", maintenanceAlerts: "Maintenance alerts", gapsIdentified: "Gaps named" };
  part("outcomes").replaceChildren(...Object.entries(outcomes).map(([name, label]) => h("div", { class: "figure" }, h("dt", {}, label), h("dd", { "data-means": `vehicle:outcomes.${name}` }, FORMATS.count(body.outcomes[name])))));
  part("last").replaceChildren(when(body.processing.lastProcessedAt), body.processing.nextSuggestedReprocess ? h("span", {}, ". Worth reprocessing since ", when(body.processing.nextSuggestedReprocess)) : "");
  part("results").href = `/results?${new URLSearchParams({ vehicle: body.vehicleId })}`;
}

const meter = (one) => h("svg", { class: "bar", role: "img", "aria-label": `${one.points} of ${one.most} points` }, h("rect", { class: "fill", height: "100%", width: `${(100 * one.points) / (one.most || 1)}%` }));

if (list) {
  const asked = list.dataset.source;
  search();
  if (list.dataset.source !== asked) refresh(list);
  const choice = document.querySelector("[data-band]");
  choice.addEventListener("change", () => {
    const asked = new URLSearchParams(location.search);
    if (choice.value) asked.set("band", choice.value);
    else asked.delete("band");
    history.pushState(null, "", `?${asked}`);
    search();
    refresh(list);
  });
  document.addEventListener("filterschange", () => {
    choice.value = new URLSearchParams(location.search).get("band") ?? "";
    search();
  }, true);
  next.addEventListener("click", () => turn(next.dataset.cursor));
  first.addEventListener("click", () => turn(""));
  whenFilled("vehicles", showList);
}
whenFilled("vehicle", showOne);
