"use strict";
// The viewer: photo, flawed picture and control of one item, zoomed to the flaw.
window.Viewer = (() => {
  const { $, make, plural, toolBadge, say, COLOURS } = Page;
  const NAMES = { real: "photo", artifact: "flawed", control: "control" }, PANELS = ["real", "artifact", "control"];
  const LAYOUTS = ["side", "slider", "single"], GAP = 8, MAX_SCALE = 24, KEPT = 12, MAP = 132;
  const EDGE = 8;  // repeated rows above and below each picture of a strip
  const dialog = $("viewer"), canvas = $("canvas"), context = canvas.getContext("2d"), stage = $("stage");
  const view = { place: 0, item: 0, flaw: -1, layout: "side", base: "real", single: "artifact", mask: false, zoomed: true, centre: [0, 0], scale: 1 };
  let record = null, card = null, images = {}, opened = 0;

  // Pictures
  const cache = new Map();
  const picture = (kind, name) => {
    const url = GALLERY.picture(kind, name);
    let image = cache.get(url);
    if (!image) {
      image = new Image();
      image.src = url;
      image.ready = image.decode().then(() => true, () => false);
    }
    cache.delete(url);
    cache.set(url, image);
    for (const old of cache.keys()) if (cache.size > KEPT) cache.delete(old);
    return image;
  };
  const fetchPictures = (about, name) => ({ photo: picture("photos", about.photo), strip: picture("strips", name), overlay: picture("overlays", name) });
  // Geometry: picture coordinates, and rectangles on the canvas in CSS pixels.
  const size = () => [stage.clientWidth, stage.clientHeight];
  const panes = () => {
    const [width, height] = size();
    if (view.layout !== "side") return [[0, 0, width, height]];
    const across = width >= height;
    const [w, h] = across ? [(width - GAP) / 2, height] : [width, (height - GAP) / 2];
    return [[0, 0, w, h], across ? [w + GAP, 0, w, h] : [0, h + GAP, w, h]];
  };
  const fit = () => {
    const [, , width, height] = panes()[0], [across, down] = record.size;
    const box = view.flaw < 0 ? record.box : record.flaws[view.flaw].box;
    if (view.zoomed) {
      const side = Math.max(box[2] - box[0], box[3] - box[1], 40) * 1.7;
      const whole = Math.min(width / across, height / down);
      view.scale = Math.max(whole, Math.min(MAX_SCALE, width / side, height / side));
      view.centre = [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2];
    } else {
      view.scale = Math.min(width / across, height / down);
      view.centre = [across / 2, down / 2];
    }
    clamp();
  };
  // Keep the pane filled where the picture is larger than it, and the picture centred where it is smaller.
  const clamp = () => {
    const [, , width, height] = panes()[0];
    view.centre = view.centre.map((at, axis) => {
      const half = (axis ? height : width) / 2 / view.scale, length = record.size[axis];
      return 2 * half >= length ? length / 2 : Math.max(half, Math.min(length - half, at));
    });
  };
  const zoom = (factor, at = null) => {
    const [x, y, width, height] = panes()[0], [across, down] = record.size;
    const least = Math.min(width / across, height / down);
    const scale = Math.max(least, Math.min(MAX_SCALE, view.scale * factor));
    if (at) {
      const offset = [at[0] - x - width / 2, at[1] - y - height / 2];
      view.centre = view.centre.map((c, axis) => c + offset[axis] / view.scale - offset[axis] / scale);
    }
    view.scale = scale;
    clamp();
    draw();
  };

  // Drawing
  const paint = (target, which, [x, y, width, height], { scale, centre }, mask) => {
    const { photo, strip, overlay } = images, [across, down] = record.size, [x0, y0, x1, y1] = record.region;
    const left = x + width / 2 - centre[0] * scale, up = y + height / 2 - centre[1] * scale;
    target.save();
    target.beginPath();
    target.rect(x, y, width, height);
    target.clip();
    target.imageSmoothingQuality = "high";
    const place = (image, [px, py, pw, ph], rows = 1, row = 0, edge = 0) => {
      if (!image.naturalWidth) return;
      const high = image.naturalHeight / rows;
      target.drawImage(image, 0, row * high + edge, image.naturalWidth, high - 2 * edge, left + px * scale, up + py * scale, pw * scale, ph * scale);
    };
    const region = [x0, y0, x1 - x0, y1 - y0];
    place(photo, [0, 0, across, down]);
    place(strip, region, PANELS.length, PANELS.indexOf(which), EDGE);
    if (mask) place(overlay, region);
    target.restore();
  };
  const draw = () => {
    if (!record || !dialog.open) return;
    const [width, height] = size(), density = window.devicePixelRatio || 1;
    if (canvas.width !== Math.round(width * density) || canvas.height !== Math.round(height * density)) {
      canvas.width = Math.round(width * density);
      canvas.height = Math.round(height * density);
    }
    context.setTransform(density, 0, 0, density, 0, 0);
    context.clearRect(0, 0, width, height);
    const [first, second] = panes();
    if (view.layout === "side") {
      paint(context, view.base, first, view, view.mask);
      paint(context, "artifact", second, view, view.mask);
    } else if (view.layout === "single") paint(context, view.single, first, view, view.mask);
    else {
      const at = width * Number($("slider").value) / 100;
      paint(context, "artifact", first, view, view.mask);
      context.save();
      context.beginPath();
      context.rect(0, 0, at, height);
      context.clip();
      context.clearRect(0, 0, at, height);
      paint(context, view.base, first, view, view.mask);
      context.restore();
      $("handle").style.left = `${at}px`;
    }
    drawMap(first);
    describeStage(second);
  };
  // The whole picture in small, with the part that is in view.
  const drawMap = ([, , width, height]) => {
    const [across, down] = record.size, whole = Math.min(width / across, height / down);
    if (view.scale <= whole * 1.02) {
      if (document.activeElement === $("map")) $("next").focus({ preventScroll: true });
      $("map").hidden = true;
      return;
    }
    $("map").hidden = false;
    const target = $("map-canvas").getContext("2d"), scale = MAP / Math.max(across, down);
    const [w, h] = [across * scale, down * scale];
    $("map-canvas").width = w;
    $("map-canvas").height = h;
    paint(target, "artifact", [0, 0, w, h], { scale, centre: [across / 2, down / 2] }, false);
    const [vw, vh] = [Math.min(across, width / view.scale) * scale, Math.min(down, height / view.scale) * scale];
    target.lineWidth = 3;
    for (const [colour, line] of [["#000", 4], ["#fff", 2]]) {
      target.strokeStyle = colour;
      target.lineWidth = line;
      target.strokeRect(view.centre[0] * scale - vw / 2, view.centre[1] * scale - vh / 2, vw, vh);
    }
  };
  const describeStage = (second) => {
    const shown = view.layout === "single" ? [view.single] : [view.base, "artifact"];
    $("corner-left").textContent = NAMES[shown[0]];
    $("corner-right").textContent = NAMES[shown[1]] ?? "";
    $("corner-right").hidden = shown.length < 2;
    // The names are in the corners of the pictures, not of the panes.
    const corner = (pane) => {
      const [x, y, width, height] = pane, [across, down] = record.size.map((length) => length * view.scale);
      return [x + Math.max(0, (width - across) / 2) + 8, y + Math.max(0, (height - down) / 2) + 8];
    };
    const first = panes()[0], [left, up] = corner(first);
    Object.assign($("corner-left").style, { left: `${left}px`, top: `${up}px` });
    const [x, y] = second ? corner(second) : [0, up];
    Object.assign($("corner-right").style, second ? { left: `${x}px`, right: "", top: `${y}px` } : { left: "", right: `${left}px`, top: `${y}px` });
    const names = { real: "the photo", control: "the control", artifact: "the flawed picture" };
    canvas.setAttribute("aria-label", `${shown.map((which) => names[which]).join(" beside ")}${view.mask ? " with the mask" : ""}. ${card[2]}. ${card[3]}`);
    $("scale").textContent = `${Math.round(view.scale * 100)} %`;
    $("slider").hidden = $("handle").hidden = view.layout !== "slider";
    for (const button of $("layouts").children) button.setAttribute("aria-pressed", String(button.value === view.layout));
    for (const button of $("shows").children) button.setAttribute("aria-pressed", String(shown.includes(button.value)));
    $("mask-toggle").setAttribute("aria-pressed", String(view.mask));
    $("zoom-toggle").setAttribute("aria-pressed", String(view.zoomed));
    stage.classList.toggle("pan", view.layout !== "slider");
  };

  // Words
  const facts = (list, entries) => {
    list.replaceChildren(...entries.filter(([, value]) => value !== "" && value !== undefined)
      .flatMap(([name, value]) => [make("dt", "", name), make("dd", "", String(value))]));
  };
  const rowOf = (flaw) => GALLERY.flawsOf(view.item)[0] + flaw;
  const describe = () => {
    const reason = GALLERY.nameOf("reason", view.item), several = record.flaws.length > 1;
    $("viewer-title").textContent = card[2];
    const badges = GALLERY.toolsOf(view.item).map(toolBadge);
    if (reason) badges.push(make("span", "badge refused", reason));
    for (const text of [GALLERY.nameOf("change", view.item), GALLERY.nameOf("split", view.item), card[4] ? "positional" : ""]) {
      if (text) badges.push(make("span", "badge", text));
    }
    $("badges").replaceChildren(...badges);
    $("place").textContent = `${(view.place + 1).toLocaleString("en")} / ${Grid.order.length.toLocaleString("en")}`;
    const words = reason ? [["why the filter refused it", `${reason}: ${record.message}`]] : [
      ...(several ? [] : [["what is wrong", record.flaws[0].text]]), ["the image as a whole", record.overall], ["the untouched photo", record.clean],
    ];
    $("words").replaceChildren(...(several ? record.flaws.map(flawButton) : []), ...words.map(([label, text]) => {
      const paragraph = make("p");
      paragraph.append(make("small", "", label), document.createTextNode(text));
      return paragraph;
    }));
    const chosen = view.flaw < 0 ? record.flaws.map((_, number) => number) : [view.flaw];
    const each = (list) => chosen.flatMap((number) => list(record.flaws[number], rowOf(number))
      .map(([name, value]) => [several ? `${number + 1} · ${name}` : name, value]));
    facts($("scores"), each((flaw) => flaw.scores.map(([name, value]) => [GALLERY.meta.names.score[name], Number(value.toPrecision(4))])));
    facts($("facts"), [
      ["verdict", reason ? "refused" : "accepted"],
      ...each((flaw, row) => [
        ["label", flaw.label], ["tool", `${GALLERY.nameOf("tool", row)}, ${flaw.kernel}`], ["entity", GALLERY.nameOf("entity", row)],
        ["part", GALLERY.nameOf("part", row)], ["with", flaw.other], ["area", `${Number((100 * GALLERY.columns.flaw.area[row]).toPrecision(3))} %`],
        ["judge", flaw.judge], ["decided by", flaw.judge_verdict && `a person; the judge: ${flaw.judge_verdict}`], ["variant", flaw.id],
      ]),
      ["taken out", record.taken_out || ""], ["split", GALLERY.nameOf("split", view.item)], ["caption", record.caption], ["licence", record.licence],
      ["title", record.title], ["creator", record.creator], ["origin", record.origin], ["file", record.file], ["size", record.size.join(" × ")], ["words by", record.author], ["key", card[0]],
    ]);
    showMark();
  };
  const flawButton = (flaw, number) => {
    const button = make("button", "flaw");
    button.type = "button";
    button.style.setProperty("--c", `var(--flaw-${number % COLOURS})`);
    button.setAttribute("aria-pressed", String(view.flaw === number));
    const sign = ["", " ✓", " ✕"][Marks.codeOf(rowOf(number))];
    button.append(make("b", "", `${number + 1}${sign}`), make("strong", "", flaw.label), toolBadge(GALLERY.nameOf("tool", rowOf(number))),
      make("small", "", flaw.text));
    button.addEventListener("click", () => pick(view.flaw === number ? -1 : number));
    return button;
  };
  const pick = (number) => {
    const held = $("words").contains(document.activeElement);
    view.flaw = number;
    describe();
    if (view.zoomed) fit();
    draw();
    // The buttons are new: keep the focus in the viewer, whose keys would be lost with it.
    if (held) ($("words").children[number] || $("next")).focus({ preventScroll: true });
  };

  // Marks belong to a flaw: the selected one, or the first that has none yet.
  const target = () => {
    if (view.flaw >= 0) return view.flaw;
    const free = record.flaws.findIndex((_, number) => !Marks.codeOf(rowOf(number)));
    return Math.max(0, free);
  };
  const flawName = (number) => `${card[0].split("-")[0]}-${record.flaws[number].id}`;
  const showMark = () => {
    $("verdicts").hidden = !Marks.ready || !GALLERY.digestOf(rowOf(0));
    if ($("verdicts").hidden) return;
    const number = target(), mark = Marks.of(rowOf(number));
    $("accept").setAttribute("aria-pressed", String(mark?.verdict === "accept"));
    $("reject").setAttribute("aria-pressed", String(mark?.verdict === "reject"));
    $("mark-reason").value = mark?.reason ?? "";
    $("note").value = mark?.note ?? "";
    $("note").disabled = !mark;
    $("note").placeholder = mark ? "" : "after a verdict";
    $("mark-of").textContent = record.flaws.length > 1 ? `Flaw ${number + 1}: ${record.flaws[number].label}` : "";
  };
  const mark = (verdict, changes = {}, goOn = true) => {
    if ($("verdicts").hidden) return;
    const number = target(), several = record.flaws.length > 1;
    Marks.set(rowOf(number), flawName(number), verdict, changes);
    say(`${verdict === "accept" ? "Accepted" : "Rejected"}${several ? `: flaw ${number + 1}` : ""}`);
    if (!goOn) { if (several) view.flaw = number; describe(); return; }
    const left = several ? record.flaws.findIndex((_, other) => !Marks.codeOf(rowOf(other))) : -1;
    if (left >= 0) pick(left);
    else if (view.place + 1 < Grid.order.length) move(1);
    else describe();
  };
  const undo = () => {
    const row = Marks.undo();
    if (row === null) { say("Nothing to undo"); return; }
    say("Undone");
    const start = GALLERY.columns.item.start;
    let item = start.length - 1;
    while (start[item] > row) item--;
    const place = Grid.order.indexOf(item);
    if (place >= 0 && item !== view.item) open(place).then(() => { if (record.flaws.length > 1) pick(row - start[item]); });
    else describe();
  };

  // Opening
  const open = async (place) => {
    const mine = ++opened, item = Grid.order[place];
    if (item === undefined) return;
    const [about, shown] = await Promise.all([GALLERY.load("records", item), GALLERY.load("cards", item)]);
    if (mine !== opened) return;
    const fetched = fetchPictures(about, shown[1]);
    if (!dialog.open) { dialog.showModal(); $("next").focus({ preventScroll: true }); }
    Object.assign(view, { place, item, flaw: -1, zoomed: true });
    [record, card, images] = [about, shown, fetched];
    $("slider").value = 50;
    fit();
    describe();
    draw();
    Promise.all(Object.values(fetched).map((image) => image.ready)).then(() => { if (mine === opened) draw(); });
    const after = Grid.order[place + 1];
    if (after !== undefined) {
      Promise.all([GALLERY.load("records", after), GALLERY.load("cards", after)]).then(([about, shown]) => fetchPictures(about, shown[1]), () => {});
    }
  };
  const move = (by) => open((view.place + by + Grid.order.length) % Grid.order.length);
  const change = (changes) => { Object.assign(view, changes); if ("layout" in changes) fit(); draw(); };
  const toggleZoom = () => { view.zoomed = !view.zoomed; fit(); draw(); say(view.zoomed ? "Zoomed to the flaw" : "Whole picture"); };
  const showOne = (which) => { change({ layout: "single", single: which }); say(NAMES[which]); };
  const flip = () => showOne(view.layout === "single" && view.single === "artifact" ? view.base : "artifact");
  const nextFlaw = () => { if (record.flaws.length > 1) pick((view.flaw + 2) % (record.flaws.length + 1) - 1); };
  const actions = {
    arrowleft: () => move(-1), k: () => move(-1), arrowright: () => move(1), j: () => move(1), " ": flip,
    1: () => showOne("real"), 2: () => showOne("artifact"), 3: () => showOne("control"),
    v: () => change({ layout: LAYOUTS[(LAYOUTS.indexOf(view.layout) + 1) % LAYOUTS.length] }),
    c: () => change({ base: view.base === "control" ? "real" : "control", layout: view.layout === "single" ? "side" : view.layout }),
    m: () => { change({ mask: !view.mask }); say(view.mask ? "Mask on" : "Mask off"); },
    z: toggleZoom, "+": () => zoom(1.3), "=": () => zoom(1.3), "-": () => zoom(1 / 1.3), f: nextFlaw,
    a: () => mark("accept"), r: () => mark("reject"), u: undo, n: () => $("note").focus(),
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !dialog.open || $("help").open) return;
    const { target: at } = event, key = event.key.toLowerCase();
    if (at === $("note")) {
      if (key === "enter" || key === "escape") { $("next").focus(); event.preventDefault(); }
      return;
    }
    if (at === $("mark-reason")) return;
    if (at === $("slider") && key.startsWith("arrow")) return;
    if (key === " " && at.tagName === "BUTTON" && at !== $("next")) return;  // presses the button
    if (!(key in actions)) return;
    event.preventDefault();
    actions[key]();
  });
  for (const button of $("layouts").children) button.addEventListener("click", () => change({ layout: button.value }));
  for (const button of $("shows").children) button.addEventListener("click", () => {
    if (view.layout !== "single" && button.value !== "artifact") change({ base: button.value }); else showOne(button.value);
  });
  const clicks = {
    previous: () => move(-1), next: () => move(1), close: () => dialog.close(), "mask-toggle": actions.m, "zoom-toggle": toggleZoom, map: toggleZoom,
    "zoom-in": actions["+"], "zoom-out": actions["-"], accept: actions.a, reject: actions.r, undo,
    "same-photo": () => {
      dialog.close();
      Filters.set({ photo: GALLERY.columns.item.photo[view.item], verdict: "", q: "" });
    },
  };
  for (const [id, task] of Object.entries(clicks)) $(id).addEventListener("click", task);
  $("mark-reason").append(...Marks.REASONS.map((reason) => new Option(reason.replaceAll("_", " ") || "none given", reason)));
  $("mark-reason").addEventListener("change", () => mark("reject", { reason: $("mark-reason").value }, false));
  $("note").addEventListener("change", () => {
    const known = Marks.of(rowOf(target()));
    if (known) mark(known.verdict, { note: $("note").value }, false);
  });
  $("slider").addEventListener("input", draw);
  $("slider").addEventListener("pointerup", () => $("next").focus({ preventScroll: true }));
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener("close", () => { Grid.activate(view.place); Grid.focus(); });

  // Wheel and drag
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const [, second] = panes(), { left, top } = canvas.getBoundingClientRect();
    const at = [event.clientX - left, event.clientY - top];
    if (second && at[0] >= second[0] && at[1] >= second[1]) { at[0] -= second[0]; at[1] -= second[1]; }
    zoom(Math.exp(-event.deltaY / 400), at);
  }, { passive: false });
  canvas.addEventListener("pointerdown", (event) => canvas.setPointerCapture(event.pointerId));
  canvas.addEventListener("pointermove", (event) => {
    if (!canvas.hasPointerCapture(event.pointerId)) return;
    view.centre = [view.centre[0] - event.movementX / view.scale, view.centre[1] - event.movementY / view.scale];
    clamp();
    draw();
  });
  canvas.addEventListener("dblclick", toggleZoom);
  new ResizeObserver(() => { if (record && dialog.open) { fit(); draw(); } }).observe(stage);

  return { open, actions, view, get record() { return record; } };
})();
