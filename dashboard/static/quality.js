// The page Quality (S1): scores, latency with its stages, cost, heat by hour and component type, trends.
import { h, ms, table, words } from "./draw.js";
import { FORMATS, written } from "./formats.js";
import { columns as bars, heatmap, line } from "./plots.js";
import { whenFilled } from "./sources.js";

const SCORES = {
  classification_accuracy: "Classification accuracy", semantic_confidence: "Semantic confidence", visual_similarity_pixel: "Visual similarity, pixels",
  visual_similarity_semantic: "Visual similarity, meaning", code_quality: "Code quality",
};
const BRIEF = { classification_accuracy: "Accuracy", semantic_confidence: "Semantic", visual_similarity_pixel: "Pixels", visual_similarity_semantic: "Meaning", code_quality: "Code" };
const MEASURES = { success_rate: "Success", p95_latency: "Latency, p95", mean_latency: "Mean latency", cost_per_component: "Cost a component", cache_hit_rate: "Cache hits", ...SCORES };
const HEATS = { latency: ["Mean latency, ms", "count"], results: ["Results", "count"], errorRate: ["Failed", "share"] };
const part = (name) => document.querySelector(`[data-part="${name}"]`);
const plot = (name) => document.querySelector(`[data-plot="${name}"]`);
const said = (name) => SCORES[name] ?? name.replaceAll("_", " ");
const figure = (list, words, field) => ({ name: words, number: true, means: `quality:${list}[].${field}` });
let heats = null;

function names(body) {
  const known = Object.keys(SCORES).filter((name) => name in body.totals.scores);
  return [...known, ...Object.keys(body.totals.scores).filter((name) => !(name in SCORES))].slice(0, 8);
}

function showScores(body) {
  const all = names(body);
  part("scores").replaceChildren(...all.map((name) => h("div", { class: "figure" }, h("dt", {}, said(name)), h("dd", { "data-means": "quality:totals.scores" }, written(body.totals.scores[name], "percent")))));
  const at = body.points.map((point) => Date.parse(point.at) / 1000);
  part("score-legend").replaceChildren(...all.map((name, index) => h("span", { class: `key s${index + 1}` }, said(name))));
  line(plot("scores"), { at, series: all.map((name, index) => ({ label: said(name), format: "percent", colour: index + 1, values: body.points.map((point) => point.scores[name] ?? null) })) });
  line(plot("latency"), { at, series: ["p50", "p95", "p99"].map((name, index) => ({ label: `${name}, ms`, format: "count", colour: index + 1, values: body.points.map((point) => point[name]) })) });
  line(plot("spent"), { at, series: [
    { label: "Cost", format: "usd", colour: 2, values: body.points.map((point) => point.cost) },
    { label: "Cost a component", format: "unitUsd", colour: 5, side: "right", values: body.points.map((point) => point.costPerComponent) },
  ] });
  line(plot("rates"), { at, series: [
    { label: "Success", format: "percent", colour: 6, values: body.points.map((point) => point.successRate) },
    { label: "Cache hits", format: "percent", colour: 3, values: body.points.map((point) => point.cacheHitRate) },
  ] });
}

function showTypes(body) {
  const all = names(body);
  const heads = (first, list) => [{ name: first, wide: true }, figure(list, "Components", "components"), figure(list, "Success", "successRate"), ...all.map((name) => ({ name: BRIEF[name] ?? said(name), number: true, means: "quality:totals.scores" })),
    figure(list, "p50", "p50"), figure(list, "p95", "p95"), figure(list, "Cache", "cacheHitRate"), figure(list, "Cost each", "costPerComponent"), figure(list, "Cost", "cost")];
  const row = (name, one) => [words(name, 60), FORMATS.count(one.components), written(one.successRate, "percent"), ...all.map((score) => written(one.scores[score] ?? null, "percent")),
    ms(one.p50), ms(one.p95), written(one.cacheHitRate, "share"), written(one.costPerComponent, "unitUsd"), written(one.cost, "usd")];
  table(part("types"), heads("Component type", "byComponentType"), body.byComponentType.map((one) => row(one.componentType, one)), "By component type");
  table(part("by-model"), heads("Model", "byModel"), body.byModel.map((one) => row(one.model, one)), "By model");
}

