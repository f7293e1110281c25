"use strict";
// Names, words and messages come from photos and models: they enter the page as text, never as HTML.
(() => {
  const PAGE = 48, ROWS = 200;
  const data = window.GALLERY;
  const $ = (id) => document.getElementById(id);
  const make = (tag, className = "", text = "") => {
    const element = document.createElement(tag);
    if (className) element.className = className;
    element.textContent = text;
    return element;
  };
  const picture = (item, name) => "images/" + item.images[name];
  const distinct = (list) => [...new Set(list)].filter(Boolean).sort();
  const plural = (count, one) => `${count} ${one}${count === 1 ? "" : "s"}`;
  const subject = (flaw) => {
    const first = flaw.part === flaw.entity ? flaw.entity : `${flaw.entity} · ${flaw.part}`;
    return flaw.other ? `${first} + ${flaw.other}` : first;
  };
  const title = (item) => item.flaws.length === 1 ? subject(item.flaws[0])
    : item.flaws.map((flaw) => flaw.label).join(", ");
  const tools = (item) => [...new Set(item.flaws.map((flaw) => flaw.tool))];
  const said = (item) => (item.flaws.length === 1 ? item.flaws[0].text : item.words[0]) || item.message;
  const COLOURS = 8;
  const coloured = (element, tool) => {
    const number = data.tools.indexOf(tool);
    if (number >= 0) element.style.setProperty("--c", `var(--tool-${number % COLOURS})`);
    return element;
  };
  const badges = (item) => {
    const row = make("span", "badges");
    row.append(...tools(item).map((tool) => coloured(make("span", "badge tool", tool), tool)));
    if (item.flaws.length > 1) row.append(make("span", "badge", plural(item.flaws.length, "flaw")));
    if (item.verdict === "refused") row.append(make("span", "badge refused", item.reason));
    if (item.split) row.append(make("span", "badge", item.split));
    if (item.flaws.some((flaw) => flaw.positional)) row.append(make("span", "badge", "positional"));
    return row;
  };
  const options = (select, values, all) => {
    select.replaceChildren(new Option(all, ""), ...values.map((value) => new Option(value, value)));
  };
  const pager = (nav, page, pages, go) => {
    nav.replaceChildren();
    if (pages < 2) return;
    const step = (text, target) => {
      const button = make("button", "", text);
      button.type = "button";
      button.disabled = target < 0 || target >= pages;
      button.addEventListener("click", () => { go(target); window.scrollTo(0, 0); });
      return button;
    };
    nav.append(step("‹ Previous", page - 1), make("span", "", `page ${page + 1} of ${pages}`), step("Next ›", page + 1));
  };

  // Header
  const accepted = data.items.filter((item) => item.verdict === "accepted");
  const [first] = data.stages;
  const photosIn = first ? first.photos + first.photos_rejected + first.photos_aside : 0;
  const rejectCount = data.rejects.length;
  for (const [number, name] of [
    [accepted.length, "pairs"], [accepted.flatMap((item) => item.flaws).length, "flaws"], [new Set(accepted.map((item) => item.photo)).size, "photos in pairs"],
    [photosIn, "photos scanned"], [data.items.length - accepted.length, "refused by the filter"],
    [rejectCount, "rejects in all"],
  ]) {
    const entry = make("div");
    entry.append(make("dt", "", name), make("dd", "", String(number)));
    $("counts").append(entry);
  }

  // Pairs
  let shown = [], page = 0;
  const state = () => ({
    tool: document.querySelector("input[name=tool]:checked").value, entity: $("entity").value,
    verdict: $("verdict").value, split: $("split").value, words: $("search").value.trim().toLowerCase(),
  });
  const haystack = (item) => [item.id, item.file, item.reason, item.message, item.licence, ...item.words,
    ...item.flaws.flatMap((flaw) => [flaw.label, flaw.tool, flaw.kernel, flaw.entity, flaw.part, flaw.other, flaw.text])].join("\n").toLowerCase();
  data.items.forEach((item) => { item.text = haystack(item); });
  const card = (item, index) => {
    const button = make("button", "card");
    button.type = "button";
    button.dataset.id = item.id;
    const image = make("img");
    image.loading = "lazy";
    image.decoding = "async";
    image.alt = `Photo and flaw: ${tools(item).join(", ")}, ${title(item)}`;
    image.src = picture(item, "thumb");
    const text = make("span", "text");
    text.append(badges(item), make("span", "name", title(item)), make("span", "said", said(item)));
    button.append(image, text);
    button.addEventListener("click", () => open(index));
    const entry = make("li");
    entry.append(button);
    return entry;
  };
  const draw = (to) => {
    page = to;
    const from = page * PAGE;
    $("grid").replaceChildren(...shown.slice(from, from + PAGE).map((item, n) => card(item, from + n)));
    pager($("pager"), page, Math.ceil(shown.length / PAGE), draw);
  };
  const filter = () => {
    const want = state();
    shown = data.items.filter((item) =>
      (!want.tool || tools(item).includes(want.tool)) && (!want.entity || item.flaws.some((flaw) => flaw.entity === want.entity)) &&
      (!want.verdict || item.verdict === want.verdict) && (!want.split || item.split === want.split) &&
      (!want.words || item.text.includes(want.words)));
    $("shown").textContent = `${shown.length} of ${data.items.length} · left photo, right flawed`;
    $("none").hidden = shown.length > 0;
    $("none").textContent = data.items.length ? "Nothing fits these filters." : "No pairs yet: run a build, then write the gallery again.";
    draw(0);
  };
  for (const tool of ["", ...distinct(data.items.flatMap(tools))]) {
    const chip = coloured(make("label", "chip"), tool);
    const radio = make("input");
    radio.type = "radio";
    radio.name = "tool";
    radio.value = tool;
    radio.checked = !tool;
    const count = accepted.flatMap((item) => item.flaws).filter((flaw) => flaw.tool === tool).length;
    if (tool) chip.title = plural(count, "flaw");
    chip.append(radio, make("span", "", tool ? `${tool} ${count}` : "all"));
    $("tools").append(chip);
  }
  options($("entity"), distinct(data.items.flatMap((item) => item.flaws.map((flaw) => flaw.entity))), "all");
  options($("split"), distinct(data.items.map((item) => item.split)), "all");
  if (!accepted.length && data.items.length) $("verdict").value = "refused";
  $("filters").addEventListener("change", filter);
  $("search").addEventListener("input", filter);
  $("filters").addEventListener("submit", (event) => event.preventDefault());

  // Viewer
  const view = { index: 0, flaw: -1, left: "real", mask: false, zoom: true, flip: 0 };
  const NAMES = { real: "photo", control: "control", artifact: "flawed" };
  const item = () => shown[view.index];
  // The selected flaw, or all of them.
  const chosen = () => view.flaw < 0 ? item().flaws : [item().flaws[view.flaw]];
  const fit = () => {
    const stage = $("compare").parentElement.getBoundingClientRect();
    const { width, height } = item(), box = view.flaw < 0 ? item().box : chosen()[0].box;
    let [x0, y0, x1, y1] = [0, 0, width, height];
    if (view.zoom) {
      const side = Math.min(Math.max(box[2] - box[0], box[3] - box[1], 48) * 1.8, width, height);
      x0 = Math.min(Math.max((box[0] + box[2] - side) / 2, 0), width - side);
      y0 = Math.min(Math.max((box[1] + box[3] - side) / 2, 0), height - side);
      [x1, y1] = [x0 + side, y0 + side];
    }
    const scale = Math.min((stage.width - 24) / (x1 - x0), (stage.height - 24) / (y1 - y0));
    const style = $("compare").style;
    style.width = `${(x1 - x0) * scale}px`;
    style.height = `${(y1 - y0) * scale}px`;
    for (const image of $("compare").querySelectorAll("img")) {
      image.style.width = `${width * scale}px`;
      image.style.height = `${height * scale}px`;
      image.style.left = `${-x0 * scale}px`;
      image.style.top = `${-y0 * scale}px`;
    }
  };
  const slide = () => {
    const at = view.flip ? (view.flip === 1 ? 100 : 0) : Number($("slider").value);
    $("over").style.clipPath = `inset(0 ${100 - at}% 0 0)`;
    $("handle").style.left = `${at}%`;
    $("handle").hidden = view.flip > 0;
    $("corner-left").hidden = view.flip === 2;
    $("corner-right").hidden = view.flip === 1;
  };
  const show = () => {
    const it = item();
    $("top").src = picture(it, view.left);
    $("top").alt = NAMES[view.left];
    $("under").src = picture(it, "artifact");
    $("under").alt = `flawed: ${said(it)}`;
    $("mask").src = picture(it, "mask");
    $("mask").hidden = !view.mask;
    $("corner-left").textContent = NAMES[view.left];
    $("corner-right").textContent = NAMES.artifact;
    $("mask-toggle").setAttribute("aria-pressed", String(view.mask));
    $("zoom-toggle").setAttribute("aria-pressed", String(view.zoom));
    for (const button of $("left").children) button.setAttribute("aria-pressed", String(button.value === view.left));
    slide();
    fit();
  };
  const facts = (list, entries) => {
    list.replaceChildren(...entries.filter(([, value]) => value !== "").flatMap(([name, value]) => [make("dt", "", name), make("dd", "", String(value))]));
  };
  const describe = () => {
    const it = item();
    $("viewer-title").textContent = title(it);
    $("badges").replaceChildren(...badges(it).childNodes);
    $("place").textContent = `${view.index + 1} / ${shown.length}`;
    const several = it.flaws.length > 1;
    const words = it.verdict === "refused" ? [["why the filter refused it", `${it.reason}: ${it.message}`]]
      : [...(several ? [] : [["what is wrong", it.flaws[0].text]]), ["the image as a whole", it.words[0]], ["the untouched photo", it.words[1]]];
    $("words").replaceChildren(...(several ? it.flaws.map(flawButton) : []), ...words.map(([label, text]) => {
      const paragraph = make("p");
      paragraph.append(make("small", "", label), document.createTextNode(text));
      return paragraph;
    }));
    const named = (flaw, name) => several ? `${it.flaws.indexOf(flaw) + 1} · ${name}` : name;
    const each = (list) => chosen().flatMap((flaw) => list(flaw).map(([name, value]) => [named(flaw, name), value]));
    facts($("scores"), each((flaw) => flaw.scores.map(([name, value]) => [name, Number(value.toFixed(4))])));
    facts($("facts"), [["verdict", it.verdict], ...each((flaw) => [["label", flaw.label], ["tool", `${flaw.tool}, ${flaw.kernel}`],
      ["entity", flaw.entity], ["part", flaw.part], ["with", flaw.other], ["judge", flaw.judge]]),
      ["taken out", it.taken_out || ""], ["split", it.split], ["licence", it.licence], ["origin", it.origin], ["file", it.file],
      ["size", `${it.width} × ${it.height}`], ["words by", it.author], ["key", it.id]]);
  };
  const flawButton = (flaw, number) => {
    const button = make("button", "flaw");
    button.type = "button";
    button.style.setProperty("--c", `var(--flaw-${number % COLOURS})`);
    button.setAttribute("aria-pressed", String(view.flaw === number));
    button.append(make("b", "", String(number + 1)), make("strong", "", flaw.label),
      coloured(make("span", "badge tool", flaw.tool), flaw.tool), make("small", "", flaw.text));
    button.addEventListener("click", () => pick(view.flaw === number ? -1 : number));
    return button;
  };
  const pick = (number) => {
    const held = $("words").contains(document.activeElement);
    view.flaw = number;
    describe();
    show();
    // The buttons are new: keep the focus in the viewer, whose keys would be lost with it.
    if (held) ($("words").children[number] || $("next")).focus({ preventScroll: true });
  };
  const open = (index) => {
    view.index = index;
    view.flaw = -1;
    view.flip = 0;
    $("slider").value = 50;
    if (!$("viewer").open) $("viewer").showModal();
    describe();
    show();
    $("next").focus({ preventScroll: true });
  };
  const move = (by) => open((view.index + by + shown.length) % shown.length);
  const set = (changes) => { Object.assign(view, changes); show(); };
  for (const name of ["real", "control"]) {
    const button = make("button", "", `${name === "real" ? "Photo" : "Control"} ↔ flawed`);
    button.type = "button";
    button.value = name;
    button.addEventListener("click", () => set({ left: name }));
    $("left").append(button);
  }
  const flip = () => set({ flip: (view.flip + 1) % 3 });
  $("slider").addEventListener("input", () => { view.flip = 0; slide(); });
  $("slider").addEventListener("pointerup", () => $("next").focus({ preventScroll: true }));
  $("flip").addEventListener("click", flip);
  $("mask-toggle").addEventListener("click", () => set({ mask: !view.mask }));
  $("zoom-toggle").addEventListener("click", () => set({ zoom: !view.zoom }));
  $("previous").addEventListener("click", () => move(-1));
  $("next").addEventListener("click", () => move(1));
  $("close").addEventListener("click", () => $("viewer").close());
  $("viewer").addEventListener("click", (event) => { if (event.target === $("viewer")) $("viewer").close(); });
  $("viewer").addEventListener("close", () => {
    if (page !== Math.floor(view.index / PAGE)) draw(Math.floor(view.index / PAGE));
    $("grid").children[view.index % PAGE]?.firstChild.focus();
  });
  $("viewer").addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target === $("slider") && event.key.startsWith("Arrow")) return;
    const actions = {
      ArrowLeft: () => move(-1), ArrowRight: () => move(1), " ": flip,
      m: () => set({ mask: !view.mask }), z: () => set({ zoom: !view.zoom }),
      f: () => { if (item().flaws.length > 1) pick((view.flaw + 2) % (item().flaws.length + 1) - 1); },
      c: () => set({ left: view.left === "control" ? "real" : "control" }),
    };
    const action = actions[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });
  window.addEventListener("resize", () => { if ($("viewer").open) fit(); });

  // Rejects
  $("funnel").append(...data.stages.map((stage) => {
    const entry = make("li");
    const lost = [[stage.photos_rejected, "photo"], [stage.variants_rejected, "variant"]]
      .filter(([count]) => count).map(([count, one]) => plural(count, one)).join(", ");
    entry.append(make("b", "", stage.stage), make("span", "", `${plural(stage.photos, "photo")} on`),
      make("span", lost ? "lost" : "", lost ? `${lost} out` : "none out"));
    const aside = [[stage.photos_aside, "photo"], [stage.variants_aside, "variant"]]
      .filter(([count]) => count).map(([count, one]) => plural(count, one)).join(", ");
    if (aside) entry.append(make("span", "", `${aside} set aside`));
    return entry;
  }));
  let fallen = [];
  const evidence = (row) => {
    const holder = make("details");
    let text = row.evidence;
    try { text = JSON.stringify(JSON.parse(row.evidence), null, 1); } catch { /* shown as it is */ }
    if (text === "{}" || !text) return null;
    holder.append(make("summary", "", "evidence"), make("pre", "", text));
    return holder;
  };
  const drawRejects = (to) => {
    $("rejects").replaceChildren(...fallen.slice(to * ROWS, (to + 1) * ROWS).map((row) => {
      const line = make("tr"), what = make("td", "what", row.message);
      const more = evidence(row), photo = make("td", "", row.file);
      if (row.file !== row.key) photo.append(make("div", "key", row.key));
      if (more) what.append(more);
      line.append(make("td", "", row.stage), make("td", "", row.code), photo, make("td", "key", row.variant || "whole photo"), what);
      return line;
    }));
    pager($("reject-pager"), to, Math.ceil(fallen.length / ROWS), drawRejects);
  };
  const bars = (rows) => {
    const counts = new Map();
    rows.forEach((row) => counts.set(row.code, (counts.get(row.code) || 0) + 1));
    const most = Math.max(1, ...counts.values());
    $("reasons").replaceChildren(...[...counts].sort((a, b) => b[1] - a[1]).map(([code, count]) => {
      const button = make("button"), bar = make("progress");
      button.type = "button";
      bar.max = most;
      bar.value = count;
      bar.setAttribute("aria-hidden", "true");
      button.append(make("span", "", code), bar, make("span", "n", String(count)));
      button.addEventListener("click", () => { $("reject-code").value = code; filterRejects(); });
      return button;
    }));
  };
  const filterRejects = () => {
    const inStage = data.rejects.filter((row) => !$("reject-stage").value || row.stage === $("reject-stage").value);
    fallen = inStage.filter((row) => !$("reject-code").value || row.code === $("reject-code").value);
    $("reject-shown").textContent = plural(fallen.length, "reject");
    bars(inStage);
    drawRejects(0);
  };
  options($("reject-stage"), [...new Set(data.rejects.map((row) => row.stage))], "all");
  options($("reject-code"), distinct(data.rejects.map((row) => row.code)), "all");
  $("reject-stage").addEventListener("change", filterRejects);
  $("reject-code").addEventListener("change", filterRejects);

  // Tabs
  const tabs = ["pairs", "rejects"];
  const select = (name) => tabs.forEach((tab) => {
    const on = tab === name;
    $(`tab-${tab}`).setAttribute("aria-selected", String(on));
    $(`tab-${tab}`).tabIndex = on ? 0 : -1;
    $(`panel-${tab}`).hidden = !on;
  });
  tabs.forEach((tab, index) => {
    $(`tab-${tab}`).addEventListener("click", () => select(tab));
    $(`tab-${tab}`).addEventListener("keydown", (event) => {
      if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
      const other = tabs[1 - index];
      select(other);
      $(`tab-${other}`).focus();
    });
  });
  $("tab-rejects").textContent = `Rejects (${rejectCount})`;
  filter();
  filterRejects();
})();
