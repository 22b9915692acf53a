// The page Models (S4): bars, pie, tables, trends, the best model of each task, insights, thumbs.
import { chip, h, ms, table, words } from "./draw.js";
import { feedback } from "./feedback.js";
import { FORMATS, written } from "./formats.js";
import { columns as bars, line } from "./plots.js";
import { whenFilled } from "./sources.js";

const MOST_BARS = 12;
const MOST_LINES = 6;
const part = (name) => document.querySelector(`[data-part="${name}"]`);
const plot = (name) => document.querySelector(`[data-plot="${name}"]`);
// The model, and who provides it where two have one of that name.
const namer = (rows) => (row) => (rows.filter((other) => other.model === row.model).length > 1 ? `${row.model} (${row.provider})` : row.model);

function showBars(models) {
  const most = [...models].sort((one, other) => other.totalCalls - one.totalCalls).slice(0, MOST_BARS);
  const labels = most.map(namer(most));
  bars(plot("response"), { labels, series: [{ label: "Mean response time, ms", values: most.map((row) => row.avgResponseTime), format: "count", colour: 3 }] });
  bars(plot("success"), { labels, series: [{ label: "Success", values: most.map((row) => row.successRate), format: "percent", colour: 6 }] });
}

// A ring of what people said; the words beside it hold the numbers.
function showPie({ thumbsUp, thumbsDown, totalCalls }) {
  const parts = [["Thumbs up", thumbsUp, "up"], ["Thumbs down", thumbsDown, "down"]];
  const rated = thumbsUp + thumbsDown;
  let before = 0;
  const arcs = parts.filter(([, count]) => count > 0).map(([label, count, css]) => {
    const arc = h("circle", { class: css, cx: 60, cy: 60, r: 46, pathLength: 100, "stroke-dasharray": `${(100 * count) / rated} 100`, "stroke-dashoffset": -before }, h("title", {}, `${label}: ${count}`));
    before += (100 * count) / rated;
    return arc;
  });
  const legend = parts.map(([label, count, css]) => h("li", {}, h("span", { class: `mark-dot ${css}` }), ` ${label} `, h("b", {}, FORMATS.count(count)), " ", h("span", { "data-means": "models:summary.satisfactionRate" }, written(rated ? (100 * count) / rated : null, "share"))));
  part("pie").replaceChildren(
    h("svg", { viewBox: "0 0 120 120", class: "pie", role: "img", "aria-label": rated ? `${FORMATS.count(thumbsUp)} thumbs up, ${FORMATS.count(thumbsDown)} thumbs down` : "Nobody has rated yet" },
      h("circle", { class: "none", cx: 60, cy: 60, r: 46 }), arcs, h("text", { x: 60, y: 66, "text-anchor": "middle" }, written(rated ? (100 * thumbsUp) / rated : null, "share"))),
    h("ul", { class: "pie-legend" }, legend, h("li", {}, h("small", {}, `${FORMATS.count(totalCalls)} calls in all`))),
  );
}

const FIGURES = {
  totalCalls: "Calls", avgResponseTime: "Response", successRate: "Success", satisfactionRate: "Satisfaction", avgTokens: "Tokens a call", avgCost: "Cost a call",
  speedScore: "Speed", qualityScore: "Quality", confidence: "Confidence",
};
const figures = (list) => Object.entries(FIGURES).map(([field, words]) => ({ name: words, number: true, means: `models:${list}[].${field}` }));
const cells = (row) => [
  FORMATS.count(row.totalCalls), ms(row.avgResponseTime && Math.round(row.avgResponseTime)), written(row.successRate, "percent"), written(row.satisfactionRate, "share"),
  written(row.avgTokens, "count"), written(row.avgCost, "unitUsd"), written(row.speedScore, "count"), h("b", {}, written(row.qualityScore, "rate")), written(row.confidence, "count"),
];

function showTables({ byModel, byTaskType, byProvider }) {
  table(part("models"), [{ name: "Model", wide: true }, { name: "Provider" }, ...figures("byModel")], byModel.map((row) => [words(row.model, 80), words(row.provider, 60), ...cells(row)]), "Performance by model");
  table(part("tasks"), [{ name: "Task", wide: true }, { name: "Best model", wide: true }, ...figures("byTaskType")], byTaskType.map((row) => [words(row.taskType, 60), row.bestModel ? words(row.bestModel, 60) : "–", ...cells(row)]), "Performance by task");
  table(part("providers"), [{ name: "Provider", wide: true }, ...figures("byProvider")], byProvider.map((row) => [words(row.provider, 60), ...cells(row)]), "Performance by provider");
}

function showTrends({ trends, byModel }) {
  const dates = [...new Set(trends.map((row) => row.date))].sort();
  const at = dates.map((date) => Date.parse(`${date}T00:00:00Z`) / 1000);
  const models = [...byModel].sort((one, other) => other.totalCalls - one.totalCalls).slice(0, MOST_LINES);
  const found = new Map(trends.map((row) => [`${row.date} ${row.provider} ${row.model}`, row]));
  const name = namer(models);
  const series = (field, format) => models.map((model, index) => ({
    label: name(model), format, colour: index + 1, values: dates.map((date) => found.get(`${date} ${model.provider} ${model.model}`)?.[field] ?? null),
  }));
  part("trend-legend").replaceChildren(...models.map((model, index) => h("span", { class: `key s${index + 1}` }, name(model))));
  line(plot("response-trend"), { at, series: series("avgResponseTime", "count") });
  line(plot("success-trend"), { at, series: series("successRate", "percent") });
}

function showBest(best) {
  part("best").replaceChildren(...best.map((one) => h("li", {},
    h("h3", {}, one.taskType), h("p", { class: "title" }, words(one.model, 80)),
    h("p", { class: "note wrap" }, words(one.reason, 400)),
    h("p", { class: "note wrap" }, chip(one.basis === "history" ? "measured" : "by rule"), ` confidence ${FORMATS.count(one.confidence)}, ${FORMATS.count(one.metrics.sampleSize)} calls`))));
  if (!best.length) part("best").replaceChildren(h("li", { class: "nothing" }, "A model is named for a task once it has 5 calls of it."));
}

function showInsights(insights) {
  part("insights").replaceChildren(...insights.map((one) => h("li", { class: one.level }, h("span", { class: `mark-dot ${one.level === "success" ? "green" : "yellow"}`, "aria-hidden": "true" }), h("span", { class: "sr-only" }, one.level === "success" ? "Insight: " : "Warning: "), words(one.text, 400))));
  if (!insights.length) part("insights").replaceChildren(h("li", { class: "nothing" }, "Nothing stands out: models differ too little, or have too few calls."));
}

whenFilled("models", (body) => {
  showBars(body.byModel);
  showPie(body.summary);
  showTables(body);
  showTrends(body);
  showBest(body.bestByTask);
  showInsights(body.recommendations);
});
const conversation = document.querySelector("[data-conversation]");
feedback(part("thumbs"), () => ({ conversationId: conversation.value.trim() }));
