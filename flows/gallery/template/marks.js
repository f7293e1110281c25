"use strict";
// A reviewer's marks of flaws, by the digest of the flaw's pixels: kept in this browser, downloaded as a review file, or sent to
// `flawfactory view --serve`, which writes the file.
window.Marks = (() => {
  const { $, say, soon, plural } = Page;
  const FORMAT = "flawfactory-review", VERSION = 1, MAX_BYTES = 64 * 2 ** 20, MAX_MARKS = 250000, BATCH = 1000;
  const REASONS = ["", "not_perceptible", "wrong_place", "not_intended", "not_convincing", "bad_mask", "other"];
  const NAME = /^[a-z0-9][a-z0-9-]{0,39}$/, DIGEST = /^[0-9a-f]{64}$/, FLAW = /^[0-9a-f]{16}-v[0-9]+$/;
  const CODES = { accept: 1, reject: 2 };
  const marks = new Map(), undone = [], pending = new Set(), listeners = [];
  const state = { reviewer: "", server: null, dataSet: "", trouble: "", message: "" };
  let codes = new Uint8Array(0), rows = null;

  // Rows of the flaws that have certain pixels: first row by the digest's first six bytes, then a chain.
  const findRows = (digest) => {
    const { pixels, meta } = GALLERY;
    const head = (at) => { let number = 0; for (let byte = 0; byte < 6; byte++) number = number * 256 + pixels[at + byte]; return number; };
    if (!rows) {
      rows = { first: new Map(), next: new Int32Array(meta.flaws).fill(-1) };
      for (let row = meta.flaws - 1; row >= 0; row--) {
        const key = head(32 * row);
        if (rows.first.has(key)) rows.next[row] = rows.first.get(key);
        rows.first.set(key, row);
      }
    }
    const found = [];
    for (let row = rows.first.get(parseInt(digest.slice(0, 12), 16)) ?? -1; row >= 0; row = rows.next[row]) {
      if (GALLERY.digestOf(row) === digest) found.push(row);
    }
    return found;
  };
  const code = (digest) => { for (const row of findRows(digest)) codes[row] = CODES[marks.get(digest)?.verdict] ?? 0; };
  const key = () => `${FORMAT}:${state.dataSet}`;
  const save = soon(() => {
    try {
      const stored = { reviewer: state.reviewer, marks: Object.fromEntries(marks), pending: [...pending] };
      localStorage.setItem(key(), JSON.stringify(stored));
      state.trouble = state.server ? state.trouble : "";
    } catch {
      if (!state.server) state.trouble = "This browser cannot keep the marks: download them before you close the page.";
    }
    tell();
  }, 150);
  const checked = (mark) => {
    if (!mark || !DIGEST.test(mark.pixels_sha256) || !FLAW.test(mark.flaw) || !(mark.verdict in CODES) || Number.isNaN(Date.parse(mark.time))) return null;
    const reason = mark.verdict === "reject" && REASONS.includes(mark.reason) ? mark.reason : "";
    return { pixels_sha256: mark.pixels_sha256, flaw: mark.flaw, verdict: mark.verdict, reason, note: tidy(mark.note), time: mark.time };
  };
  // eslint-disable-next-line no-control-regex
  const tidy = (note) => String(note ?? "").replace(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/g, " ").slice(0, 500);
  const take = (mark) => {
    const known = marks.get(mark.pixels_sha256);
    if (known && Date.parse(known.time) >= Date.parse(mark.time)) return false;
    marks.set(mark.pixels_sha256, mark);
    code(mark.pixels_sha256);
    return true;
  };
  const readStored = (name) => {
    try { return JSON.parse(localStorage.getItem(name) ?? "null"); } catch { return null; }
  };
  // Marks of earlier builds stay valid for flaws whose pixels did not change.
  const readEarlier = () => {
    const names = [];
    try { for (let at = 0; at < localStorage.length; at++) names.push(localStorage.key(at)); } catch { /* no storage */ }
    for (const name of names.filter((one) => one.startsWith(`${FORMAT}:`) && one !== key())) {
      const stored = readStored(name);
      if (!stored?.reviewer || (state.reviewer && stored.reviewer !== state.reviewer)) continue;
      state.reviewer = stored.reviewer;
      for (const mark of Object.values(stored.marks ?? {})) {
        const good = checked(mark);
        if (good && findRows(good.pixels_sha256).length) take(good);
      }
    }
  };

  const start = async () => {
    state.dataSet = GALLERY.meta.review.data_set;
    codes = new Uint8Array(GALLERY.meta.flaws);
    if (!state.dataSet) return;
    await GALLERY.loadPixels();
    const stored = readStored(key());
    if (stored) {
      state.reviewer = NAME.test(stored.reviewer) ? stored.reviewer : "";
      for (const mark of Object.values(stored.marks ?? {})) { const good = checked(mark); if (good) take(good); }
    } else readEarlier();
    await connect(stored);
    $("reviewer").value = state.reviewer;
    $("review").hidden = false;
    tell();
  };

  // Server
  // Its file says which marks there are, but for changes that this browser has not been able to send.
  const connect = async (stored) => {
    if (!location.protocol.startsWith("http")) return;
    try {
      const answer = await fetch("/api/review");
      if (!answer.ok) return;
      const { token, reviewer, file, data_set: dataSet, marks: saved } = await answer.json();
      if (dataSet !== state.dataSet) {
        state.trouble = "The data set was built again: reload this page.";
        return;
      }
      state.server = { token, file };
      state.reviewer = reviewer;
      const unsent = stored?.reviewer === reviewer ? (stored.pending ?? []).filter((digest) => DIGEST.test(digest) && findRows(digest).length) : [];
      const own = new Map(unsent.map((digest) => [digest, marks.get(digest)]));
      marks.clear();
      codes.fill(0);
      for (const mark of saved) { const good = checked(mark); if (good) take(good); }
      for (const [digest, mark] of own) put(digest, mark);
    } catch { /* another server: as from file:// */ }
  };
  const send = soon(async () => {
    if (!state.server || !pending.size) return;
    const digests = [...pending].slice(0, BATCH);
    digests.forEach((digest) => pending.delete(digest));
    const body = { marks: digests.map((digest) => marks.get(digest)).filter(Boolean), removed: digests.filter((digest) => !marks.has(digest)) };
    try {
      const answer = await fetch("/api/review", {
        method: "POST", body: JSON.stringify(body),
        headers: { "Content-Type": "application/json", "X-Flawfactory-Token": state.server.token },
      });
      const content = await answer.json().catch(() => ({}));
      if (!answer.ok) throw new Error(content.error ?? `the server answers ${answer.status}`);
      state.trouble = "";
      save();
    } catch (error) {
      digests.forEach((digest) => pending.add(digest));
      state.trouble = `Not saved to ${state.server.file}: ${error.message}. The next mark tries again.`;
    }
    tell();
    if (pending.size && !state.trouble) send();
  }, 300);

  // Changes
  const put = (digest, mark) => {
    if (mark) marks.set(digest, mark); else marks.delete(digest);
    code(digest);
    state.message = "";
    if (state.server) { pending.add(digest); send(); }
    save();
  };
  const set = (flaw, name, verdict, changes = {}) => {
    const digest = GALLERY.digestOf(flaw), before = marks.get(digest);
    const { reason = "", note = "" } = { ...before, ...changes };
    undone.push([digest, before]);
    put(digest, {
      pixels_sha256: digest, flaw: name, verdict, reason: verdict === "reject" ? reason : "", note: tidy(note), time: new Date().toISOString(),
    });
    tell();
  };
  const undo = () => {
    const last = undone.pop();
    if (!last) return null;
    const [digest, before] = last;
    put(digest, before && { ...before, time: new Date().toISOString() });
    tell();
    return findRows(digest)[0] ?? null;
  };
  const of = (flaw) => marks.get(GALLERY.digestOf(flaw));

  // Files
  const content = () => JSON.stringify({
    format: FORMAT, version: VERSION, data_set: state.dataSet, reviewer: state.reviewer,
    marks: [...marks.values()].sort((a, b) => (a.flaw < b.flaw ? -1 : a.flaw > b.flaw ? 1 : a.pixels_sha256 < b.pixels_sha256 ? -1 : 1)),
  }, null, 1);
  const download = () => {
    if (!NAME.test(state.reviewer)) {
      state.trouble = "Give a reviewer first: lower-case letters, digits and hyphens.";
      tell();
      $("reviewer").focus();
      return;
    }
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([content()], { type: "application/json" }));
    link.download = `${FORMAT}-${state.reviewer}.json`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    state.trouble = "";
    tell(`Downloaded ${link.download}: put it into the folder reviews/ of the checkout and build.`);
  };
  const open = async (file) => {
    state.trouble = "";
    try {
      if (file.size > MAX_BYTES) throw new Error("it is too large");
      const found = JSON.parse(await file.text());
      if (found?.format !== FORMAT || !Array.isArray(found.marks)) throw new Error("it is no review file");
      if (found.version !== VERSION) throw new Error(`it has version ${Number(found.version)}, this page reads ${VERSION}`);
      if (!NAME.test(found.reviewer) || found.marks.length > MAX_MARKS) throw new Error("it is damaged");
      if (state.reviewer && found.reviewer !== state.reviewer) throw new Error(`it is of ${found.reviewer}, not of ${state.reviewer}`);
      const good = found.marks.map(checked);
      if (good.includes(null)) throw new Error("one of its marks is damaged");
      if (!state.reviewer) state.reviewer = $("reviewer").value = found.reviewer;
      const newer = good.filter(take), here = good.filter((mark) => findRows(mark.pixels_sha256).length).length;
      newer.forEach((mark) => { if (state.server && findRows(mark.pixels_sha256).length) pending.add(mark.pixels_sha256); });
      if (state.server) send();
      save();
      tell(`${plural(good.length, "mark")} read, ${here.toLocaleString("en")} of them of flaws on this page.`);
    } catch (error) {
      state.trouble = `${file.name}: ${error instanceof SyntaxError ? "it is no JSON file" : error.message}`;
      tell();
    }
  };
  const rename = (text) => {
    const name = text.trim().toLowerCase();
    const good = NAME.test(name);
    $("reviewer").setAttribute("aria-invalid", String(Boolean(name) && !good));
    state.trouble = name && !good ? "A reviewer's name has lower-case letters, digits and hyphens only." : "";
    if (good || !name) { state.reviewer = name; save(); }
    tell();
  };

  // A message stays until the next mark, a trouble until it is over.
  const tell = (message = state.message) => {
    state.message = message;
    const counts = [0, 0, 0];
    for (const one of codes) counts[one]++;
    $("review-counts").textContent = `✓ ${counts[1].toLocaleString("en")} accepted · ✕ ${counts[2].toLocaleString("en")} rejected`;
    const { server, trouble } = state;
    $("review-state").textContent = trouble || message || (server ? (pending.size ? "saving …" : `Saved to ${server.file}.`)
      : counts[1] + counts[2] ? "Kept in this browser. Download them for the build." : "Mark flaws with A and R.");
    $("review-state").classList.toggle("trouble", Boolean(trouble));
    $("reviewer-field").hidden = Boolean(server);
    listeners.forEach((listener) => listener());
  };
  $("reviewer").addEventListener("input", () => rename($("reviewer").value));
  $("download").addEventListener("click", download);
  $("import").addEventListener("click", () => $("import-file").click());
  $("import-file").addEventListener("change", async () => {
    const [file] = $("import-file").files;
    if (file) await open(file);
    $("import-file").value = "";
  });

  return {
    REASONS, start, set, undo, of, content, codeOf: (flaw) => codes[flaw], on: (listener) => listeners.push(listener),
    get ready() { return Boolean(state.dataSet && GALLERY.pixels); }, say,
  };
})();
