// Results: a list that is searched, sorted and walked; or one of them whole. The address holds the search and the order,
// so that it can be saved; the place in the list is the browser's history's.
import { chip, fraction, h, lineageAddress, link, ms, nanoUsd, resultAddress, status, table, vehicleAddress, when, words } from "./draw.js";
import { FORMATS } from "./formats.js";
import { refresh, whenFilled } from "./sources.js";

const OWN = ["status", "task_type", "vehicle", "text", "sort"];
const SORTS = { time: "-time", cost: "-cost", latency: "-latency", confidence: "-confidence" };
const form = document.querySelector("[data-search]");
const list = document.querySelector('[data-name="results"]');
const older = document.querySelector("[data-older]");
const newest = document.querySelector("[data-first]");

function search() {
  const asked = new URLSearchParams(location.search);
  const own = new URLSearchParams(OWN.filter((name) => asked.get(name)).map((name) => [name, asked.get(name)]));
  const cursor = history.state?.cursor;
  if (cursor) own.set("cursor", cursor);
  newest.hidden = !cursor;
  list.dataset.source = `/api/results?${own}`;
}

function go(changes) {
  const asked = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(changes)) {
    if (value) asked.set(name, value);
    else asked.delete(name);
  }
  history.pushState(null, "", `?${asked}`);
  search();
  refresh(list);
}

function turn(cursor) {
  history.pushState(cursor ? { cursor } : null, "");
  search();
  refresh(list).then(() => document.querySelector("[data-results]").scrollIntoView({ block: "start" }));
}

function heading(name, sort) {
  const now = new URLSearchParams(location.search).get("sort") ?? "-time";
  const down = SORTS[sort];
  const chosen = now === down ? "down" : now === sort ? "up" : null;
  const button = h("button", { type: "button", class: "sort", "aria-pressed": chosen !== null }, name, chosen === "down" ? " ↓" : chosen === "up" ? " ↑" : "");
  button.setAttribute("aria-label", `Sort by ${name.toLowerCase()}, ${chosen === "down" ? "lowest" : "highest"} first`);
  button.addEventListener("click", () => go({ sort: chosen === "down" ? sort : down === "-time" ? "" : down }));
  return button;
}

const figure = (name, field) => ({ name, number: true, means: `result:${field}` });

function showList(body) {
  const heads = [
    { name: heading("Time", "time") }, { name: "Subject", wide: true }, { name: "Tier" }, { name: "Model" }, { name: "Task" }, { name: "Status" },
    figure("Answers", "answers"), figure(heading("Confidence", "confidence"), "confidence"),
    figure(heading("Latency", "latency"), "latency"), figure(heading("Cost", "cost"), "cost"),
  ];
  const rows = body.results.map((row) => [
    when(row.effectiveAt), link(resultAddress(row), row.subjectId, "mono"), FORMATS.tier(row.tier), words(row.model, 60),
    words(row.componentType ?? row.taskType, 60), status(row), FORMATS.count(row.answers), fraction(row.confidence), ms(row.latencyMs), nanoUsd(row.costNanoUsd),
  ]);
  const element = document.querySelector("[data-results]");
  if (rows.length) table(element, heads, rows, "Results");
  else element.replaceChildren(h("p", { class: "nothing" }, body.next ? "Only repeats on this page: go to the next." : "No result matches. Clear a filter, or choose another run."));
  older.hidden = body.next === null;
  older.dataset.cursor = body.next ?? "";
}

function facts(element, pairs) {
  const known = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
  element.replaceChildren(h("dl", { class: "facts" }, known.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, ...[value].flat())))));
}

const amounts = (map, write) => Object.entries(map ?? {}).map(([name, value]) => h("div", {}, words(name, 80), ` ${write(value)}`));
const place = (name) => document.querySelector(`[data-part="${name}"]`);

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function showOne({ fields, history: earlier, feedback }) {
  const of = { runId: fields.run_id, eventId: fields.event_id, sourcePartition: fields.source_partition };
  document.querySelector("[data-title]").replaceChildren(h("bdi", { class: "mono" }, fields.subject_id));
  facts(place("outcome"), [
    ["Status", status({ status: fields.status, errorType: fields.error_type })],
    ["Error", fields.error_message && words(fields.error_message)],
    ["Tier", FORMATS.tier(fields.tier)], ["Model", words([fields.model, fields.model_version].filter(Boolean).join(" "))],
    ["Provider", words(fields.provider)], ["Prompt version", fields.prompt_version && words(fields.prompt_version)],
    ["Task", words(fields.task_type)], ["Component type", fields.component_type && words(fields.component_type)],
    ["Strategy", fields.strategy && words(fields.strategy)], ["Variant", fields.variant && words(fields.variant)],
    ["Attempt", FORMATS.count(fields.attempt)], ["When", when(fields.effective_at)], ["Latency", ms(fields.latency_ms)],
    ["Confidence", fraction(fields.confidence)], ["Context score", fields.context_score], ["Context", fields.context_items?.map((item) => chip(item))],
  ]);
  facts(place("cost"), [
    ["Cost", nanoUsd(fields.cost_nano_usd)], ["By stage", amounts(fields.stage_costs, FORMATS.usd)], ["Time by stage", amounts(fields.stages, ms)],
    ["Tokens in", FORMATS.count(fields.input_tokens)], ["Tokens out", FORMATS.count(fields.output_tokens)],
    ["Cached", FORMATS.count(fields.cached_tokens)], ["Saved", FORMATS.count(fields.tokens_saved)], ["Cache hit", fields.cache_hit ? "yes" : "no"],
    ["Price list", fields.price_version && words(fields.price_version)],
  ].filter(([, value]) => !Array.isArray(value) || value.length));
  facts(place("source"), [
    ["Run", link(`/results?${new URLSearchParams({ run: fields.run_id })}`, fields.run_id)], ["Event", words(fields.event_id)],
    ["Vehicle", fields.vehicle_id && link(vehicleAddress(fields.vehicle_id), fields.vehicle_id)],
    ["Image", fields.image_uri && words(fields.image_uri)], ["Processor", fields.processor_id && words(fields.processor_id)],
    ["In the log", `${fields.source_topic}, partition ${fields.source_partition}, offset ${fields.source_offset}`],
    ["Lineage", fields.subject_kind === "image" ? link(lineageAddress({ image: fields.subject_id }), "What became of this image") : null],
  ]);
  showAnswers(fields);
  showPicture(fields, of);
  place("output").replaceChildren(h("pre", { dir: "auto" }, fields.output ? pretty(fields.output) : "No output was sent."));
  place("cut").hidden = !fields.output_cut;
  showEarlier(earlier, of);
  showFeedback(feedback);
}

