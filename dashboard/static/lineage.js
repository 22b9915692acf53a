// Lineage as a drawing: layers from left to right, a box for each thing, a curve for each step. Every box is reached by
// Tab or the arrow keys and says below what is known of it; the table underneath holds the same and all of it.
import { chip, fraction, h, lineageAddress, link, ms, nanoUsd, resultAddress, status, table, vehicleAddress, when, words } from "./draw.js";
import { FORMATS } from "./formats.js";
import { whenFilled } from "./sources.js";

const LAYERS = [["vehicle"], ["image", "component", "message"], ["call"], ["model", "answer"], ["record", "feedback"]];
const BOX = { width: 214, height: 40, right: 50, below: 12, margin: 8 };
const MOST = 160;
const ROWS = 500;
const LABEL = 22;
const SAID = { belongs_to: "belongs to", processed_by: "was processed by", made_by: "was made by", answered: "answered", wrote: "wrote", judged_by: "was judged", replaced_by: "was replaced by" };

const short = (text) => (text.length > LABEL ? `${text.slice(0, LABEL - 1)}…` : text);
const layerOf = (kind) => LAYERS.findIndex((kinds) => kinds.includes(kind));

function placed(nodes) {
  const used = LAYERS.map((_, layer) => nodes.filter((node) => layerOf(node.kind) === layer)).filter((layer) => layer.length);
  const tallest = Math.max(...used.map((layer) => layer.length));
  const step = BOX.height + BOX.below;
  const places = new Map();
  used.forEach((layer, column) => {
    const ordered = [...layer].sort((one, other) => LAYERS[layerOf(one.kind)].indexOf(one.kind) - LAYERS[layerOf(other.kind)].indexOf(other.kind));
    const top = BOX.margin + ((tallest - layer.length) * step) / 2;
    ordered.forEach((node, index) => places.set(node.id, { node, column, index, x: BOX.margin + column * (BOX.width + BOX.right), y: top + index * step }));
  });
  return { places, width: used.length * (BOX.width + BOX.right) - BOX.right + 2 * BOX.margin, height: tallest * step + BOX.margin };
}

function curve(from, to) {
  const middle = BOX.height / 2;
  if (from.column === to.column) {
    const x = from.x;
    return `M${x} ${from.y + middle} C${x - 34} ${from.y + middle} ${x - 34} ${to.y + middle} ${x} ${to.y + middle}`;
  }
  const [left, right] = from.column < to.column ? [from, to] : [to, from];
  const start = left.x + BOX.width;
  const bend = (right.x - start) / 2;
  return `M${start} ${left.y + middle} C${start + bend} ${left.y + middle} ${right.x - bend} ${right.y + middle} ${right.x} ${right.y + middle}`;
}

