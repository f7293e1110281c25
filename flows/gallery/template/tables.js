"use strict";
// The rejects of all stages, and what changed since the last version.
window.Tables = (() => {
  const { $, make, drawn, plural, options } = Page;
  const ROWS = 50;
  let stages = null, codes = null, found = [], drawing = 0, find = () => {};

  // Rejects
  const fillFunnel = () => {
    const counts = (stage, [photos, variants]) => [[stage[photos], "photo"], [stage[variants], "variant"]]
      .filter(([count]) => count).map(([count, one]) => plural(count, one)).join(", ");
    $("funnel").append(...GALLERY.meta.stages.map((stage) => {
      const entry = make("li"), lost = counts(stage, ["photos_rejected", "variants_rejected"]), aside = counts(stage, ["photos_aside", "variants_aside"]);
      entry.append(make("b", "", stage.stage), make("span", "", `${plural(stage.photos, "photo")} on`), make("span", lost ? "lost" : "", lost ? `${lost} out` : "none out"));
      if (aside) entry.append(make("span", "", `${aside} set aside`));
      return entry;
    }));
  };
  const count = (rows) => {
    const { names } = GALLERY.meta.rejects, counts = new Map();
    for (const row of rows) {
      const key = `${stages[row]}/${codes[row]}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    return [...counts].sort((a, b) => b[1] - a[1]).map(([key, number]) => {
      const [stage, code] = key.split("/");
      return [names.stage[stage], names.code[code], number];
    });
  };
  const reasonList = (rows, choose) => {
    const counted = count(rows), most = Math.max(1, ...counted.map(([, , number]) => number)), list = make("ul", "bars long");
    list.append(...counted.map(([stage, code, number]) => {
      const entry = make("li"), button = make("button");
      button.type = "button";
      const bar = drawn("svg", { viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" },
        drawn("rect", { class: "track", width: 100, height: 10 }), drawn("rect", { class: "bar refused", width: 100 * number / most, height: 10 }));
      button.append(make("span", "", `${stage}: ${code}`), bar, make("span", "n", number.toLocaleString("en")));
      button.addEventListener("click", () => choose(stage, code));
      entry.append(button);
      return entry;
    }));
    return list;
  };
  const choose = (stage, code) => {
    $("reject-stage").value = stage;
    $("reject-code").value = code;
    filter();
    $("tab-rejects").click();
  };
  const all = () => Array.from({ length: GALLERY.meta.rejects.count }, (_, row) => row);
  const filter = () => {
    const { names } = GALLERY.meta.rejects, stage = names.stage.indexOf($("reject-stage").value), code = names.code.indexOf($("reject-code").value);
    const inStage = all().filter((row) => stage < 0 || stages[row] === stage);
    found = inStage.filter((row) => code < 0 || codes[row] === code);
    $("reject-shown").textContent = plural(found.length, "reject");
    $("reasons").replaceChildren(reasonList(inStage, choose));
    draw(0);
  };
  const evidence = (text) => {
    let shown = text;
    try { shown = JSON.stringify(JSON.parse(text), null, 1); } catch { /* shown as it is */ }
    if (!shown || shown === "{}") return null;
    const holder = make("details");
    holder.append(make("summary", "", "evidence"), make("pre", "", shown));
    return holder;
  };
  const draw = async (page) => {
    const mine = ++drawing, rows = found.slice(page * ROWS, (page + 1) * ROWS);
    const entries = await Promise.all(rows.map((row) => GALLERY.load("rejects", row)));
    if (mine !== drawing) return;
    $("rejects").replaceChildren(...entries.map(([stage, code, file, key, variant, message, details]) => {
      const line = make("tr"), what = make("td", "what", message), photo = make("td", "", file), more = evidence(details);
      if (file !== key) photo.append(make("div", "key", key));
      if (more) what.append(more);
      line.append(make("td", "", stage), make("td", "", code), photo, make("td", "key", variant || "whole photo"), what);
      return line;
    }));
    const pages = Math.ceil(found.length / ROWS);
    const step = (text, to) => {
      const button = make("button", "", text);
      button.type = "button";
      button.disabled = to < 0 || to >= pages;
      button.addEventListener("click", () => draw(to));
      return button;
    };
    $("reject-pager").replaceChildren(...(pages > 1 ? [
      step("‹ Previous", page - 1), make("span", "", `page ${page + 1} of ${pages}`), step("Next ›", page + 1),
    ] : []));
  };

  // Changes
  const PAIRS = /^[0-9a-f]{16}-p\d+(, [0-9a-f]{16}-p\d+)*$/;
  const cellOf = (text) => {
    if (!PAIRS.test(text)) return make("td", "what", text);
    const cell = make("td");
    cell.append(...text.split(", ").map((key) => {
      const button = make("button", "key", key);
      button.type = "button";
      button.addEventListener("click", () => find(key));
      return button;
    }));
    return cell;
  };
  const fillChanges = () => {
    const { version, summary, tables } = GALLERY.meta.changes;
    $("tab-changes").hidden = !version;
    if (!version) return;
    $("changes").append(make("p", "line", summary));
    for (const { title, head, rows, all: total } of tables) {
      const holder = make("div", "scroll"), table = make("table"), first = make("tr");
      first.append(...head.map((name) => { const cell = make("th", "", name); cell.scope = "col"; return cell; }));
      table.append(make("caption", "", total > rows.length ? `${title} (${rows.length} of ${total})` : title), make("thead"), make("tbody"));
      table.tHead.append(first);
      table.tBodies[0].append(...rows.map((row) => { const line = make("tr"); line.append(...row.map(cellOf)); return line; }));
      holder.append(table);
      $("changes").append(holder);
    }
    const hint = make("p", "line");
    hint.append("Changed pairs side by side: ", make("code", "", `flawfactory diff ${version} --html changes.html`));
    $("changes").append(hint);
  };

  const start = () => {
    const { rejects } = GALLERY.meta;
    stages = GALLERY.decode(rejects.columns.stage);
    codes = GALLERY.decode(rejects.columns.code);
    $("tab-rejects").textContent = `Rejects (${rejects.count.toLocaleString("en")})`;
    options($("reject-stage"), rejects.names.stage.map((name) => [name]), "all");
    options($("reject-code"), [...rejects.names.code].sort().map((name) => [name]), "all");
    $("reject-stage").addEventListener("change", filter);
    $("reject-code").addEventListener("change", filter);
    fillFunnel();
    fillChanges();
  };
  const rejects = () => { const rows = all(); return { counts: count(rows), list: () => reasonList(rows, choose) }; };
  return { start, filter, rejects, onFind: (task) => { find = task; } };
})();
