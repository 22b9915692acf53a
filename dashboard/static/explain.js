// What a number means. A click on one, or Enter, opens its definition: unit, window, freshness, and the SQL that gives
// the same. The header's `?` (or the key) lists every figure of the page, so that the keyboard reaches those in tables.
import { live } from "./live.js";

const dialog = document.querySelector("[data-explain]");
let definitions = null;

async function known() {
  if (definitions === null) {
    const answer = await fetch("/api/definitions");
    definitions = new Map((await answer.json()).map((row) => [row.key, row]));
  }
  return definitions;
}

function element(tag, text, css) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (css) made.className = css;
  return made;
}

function action(words, act, css = "") {
  const made = element("button", words, `button small ${css}`);
  made.type = "button";
  made.addEventListener("click", act);
  return made;
}

function heading(text) {
  const made = element("h2", text);
  made.id = "h-explain";
  return made;
}

function quoted(text) {
  return `'${text.replace(/\\/g, "\\\\").replace(/'/g, "\\'")}'`;
}

function sqlOf(definition, run) {
  return definition.sql.replaceAll("{run:String}", quoted(run ?? ""));
}

function freshness(number) {
  const source = number?.closest("[data-source]");
  if (source?.dataset.source.startsWith("/api/runs/") && source.dataset.source.endsWith("/metrics")) return "live, asked every 2 s";
  if (source) return "as of the page's last question to ClickHouse";
  const age = document.querySelector("[data-age]")?.textContent;
  return age === undefined ? "live" : `live, ${age} old`;
}

async function explain(key, number) {
  const definition = (await known()).get(key);
  if (!definition) return;
  const list = element("dl");
  const facts = { Means: definition.means, Unit: definition.unit, Window: definition.window, Freshness: freshness(number) };
  for (const [name, text] of Object.entries(facts)) list.append(element("dt", name), element("dd", text));
  const parts = [heading(definition.title), element("p", number?.textContent ?? "", "now"), list];
  const row = element("div", undefined, "row");
  if (definition.sql) {
    const sql = sqlOf(definition, live.run);
    parts.push(element("p", "The same from ClickHouse:", "label"), element("pre", sql));
    row.append(
      action("Copy the SQL", (event) => copy(sql, event.target)),
      link("Open in Queries", `/queries?q=${encodeURIComponent(sql)}`),
    );
  } else {
    parts.push(element("p", "No single statement gives it; what it is made of is said above.", "note wrap"));
  }
  row.append(action("Close", () => dialog.close(), "primary"));
  open([...parts, row]);
}

function link(words, href) {
  const made = element("a", words, "button small");
  made.href = href;
  return made;
}

async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Select and copy it by hand";
  }
}

async function listAll() {
  const numbers = new Map();
  for (const number of document.querySelectorAll("main [data-means]")) {
    const seen = number.checkVisibility?.() ?? true;
    if (seen && !numbers.has(number.dataset.means)) numbers.set(number.dataset.means, number);
  }
  const all = await known();
  const list = element("ul");
  for (const [key, number] of numbers) {
    const definition = all.get(key);
    if (!definition) continue;
    const button = element("button");
    button.type = "button";
    button.append(element("span", definition.title), element("b", number.textContent));
    button.addEventListener("click", () => explain(key, number));
    const item = element("li");
    item.append(button);
    list.append(item);
  }
  const none = list.children.length ? [] : [element("p", "No figure of this page has a definition yet.", "note wrap")];
  const row = element("div", undefined, "row");
  row.append(action("Close", () => dialog.close(), "primary"));
  open([heading("The figures of this page"), ...none, list, row]);
}

function open(parts) {
  dialog.replaceChildren(...parts);
  if (!dialog.open) dialog.showModal();
  dialog.querySelector("button, a")?.focus();
}

export function startExplaining() {
  document.addEventListener("click", (event) => {
    const number = event.target.closest?.("[data-means]");
    if (number && !event.target.closest("a, button")) explain(number.dataset.means, number);
    else if (event.target === dialog) dialog.close();
  });
  document.addEventListener("keydown", (event) => {
    const number = event.target.closest?.('[data-means][role="button"]');
    if (number && (event.key === "Enter" || event.key === " ")) {
      event.preventDefault();
      explain(number.dataset.means, number);
    } else if (event.key === "?" && !event.target.closest?.("input, textarea, select")) {
      listAll();
    }
  });
  document.querySelector("[data-explain-all]").addEventListener("click", listAll);
}