function showAnswers(fields) {
  const heads = [{ name: "Question", wide: true }, { name: "Answer", wide: true }, figure("Confidence", "answer"), { name: "Agreed" }, { name: "Validated" }, { name: "Row" }];
  const rows = fields.answers.map((answer) => [
    words(answer.question), answer.answer === null ? "–" : words(answer.answer), fraction(answer.confidence),
    answer.asked_models === null ? "–" : `${answer.agreeing_models ?? 0} of ${answer.asked_models}`, answer.validated_by ?? "–",
    answer.record_id ? link(lineageAddress({ table: answer.table, record: answer.record_id }), `${answer.table}/${answer.record_id}`) : "–",
  ]);
  if (rows.length) table(place("answers"), heads, rows, "Answers");
  else place("answers").replaceChildren(h("p", { class: "nothing" }, "No answers."));
  const gaps = fields.gaps.map((gap) => h("li", {}, words(gap.item), gap.how_to_get ? h("small", {}, " ", words(gap.how_to_get)) : null));
  if (gaps.length) place("answers").append(h("h3", {}, "Missing documents"), h("ul", {}, gaps));
}

function showPicture(fields, of) {
  if (!fields.image_uri) return;
  const image = h("img", { src: `/api/results/${encodeURIComponent(of.runId)}/${encodeURIComponent(of.eventId)}/picture?partition=${of.sourcePartition}`, alt: `The image ${fields.subject_id}`, class: "picture" });
  image.addEventListener("load", () => place("picture").replaceChildren(image));
}

function showEarlier(earlier, of) {
  const heads = [{ name: "When" }, { name: "Run" }, { name: "Tier" }, { name: "Model" }, { name: "Status" }, figure("Confidence", "confidence"), figure("Latency", "latency"), figure("Cost", "cost")];
  const rows = earlier.map((row) => {
    const here = row.runId === of.runId && row.eventId === of.eventId && row.sourcePartition === of.sourcePartition;
    const time = here ? h("b", {}, when(row.effectiveAt), " (this one)") : h("a", { href: resultAddress(row) }, when(row.effectiveAt));
    return [time, words(row.runId, 60), FORMATS.tier(row.tier), words(row.model, 60), status(row), fraction(row.confidence), ms(row.latencyMs), nanoUsd(row.costNanoUsd)];
  });
  table(place("history"), heads, rows, "Every time it was processed");
}

function showFeedback(feedback) {
  place("feedback").hidden = feedback.length === 0;
  const said = (word) => word.verdict ?? { 1: "thumbs up", 0: "rating taken back" }[word.rating] ?? "thumbs down";
  place("feedback").querySelector("ul").replaceChildren(...feedback.map((word) =>
    h("li", {}, when(word.eventTime), ` ${word.validator}: ${said(word)} `, word.question ? words(word.question) : null, word.comment ? words(word.comment) : null)));
}

if (list) {
  const asked = list.dataset.source;
  search();
  if (list.dataset.source !== asked) refresh(list);
  document.addEventListener("filterschange", search, true);
  addEventListener("popstate", () => {
    const asked = new URLSearchParams(location.search);
    for (const field of form.querySelectorAll("[name]")) field.value = asked.get(field.name) ?? "";
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    go(Object.fromEntries(new FormData(form)));
  });
  form.addEventListener("change", (event) => event.target.matches("select") && form.requestSubmit());
  older.addEventListener("click", () => turn(older.dataset.cursor));
  newest.addEventListener("click", () => turn(""));
  whenFilled("results", showList);
  whenFilled("choices", (body) => {
    const known = document.querySelector("#task-types");
    known.replaceChildren(...body.taskTypes.map((name) => h("option", { value: name })));
  });
}
whenFilled("result", showOne);
