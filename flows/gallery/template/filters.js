"use strict";
// From the form to the list of items that fit it.
window.Filters = (() => {
  const { $, make, options, say, soon, COLOURS } = Page;
  const form = $("filters");
  const MARKS = { none: 0, accept: 1, reject: 2 };
  let listener = () => {}, running = 0;

  const values = () => {
    const data = new FormData(form);
    const found = Object.fromEntries([...data].filter(([name, value]) => value !== "" && name !== "tool"));
    const tools = data.getAll("tool");
    if (tools.length) found.tool = tools;
    return found;
  };
  const number = (text, scale = 1) => (text === undefined || text === "" ? null : Number(text) / scale);
  const codeOf = (names, name) => (name === undefined ? -1 : GALLERY.meta.names[names].indexOf(name));

  // Conditions on flaws have to hold for one and the same flaw.
  const flawTest = (want) => {
    const { flaw } = GALLERY.columns, tests = [];
    if (want.tool) {
      const codes = new Set(want.tool.map((tool) => codeOf("tool", tool)));
      tests.push((row) => codes.has(flaw.tool[row]));
    }
    for (const name of ["entity", "part"]) {
      const code = codeOf(name, want[name]);
      if (want[name] !== undefined) tests.push((row) => flaw[name][row] === code);
    }
    for (const [name, scale] of [["area", 100], ["lpips", 1]]) {
      const from = number(want[`${name}-min`], scale), to = number(want[`${name}-max`], scale);
      // The columns have 32 bits.
      if (from !== null) tests.push((row) => flaw[name][row] >= from - 1e-6);
      if (to !== null) tests.push((row) => flaw[name][row] <= to + 1e-6);
    }
    if (want.mine) tests.push((row) => Marks.codeOf(row) === MARKS[want.mine]);
    return tests.length ? (row) => tests.every((test) => test(row)) : null;
  };
  const itemTest = (want) => {
    const { item } = GALLERY.columns, tests = [];
    for (const name of ["split", "reason", "change"]) {
      const code = codeOf(name, want[name]);
      if (want[name] !== undefined) tests.push((row) => item[name][row] === code);
    }
    if (want.photo !== undefined) tests.push((row) => item.photo[row] === Number(want.photo));
    return tests.length ? (row) => tests.every((test) => test(row)) : null;
  };
  const wordTest = (want) => {
    const words = (want.q ?? "").toLowerCase().split(/\s+/).filter(Boolean);
    if (!words.length) return null;
    return (row) => { const text = GALLERY.peek("words", row); return words.every((word) => text.includes(word)); };
  };
  const loadWords = async (mine) => {
    const parts = GALLERY.partCount("words", GALLERY.meta.count);
    for (let from = 0; from < parts; from += 4) {
      await Promise.all(Array.from({ length: Math.min(4, parts - from) }, (_, at) => GALLERY.loadPart("words", from + at)));
      if (mine !== running) return;
      if (parts > 8) $("shown").textContent = `reading the texts: ${Math.round(100 * Math.min(1, (from + 4) / parts))} %`;
    }
  };

  const pick = (want) => {
    const [from, to] = span(want.verdict);
    const tests = [itemTest(want), wordTest(want)].filter(Boolean), flaw = flawTest(want);
    const found = new Uint32Array(to - from);
    let kept = 0;
    for (let item = from; item < to; item++) {
      if (!tests.every((test) => test(item))) continue;
      if (flaw) {
        const [first, last] = GALLERY.flawsOf(item);
        let fits = false;
        for (let row = first; row < last && !fits; row++) fits = flaw(row);
        if (!fits) continue;
      }
      found[kept++] = item;
    }
    return found.slice(0, kept);
  };
  const sort = (found, order) => {
    if (order === "random") return shuffle(found);
    if (!order) return found;
    const sign = order.startsWith("-") ? -1 : 1, column = GALLERY.columns.flaw[order.replace("-", "")];
    const least = new Map();
    for (const item of found) {
      const [first, last] = GALLERY.flawsOf(item);
      let value = Infinity;  // items without the number come last
      for (let row = first; row < last; row++) if (sign * column[row] < value) value = sign * column[row];
      least.set(item, value);
    }
    return found.sort((a, b) => least.get(a) - least.get(b) || a - b);
  };
  const shuffle = (found) => {
    let seed = 1;
    const next = () => {  // mulberry32: the same order in every visit
      seed = (seed + 0x6d2b79f5) | 0;
      let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
      mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
    };
    for (let at = found.length - 1; at > 0; at--) {
      const other = Math.floor(next() * (at + 1));
      [found[at], found[other]] = [found[other], found[at]];
    }
    return found;
  };
  const apply = async () => {
    const mine = ++running;
    fillCounts($("verdict").value);
    const want = values();
    if (want.q) {
      await loadWords(mine);
      if (mine !== running) return;
    }
    const started = performance.now();
    const found = sort(pick(want), want.order);
    performance.measure("filter", { start: started });
    remember(want);
    listener(found, want);
  };

  // The address keeps the filters, so that a view can be sent and reloaded.
  const remember = (want) => {
    const kept = new URLSearchParams();
    for (const [name, value] of Object.entries(want)) for (const one of [value].flat()) kept.append(name, one);
    if (want.verdict === "accepted") kept.delete("verdict");
    if (!want.verdict) kept.set("verdict", "all");
    history.replaceState(null, "", `#${kept}`);
  };
  const recall = () => {
    for (const [name, value] of new URLSearchParams(location.hash.slice(1))) {
      if (name === "verdict" && value === "all") $("verdict").value = "";
      else if (name === "tool") for (const box of form.querySelectorAll("[name=tool]")) box.checked ||= box.value === value;
      else if (form.elements[name]?.tagName) form.elements[name].value = value;
    }
  };
  const set = (changes) => {
    for (const [name, value] of Object.entries(changes)) {
      if (name === "tool") for (const box of form.querySelectorAll("[name=tool]")) box.checked = box.value === value;
      else form.elements[name].value = value;
    }
    return apply();
  };

  // Names with their numbers among the items of the chosen verdict.
  const counted = (name, rows) => {
    const names = GALLERY.meta.names[name], counts = new Uint32Array(names.length);
    for (const code of rows) counts[code]++;
    return names.map((one, code) => [one, counts[code]]).filter(([one, count]) => one && count)
      .sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).map(([one, count]) => [one, `${one} (${count.toLocaleString("en")})`]);
  };
  const span = (verdict) => {
    const { accepted, count } = GALLERY.meta;
    return verdict === "accepted" ? [0, accepted] : verdict === "refused" ? [accepted, count] : [0, count];
  };
  let countedVerdict = null;
  const fillCounts = (verdict = "") => {
    if (verdict === countedVerdict) return;
    countedVerdict = verdict;
    const { meta, columns } = GALLERY, [from, to] = span(verdict), start = (item) => (item < meta.count ? columns.item.start[item] : meta.flaws);
    const flaws = (name) => columns.flaw[name].subarray(start(from), start(to));
    for (const name of ["entity", "part"]) options($(name), counted(name, flaws(name)), "all");
    options($("split"), counted("split", columns.item.split.subarray(from, to)), "all");
    const tools = new Map(counted("tool", flaws("tool")));
    for (const box of form.querySelectorAll("[name=tool]")) box.nextSibling.textContent = tools.get(box.value) ?? `${box.value} (0)`;
  };
  const fill = () => {
    const { meta, columns } = GALLERY, tools = new Set(columns.flaw.tool);
    options($("reason"), counted("reason", columns.item.reason), "all");
    meta.names.tool.forEach((tool, code) => {
      if (!tools.has(code)) return;
      const chip = make("label", "chip"), box = make("input");
      chip.style.setProperty("--c", `var(--tool-${code % COLOURS})`);
      Object.assign(box, { type: "checkbox", name: "tool", value: tool });
      chip.append(box, make("span"));
      $("tools").append(chip);
    });
    const photo = make("input");
    Object.assign(photo, { type: "hidden", name: "photo", defaultValue: "" });
    form.append(photo);
    $("change-field").hidden = !columns.item.change.some(Boolean);
    $("change-name").textContent = `Since ${meta.changes.version}`;
    if (!meta.accepted && meta.count) $("verdict").value = "refused";
    for (const verdict of ["", $("verdict").value]) { fillCounts(verdict); recall(); }
  };
  const later = soon(apply, 120);
  form.addEventListener("change", (event) => {
    if (event.target === $("reason") && $("reason").value) $("verdict").value = "refused";
    if (event.target.name !== "q") apply();
  });
  form.addEventListener("input", (event) => { if (event.target.name === "q" || event.target.type === "number") later(); });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(() => {
    form.elements.photo.value = "";
    if (!GALLERY.meta.accepted) $("verdict").value = "refused";
    apply();
    say("Filters are reset");
  }));

  return { fill, apply, set, values, on: (task) => { listener = task; } };
})();