function draw({ about, nodes, edges }) {
  const shown = nodes.slice(0, MOST);
  const { places, width, height } = placed(shown);
  const known = edges.filter((edge) => places.has(edge.source) && places.has(edge.target));
  const curves = known.map((edge) => h("path", { d: curve(places.get(edge.source), places.get(edge.target)), class: `edge ${edge.kind}` }));
  const boxes = [...places.values()].map((place) => box(place, place.node.id === about));
  const svg = h("svg", { viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": "Lineage, drawn: Tab or the arrow keys go from box to box", class: "graph" },
    h("g", {}, curves), h("g", {}, boxes));
  svg.style.maxWidth = `${width}px`;
  const graph = { places: [...places.values()], boxes, edges: known, curves };
  boxes.forEach((element, index) => {
    const choose = () => select(graph, index);
    element.addEventListener("focus", choose);
    element.addEventListener("click", () => element.focus());
    element.addEventListener("keydown", (event) => move(graph, index, event));
  });
  document.querySelector("[data-graph]").replaceChildren(svg);
  document.querySelector("[data-more]").textContent = nodes.length > MOST ? `The drawing holds the first ${MOST} of ${FORMATS.count(nodes.length)} things; the table below holds all.` : "";
  select(graph, Math.max(0, graph.places.findIndex((place) => place.node.id === about)));
}

function box({ node, x, y }, main) {
  const group = h("g", { class: `node ${node.kind}${main ? " main" : ""}${node.facts.status === "failed" ? " failed" : ""}`, tabindex: 0, role: "button", transform: `translate(${x} ${y})` },
    h("title", {}, `${node.kind} ${node.label}`),
    h("rect", { width: BOX.width, height: BOX.height, rx: 9 }),
    h("text", { x: 12, y: 15, class: "kind", "aria-hidden": "true" }, node.kind),
    h("text", { x: 12, y: 32, "aria-hidden": "true" }, short(node.label)));
  return group;
}

function move({ places, boxes, edges }, index, event) {
  const here = places[index];
  const next = {
    ArrowRight: () => edges.filter((edge) => edge.source === here.node.id).map((edge) => edge.target),
    ArrowLeft: () => edges.filter((edge) => edge.target === here.node.id).map((edge) => edge.source),
    ArrowDown: () => places.filter((other) => other.column === here.column && other.index === here.index + 1).map((other) => other.node.id),
    ArrowUp: () => places.filter((other) => other.column === here.column && other.index === here.index - 1).map((other) => other.node.id),
  }[event.key];
  if (!next) return;
  event.preventDefault();
  const [id] = next();
  const there = places.findIndex((other) => other.node.id === id);
  if (there >= 0) boxes[there].focus();
}

function select({ places, boxes, edges, curves }, index) {
  const { node } = places[index];
  const near = new Set([node.id]);
  edges.forEach((edge, place) => {
    const touches = edge.source === node.id || edge.target === node.id;
    curves[place].classList.toggle("near", touches);
    if (touches) near.add(edge.source).add(edge.target);
  });
  boxes.forEach((element, place) => {
    element.classList.toggle("near", near.has(places[place].node.id));
    element.setAttribute("aria-pressed", place === index);
  });
  const label = new Map(places.map((place) => [place.node.id, place.node.label]));
  const steps = edges.filter((edge) => edge.source === node.id).map((edge) => h("li", {}, `${SAID[edge.kind]} `, words(label.get(edge.target), 80)));
  document.querySelector("[data-chosen]").replaceChildren(
    h("h3", {}, node.kind), h("p", { class: "title" }, addressOf(node) ? link(addressOf(node), node.label) : words(node.label)),
    h("dl", { class: "facts" }, Object.entries(node.facts).map(([name, value]) => h("div", {}, h("dt", {}, named(name)), h("dd", {}, said(name, value))))),
    h("ul", { class: "steps" }, steps),
  );
}

const named = (name) => name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`).replace("cost nano usd", "cost");

function said(name, value) {
  if (name === "costNanoUsd") return nanoUsd(value);
  if (name === "latencyMs") return ms(value);
  if (name === "eventTime") return when(value);
  if (name === "confidence") return fraction(value);
  if (Array.isArray(value)) return h("span", {}, value.map((one) => chip(String(one))));
  return words(typeof value === "boolean" ? (value ? "yes" : "no") : value, 120);
}

function addressOf({ kind, label, facts }) {
  if (kind === "image") return lineageAddress({ image: label });
  if (kind === "vehicle") return vehicleAddress(label);
  if (kind === "call") return resultAddress(facts);
  if (kind === "record") return lineageAddress({ table: label.slice(0, label.indexOf("/")), record: label.slice(label.indexOf("/") + 1) });
  return null;
}

function showSteps(steps) {
  const heads = [{ name: "When" }, { name: "Subject" }, { name: "Tier" }, { name: "Model", wide: true }, { name: "Status" }, { name: "Question", wide: true },
    { name: "Answer", wide: true }, { name: "Confidence", number: true, means: "result:answer" }, { name: "Row" }, { name: "Validated" }, { name: "Cost of the call", number: true, means: "result:cost" }];
  document.querySelector("[data-all]").textContent = steps.length > ROWS ? `The first ${ROWS} of ${FORMATS.count(steps.length)} steps; the API gives all.` : "";
  const rows = steps.slice(0, ROWS).map((step) => [
    h("a", { href: resultAddress(step) }, when(step.eventTime)),
    step.subjectKind === "image" ? link(lineageAddress({ image: step.subjectId }), step.subjectId, "mono") : words(step.subjectId, 60),
    h("span", {}, FORMATS.tier(step.tier), step.times > 1 ? h("small", {}, ` ${step.nth} of ${step.times}${step.holds ? ", holds" : ""}`) : null),
    words([step.model, step.modelVersion].filter(Boolean).join(" "), 80), status({ ...step, errorType: null }),
    step.question === null ? words(step.error ?? "–", 120) : words(step.question, 120), step.answer === null ? "–" : words(step.answer, 120), fraction(step.confidence),
    step.recordId ? link(lineageAddress({ table: step.table ?? "", record: step.recordId }), `${step.table}/${step.recordId}`) : "–",
    step.verdict ? words(`${step.verdict} by ${step.verdictBy}`) : (step.validatedBy ?? "–"), nanoUsd(step.costNanoUsd),
  ]);
  table(document.querySelector("[data-steps]"), heads, rows, "Steps");
}

whenFilled("lineage", (body) => {
  draw(body);
  showSteps(body.steps);
});
