// How a figure is written: the same rules as pages/formats.py, which a test compares.

const UNKNOWN = "–";
const STATES = {
  warming_up: "Warming up", running: "Running", stalled: "Stalled", paused: "Paused", finished: "Finished",
};
const VELOCITIES = { up: "↗ speeding up", steady: "→ steady", down: "↘ slowing down" };
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const WORDS = {
  on_target: "✓ on target", near_target: "≈ near target", off_target: "✗ off target",
  up: "↗ up", steady: "→ steady", down: "↘ down",
  roi_percentage: "ROI", sla_latency: "SLA latency", sla_latency_ms: "SLA latency", model_latency_ms: "model latency", budget_runway_s: "budget runway", sla_error_rate: "SLA error rate", sla_deadline: "SLA deadline", user_experience: "user experience", system_health: "system health",
};
const MARKS = { red: "Alert", yellow: "Warning", green: "Met", blue: "Information" };
const BANDS = { rich: "Rich (60+)", good: "Good (30-60)", medium: "Med (10-30)", poor: "Poor (<10)" };

function fixed(value, decimals) {
  const text = Math.abs(value).toFixed(decimals);
  const [whole, fraction] = text.split(".");
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  return (value < 0 && Number(text) !== 0 ? "−" : "") + (fraction ? `${grouped}.${fraction}` : grouped);
}

// At least `decimals`, and under 1 so many that `significant` digits show; trailing zeros beyond are cut.
function small(value, decimals, significant) {
  let limit = 1;
  let places = significant - 1;
  while (value < limit && places < 12) {
    limit /= 10;
    places += 1;
  }
  const [whole, fraction] = fixed(value, Math.max(places, decimals)).split(".");
  return `${whole}.${fraction.slice(0, decimals)}${fraction.slice(decimals).replace(/0+$/, "")}`;
}

function money(value, significant) {
  const size = Math.abs(value);
  const text = size >= 1 || size === 0 ? fixed(size, size >= 10000 ? 0 : 2) : small(size, 2, significant);
  return `${value < 0 ? "−" : ""}$${text}`;
}

function duration(value) {
  const seconds = Math.floor(value);
  if (seconds < 60) return `${seconds}s`;
  const [minutes, hours, days] = [60, 3600, 86400].map((unit) => Math.floor(seconds / unit));
  if (hours < 1) return `${minutes}m`;
  return days < 1 ? `${hours}h ${minutes % 60}m` : `${days}d ${hours % 24}h`;
}

function ms(value) {
  const size = Math.abs(value);
  return size < 1000 ? `${fixed(value, 0)} ms` : `${fixed(value / 1000, size < 10000 ? 2 : 1)} s`;
}

function moment(value) {
  const at = new Date(value);
  const clock = at.toISOString().slice(11, 16);
  return `${at.getUTCDate()} ${MONTHS[at.getUTCMonth()]} ${clock} UTC`;
}

function ratio(value) {
  return `${fixed(value * 100, 1)}%`;
}

function short(value) {
  return money(value, 3).replace("$", "").replace(/\.00$/, "");
}

export const FORMATS = {
  usd: (value) => money(value, 2),
  unitUsd: (value) => money(value, 3),
  count: (value) => fixed(value, 0),
  rate: (value) => fixed(value, value >= 100 ? 0 : 1),
  percent: (value) => `${fixed(value, 1)}%`,
  share: (value) => (value > 0 && value < 0.5 ? "<1%" : `${fixed(value, 0)}%`),
  done: (value) => value > 0 && value < 0.1 ? "<0.1%" : `${(Math.floor(value * 10) / 10).toFixed(1)}%`,
  doneWhole: (value) => (value > 0 && value < 1 ? "<1%" : `${Math.floor(value)}%`),
  duration,
  nanoUsd: (value) => money(value / 1e9, 2),
  unitNanoUsd: (value) => money(value / 1e9, 3),
  ratio,
  fraction: ratio,
  score: short,
  s: duration,
  short,
  stars: (value) => `${fixed(value, 1)} / 5`,
  ms,
  moment,
  tier: (value) => `T${value}`,
  state: (value) => STATES[value] ?? value,
  velocity: (value) => VELOCITIES[value] ?? value,
  band: (value) => BANDS[value] ?? value,
  words: (value) => WORDS[value] ?? String(value).replaceAll("_", " "),
  mark: (value) => MARKS[value] ?? value,
  plain: String,
};

// Milliseconds of a moment; one without a zone is of UTC, as every time on the pages.
export function utc(text) {
  const zoned = !/\d[T ]\d/.test(text) || /(z|[+-]\d\d:?\d\d)$/i.test(text);
  return Date.parse(zoned ? text : `${text.replace(" ", "T")}Z`);
}

export function written(value, format) {
  return value === null || value === undefined ? UNKNOWN : (FORMATS[format] ?? FORMATS.plain)(value);
}
