// The last ten minutes as bars: what was answered in each ten seconds; a mark above shows that requests were refused.

import { element } from "./elements.js";
import { number, perSecond } from "./format.js";

const SLICES = 60;
const SLICE_S = 10;
const HEIGHT = 40;
const NAMESPACE = "http://www.w3.org/2000/svg";

function shape(name, attributes) {
  const made = document.createElementNS(NAMESPACE, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

export function chart(history, atS) {
  const most = Math.max(1, ...history.map((one) => one.answered_bytes));
  const last = Math.floor(atS / SLICE_S) * SLICE_S;
  const refused = history.reduce((sum, one) => sum + one.refused, 0);
  const said = `at most ${perSecond(most / SLICE_S)} in the last ten minutes, ${number(refused)} requests refused`;
  const svg = shape("svg", { class: "chart", viewBox: `0 0 ${SLICES} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": said });
  for (const one of history) {
    const x = SLICES - 1 - (last - one.start_s) / SLICE_S;
    if (x < 0) continue;
    const height = ((HEIGHT - 8) * one.answered_bytes) / most;
    svg.append(shape("rect", { class: "answered", x: x + 0.1, width: 0.8, y: HEIGHT - height, height }));
    if (one.refused) svg.append(shape("path", { class: "refused", d: `M${x + 0.1} 1 l0.8 4 m0 -4 l-0.8 4` }));
  }
  return [svg, element("p", { class: "legend" }, `bars: bytes answered; crosses: something was refused; ${said}.`)];
}