function showStages(body) {
  table(part("stages"), [{ name: "Stage", wide: true }, figure("stages", "Mean time", "meanMs"), figure("stages", "Of all time", "timeShare"), figure("stages", "Cost", "cost"), figure("stages", "Of all cost", "costShare")],
    body.stages.map((stage) => [words(stage.stage, 60), ms(stage.meanMs && Math.round(stage.meanMs)), written(stage.timeShare, "share"), written(stage.cost, "usd"), written(stage.costShare, "share")]), "By stage");
  const stages = [...new Set(body.stageCosts.map((one) => one.stage))];
  const types = [...new Set(body.stageCosts.map((one) => one.componentType))].sort();
  const each = new Map(body.stageCosts.map((one) => [`${one.componentType} ${one.stage}`, one.costPerResult]));
  table(part("stage-costs"), [{ name: "Component type", wide: true }, ...stages.map((stage) => ({ name: stage, number: true, means: "quality:stageCosts[].costPerResult" }))],
    types.map((type) => [words(type, 60), ...stages.map((stage) => written(each.get(`${type} ${stage}`) ?? null, "unitUsd"))]), "Cost a result, by component type and stage");
  if (body.stages.length) bars(plot("stages"), { labels: body.stages.map((stage) => stage.stage.slice(0, 18)), series: [{ label: "Mean time, ms", format: "count", colour: 1, values: body.stages.map((stage) => stage.meanMs) }] });
}

function showHeat() {
  const kind = part("heat-kind").value;
  const [, format] = HEATS[kind];
  heatmap(plot("heat"), { rows: heats.map((one) => one.componentType), columns: [...Array(24).keys()].map((hour) => String(hour).padStart(2, "0")), values: heats.map((one) => one[kind].map((value) => (kind === "results" && !value ? null : value))), format });
}

function showChanges(body) {
  const write = { percent: (value) => written(value, "percent"), ms: (value) => ms(Math.round(value)), usd: (value) => written(value, "unitUsd") };
  const SIGNS = { better: "Better", worse: "Worse", steady: "Steady" };
  const rows = body.changes.map((one) => [MEASURES[one.measure] ?? said(one.measure), write[one.unit](one.before), write[one.unit](one.after), `${one.change > 0 ? "+" : ""}${written(one.change, "percent")}`,
    h("span", { class: `verdict ${one.verdict}` }, SIGNS[one.verdict])]);
  if (rows.length) table(part("changes"), [{ name: "Measure", wide: true }, ...["Before", "After", "Change"].map((words) => figure("changes", words, "change")), { name: "" }], rows, "What changed");
  else part("changes").replaceChildren(h("p", { class: "nothing" }, "A comparison needs 20 results in each half of the time."));
  part("opportunities").replaceChildren(...body.opportunities.map((one) => h("li", {}, words(one.text, 300), one.saving === null ? null : h("b", { class: "good" }, ` ${FORMATS.usd(one.saving)}`))));
  if (!body.opportunities.length) part("opportunities").replaceChildren(h("li", { class: "nothing" }, "Nothing stands out."));
  const days = body.spending.runwayDays;
  part("runway").textContent = days === null ? "–" : FORMATS.duration(days * 86_400);
}

// The filters that the exports share with the page.
function showExports() {
  const asked = new URLSearchParams(location.search);
  for (const link of document.querySelectorAll("[data-export]")) {
    const wanted = new URLSearchParams({ format: link.dataset.export });
    for (const name of ["run", "model", "component_type"]) if (asked.get(name)) wanted.set(name, asked.get(name));
    link.href = `/api/export/run_results?${wanted}`;
  }
}

whenFilled("quality", (body) => {
  showScores(body);
  showTypes(body);
  showStages(body);
  heats = body.heat;
  showHeat();
  showChanges(body);
  showExports();
});
part("heat-kind")?.addEventListener("change", showHeat);
