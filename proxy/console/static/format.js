// Numbers as people read them; what isn't known is a dash.

export const number = (value, digits = 0) =>
  value === null || value === undefined ? "–" : Number(value).toLocaleString("en", { maximumFractionDigits: digits });

const SIZES = [[1e12, "TB"], [1e9, "GB"], [1e6, "MB"], [1e3, "kB"]];

export function bytes(value) {
  if (value === null || value === undefined) return "–";
  const [size, unit] = SIZES.find(([least]) => value >= least) || [1, "B"];
  return `${number(value / size, size === 1 ? 0 : 1)} ${unit}`;
}

export const perSecond = (value) => (value === null || value === undefined ? "–" : `${bytes(value)}/s`);

export function seconds(value) {
  if (value === null || value === undefined) return "–";
  if (value < 1) return `${number(value * 1000, value < 0.01 ? 1 : 0)} ms`;
  if (value < 90) return `${number(value, value < 10 ? 1 : 0)} s`;
  if (value < 5400) return `${number(value / 60)} min`;
  return value < 172800 ? `${number(value / 3600, 1)} h` : `${number(value / 86400)} days`;
}

export const percent = (part) => (part === null || part === undefined ? "–" : `${number(100 * part, part < 0.1 ? 1 : 0)} %`);

export function amount(value, unit) {
  if (unit === "requests") return number(value);
  return unit === "bytes/s" ? perSecond(value) : bytes(value);
}

// Returns a moment in the reader's own time, its date unless that is today's; the whole moment is in its title.
export function moment(text) {
  if (!text) return "–";
  const shown = document.createElement("time");
  shown.dateTime = text;
  shown.title = text;
  const [day, hour] = new Date(text).toLocaleString("sv").split(" ");
  shown.textContent = day === new Date().toLocaleDateString("sv") ? hour : `${day} ${hour}`;
  return shown;
}
