"use strict";
// Distributions of the items that fit the filters, as inline SVG. A click on a bar filters by it.
window.Plots = (() => {
  const { $, make, drawn, plural } = Page;
  const MOST = 14, BINS = 24, WIDTH = 420, HEIGHT = 150, LEFT = 4, BOTTOM = 20;
  let show = () => {};

  const rowsOf = (order) => {
    const rows = [];
    for (const item of order) {
      const [first, last] = GALLERY.flawsOf(item);
      for (let row = first; row < last; row++) rows.push([row, item]);
    }
    return rows;
  };
  const figure = (title, ...content) => {
    const whole = make("figure", "plot");
    whole.append(make("figcaption", "", title), ...content);
    return whole;
  };

  // Names
  const names = (title, name, codes, choose) => {
    const counts = new Map();
    for (const code of codes) counts.set(code, (counts.get(code) ?? 0) + 1);
    const all = [...counts].map(([code, count]) => [GALLERY.meta.names[name][code], count]).filter(([one]) => one)
      .sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
    if (!all.length) return null;
    const total = codes.length, most = all[0][1], list = make("ul", "bars");
    list.append(...all.slice(0, MOST).map(([one, count]) => {
      const button = make("button"), entry = make("li");
      button.type = "button";
      const bar = drawn("svg", { viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" },
        drawn("rect", { class: "track", width: 100, height: 10 }), drawn("rect", { class: "bar", width: 100 * count / most, height: 10 }));
      const colour = name === "tool" ? `var(--tool-${GALLERY.meta.names.tool.indexOf(one) % Page.COLOURS})` : "";
      if (colour) bar.style.setProperty("--bar", colour);
      button.append(make("span", "", one), bar, make("span", "n", `${count.toLocaleString("en")} · ${share(count, total)}`));
      button.addEventListener("click", () => choose(one));
      entry.append(button);
      return entry;
    }));
    const rest = all.slice(MOST);
    if (rest.length) list.append(make("li", "rest", `and ${plural(rest.length, "other")}: ${rest.reduce((sum, [, n]) => sum + n, 0).toLocaleString("en")}`));
    return figure(title, list);
  };
  const share = (count, total) => `${(100 * count / total).toFixed(count < total / 10 ? 1 : 0)} %`;

  // Numbers
  const histogram = (title, name, rows, log, unit, scale) => {
    const column = GALLERY.columns.flaw[name], { accepted } = GALLERY.meta;
    const values = [], refused = [];
    for (const [row, item] of rows) {
      const value = column[row] * scale;
      if (Number.isFinite(value) && (!log || value > 0)) { values.push(value); refused.push(item >= accepted); }
    }
    if (!values.length) return null;
    const sorted = Float64Array.from(values).sort(), at = (part) => sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))];
    const to = log ? Math.log10 : (x) => x, back = log ? (x) => 10 ** x : (x) => x;
    let low = to(sorted[0]), high = to(sorted[sorted.length - 1]);
    if (high - low < 1e-9) { low -= 0.5; high += 0.5; }
    const step = (high - low) / BINS, bins = Array.from({ length: BINS }, () => [0, 0]);
    values.forEach((value, index) => { bins[Math.min(BINS - 1, Math.max(0, Math.floor((to(value) - low) / step)))][refused[index] ? 1 : 0]++; });
    const most = Math.max(...bins.map(([a, b]) => a + b)), tall = HEIGHT - BOTTOM - 6, wide = (WIDTH - 2 * LEFT) / BINS;
    const round = (value) => Number(value.toPrecision(3)).toString();
    const median = `median ${round(at(0.5))}${unit}, middle half ${round(at(0.25))} to ${round(at(0.75))}${unit}`;
    const svg = drawn("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `${title}: ${median}` });
    bins.forEach((counts, bin) => {
      const [from, until] = [back(low + bin * step), back(low + (bin + 1) * step)], x = LEFT + bin * wide;
      const group = drawn("g", { class: "bin" });
      let y = HEIGHT - BOTTOM;
      counts.forEach((count, which) => {
        const high = tall * count / most;
        y -= high;
        group.append(drawn("rect", { class: which ? "bar refused" : "bar", x: x + 0.5, width: wide - 1, y, height: high }));
      });
      const label = `${round(from)} to ${round(until)}${unit}: ${counts[0]} accepted${counts[1] ? `, ${counts[1]} refused` : ""}`;
      const hit = drawn("rect", { class: "hit", x, width: wide, y: 0, height: HEIGHT - BOTTOM }, drawn("title", {}, label));
      group.append(hit);
      if (name !== "probability") hit.addEventListener("click", () => show({ [`${name}-min`]: round(from), [`${name}-max`]: round(until) }));
      svg.append(group);
    });
    svg.append(drawn("line", { class: "axis", x1: LEFT, x2: WIDTH - LEFT, y1: HEIGHT - BOTTOM, y2: HEIGHT - BOTTOM }));
    const middle = LEFT + (to(at(0.5)) - low) / (high - low) * (WIDTH - 2 * LEFT);
    svg.append(drawn("line", { class: "median", x1: middle, x2: middle, y1: 4, y2: HEIGHT - BOTTOM }));
    for (const part of [0, 0.25, 0.5, 0.75, 1]) {
      const anchor = part === 0 ? "start" : part === 1 ? "end" : "middle";
      svg.append(drawn("text", { x: LEFT + part * (WIDTH - 2 * LEFT), y: HEIGHT - 5, "text-anchor": anchor }, round(back(low + part * (high - low)))));
    }
    return figure(title, svg, make("p", "note", `${median}${log ? "; logarithmic scale" : ""}`));
  };

  const draw = (order, rejects) => {
    const rows = rowsOf(order), { item, flaw } = GALLERY.columns;
    const by = (name) => rows.map(([row]) => flaw[name][row]);
    const choose = (name) => (value) => show({ [name]: value });
    const reasons = rejects.counts.map(([text, count]) => [text, count]);
    $("plots-line").textContent = `${plural(order.length, "item")} that fit the filters, ${plural(rows.length, "flaw")}. A click on a bar filters by it.`;
    const plots = [
      names("Tools", "tool", by("tool"), choose("tool")),
      names("Splits", "split", Array.from(order, (one) => item.split[one]).filter((code) => code), choose("split")),
      histogram("Area of the flaw, % of the picture", "area", rows, true, " %", 100),
      histogram("LPIPS, flawed to control", "lpips", rows, false, "", 1),
      histogram("Judge's probability", "probability", rows, false, "", 1),
      names("Entities", "entity", by("entity"), choose("entity")),
      names("Parts", "part", by("part"), choose("part")),
      reasons.length ? figure("Reject reasons of all stages", rejects.list()) : null,
    ].filter(Boolean);
    $("plots").replaceChildren(...plots);
  };
  return { draw, onChoose: (task) => { show = task; } };
})();
