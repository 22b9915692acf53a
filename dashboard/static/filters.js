// The filter bar: what is chosen stands in the address, so a view can be saved, sent, and gone back from.
const form = document.querySelector("[data-filters]");
const CUSTOM = ["from", "to"];

function write() {
  const asked = new URLSearchParams(location.search);
  for (const field of form.querySelectorAll("select, input:not([type=hidden])")) {
    const custom = form.elements.range?.value === "custom";
    const value = CUSTOM.includes(field.name) ? (custom ? field.value : "") : field.value;
    if (value && value !== "custom") asked.set(field.name, value);
    else asked.delete(field.name);
  }
  const query = asked.toString();
  if (query === location.search.slice(1)) return;
  history.pushState(null, "", query ? `?${query}` : location.pathname);
  changed();
}

function read() {
  const asked = new URLSearchParams(location.search);
  for (const field of form.querySelectorAll("select, input:not([type=hidden])")) field.value = asked.get(field.name) ?? "";
  if (form.elements.range && CUSTOM.some((name) => asked.has(name))) form.elements.range.value = "custom";
}

function mark() {
  let some = false;
  for (const field of form.querySelectorAll("select, input:not([type=hidden])")) {
    field.closest("label").classList.toggle("chosen", field.value !== "");
    some ||= field.value !== "";
  }
  form.classList.toggle("some", some);
  const custom = form.elements.range?.value === "custom";
  for (const label of form.querySelectorAll("[data-custom]")) label.hidden = !custom;
}

function changed() {
  mark();
  for (const link of document.querySelectorAll("nav a")) carry(link);
  document.dispatchEvent(new Event("filterschange"));
}

// Links to other pages keep what is chosen here.
function carry(link) {
  const url = new URL(link.href);
  const asked = new URLSearchParams(location.search);
  for (const name of ["range", "from", "to", "model", "tier", "component_type", "provider"]) {
    if (asked.has(name)) url.searchParams.set(name, asked.get(name));
    else url.searchParams.delete(name);
  }
  link.href = url;
}

export function startFilters() {
  addEventListener("popstate", () => {
    if (form) read();
    if (form) changed();
    else document.dispatchEvent(new Event("filterschange"));
  });
  if (!form) return;
  mark();
  form.addEventListener("change", () => {
    mark();
    write();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    write();
  });
  form.addEventListener("reset", (event) => {
    event.preventDefault();
    for (const field of form.querySelectorAll("select, input:not([type=hidden])")) field.value = "";
    mark();
    write();
  });
}
