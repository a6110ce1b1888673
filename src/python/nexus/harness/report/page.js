"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const { kinds, labels, main, end_ns: endNs } = data;
  // Each event is [ns, machine index or -1, kind index, text, target machine index or -1].
  const events = data.events;
  const PAGE = 200;
  const byId = (id) => document.getElementById(id);
  const canvas = byId("lanes");
  const shownKinds = new Set(kinds.map((_, i) => i).filter((i) => main.includes(kinds[i])));
  let from = 0;
  let to = Math.max(endNs, 1);
  let chosen = -1;
  let first = 0;
  let visible = [];

  const ms = (ns) => (ns / 1e6).toFixed(6);
  const label = (index) => (index < 0 ? "" : labels[index]);

  function matches(event) {
    const machine = byId("machine").value;
    const text = byId("search").value.toLowerCase();
    return shownKinds.has(event[2])
      && (machine === "" || label(event[1]) === machine)
      && (!byId("in-range").checked || (event[0] >= from && event[0] <= to))
      && (text === "" || event[3].toLowerCase().includes(text));
  }

  function refilter() {
    visible = [];
    for (let i = 0; i < events.length; i += 1) if (matches(events[i])) visible.push(i);
    first = Math.max(0, Math.min(first, visible.length - PAGE));
    list();
    draw();
  }

  function list() {
    const body = byId("list").tBodies[0];
    const rows = visible.slice(first, first + PAGE).map((index) => {
      const event = events[index];
      const row = document.createElement("tr");
      row.dataset.index = index;
      row.className = index === chosen ? "chosen" : "";
      const link = document.createElement("a");
      link.href = `#t=${event[0]}`;
      link.textContent = ms(event[0]);
      const kind = document.createElement("span");
      kind.className = `kind ${kinds[event[2]]}`;
      kind.textContent = kinds[event[2]];
      const to_ = event[4] < 0 ? "" : ` → ${label(event[4])}`;
      for (const content of [link, label(event[1]) + to_, kind, event[3]]) {
        const cell = document.createElement("td");
        cell.append(content);
        row.append(cell);
      }
      row.cells[0].className = "ns";
      return row;
    });
    body.replaceChildren(...rows);
    const last = Math.min(first + PAGE, visible.length);
    byId("count").textContent = visible.length === 0 ? "no event matches"
      : `${first + 1} to ${last} of ${visible.length} events`;
    byId("earlier").disabled = first === 0;
    byId("later").disabled = last === visible.length;
  }

  function choose(index, scrolls) {
    chosen = index;
    const event = events[index];
    byId("selected").textContent =
      `${ms(event[0])} ms ${label(event[1])} ${kinds[event[2]]}: ${event[3]}`;
    if (event[0] < from || event[0] > to) show(event[0] - (to - from) / 2, event[0] + (to - from) / 2);
    const position = visible.indexOf(index);
    if (position >= 0) first = Math.max(0, Math.min(position - 20, visible.length - PAGE));
    list();
    draw();
    const row = byId("list").querySelector("tr.chosen");
    if (scrolls && row) row.scrollIntoView({ block: "center" });
  }

  // The first event at or after an instant, among all.
  function at(ns) {
    let low = 0;
    let high = events.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (events[middle][0] < ns) low = middle + 1; else high = middle;
    }
    return low;
  }

  function show(low, high) {
    const least = 1000;
    let width = Math.min(Math.max(high - low, least), Math.max(endNs, least));
    low = Math.max(0, Math.min(low, endNs - width));
    from = Math.max(0, low);
    to = from + width;
    byId("range").textContent = `${ms(from)} to ${ms(to)} ms`;
    if (byId("in-range").checked) refilter(); else draw();
  }

  function zoom(factor, centre) {
    const middle = centre === undefined ? (from + to) / 2 : centre;
    show(middle - (middle - from) * factor, middle + (to - middle) * factor);
  }

  const LANE = 46;
  const HEAD = 22;
  const LEFT = 84;

  function draw() {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const colours = kinds.map((kind) => ({
      marker: "--c1", session: "--c1", call: "--c2", answer: "--c2", handshake: "--c3", stream: "--c3",
      fault: "--c4", power: "--c4", stop: "--c4", missing: "--c5",
    }[kind] || "--c0")).map(colour);
    const width = canvas.clientWidth;
    const height = HEAD + LANE * Math.max(1, labels.length);
    const scale = window.devicePixelRatio || 1;
    canvas.style.height = `${height}px`;
    canvas.width = width * scale;
    canvas.height = height * scale;
    const c = canvas.getContext("2d");
    c.scale(scale, scale);
    c.fillStyle = colour("--bg");
    c.fillRect(0, 0, width, height);
    c.font = "12px system-ui, sans-serif";
    c.textBaseline = "middle";
    const x = (ns) => LEFT + ((ns - from) / (to - from)) * (width - LEFT - 6);
    const y = (lane) => HEAD + LANE * lane + LANE / 2;
    c.strokeStyle = colour("--line");
    c.fillStyle = colour("--soft");
    for (let i = 0; i <= 6; i += 1) {
      const ns = from + ((to - from) * i) / 6;
      c.textAlign = i === 6 ? "right" : "center";
      c.fillText(`${(ns / 1e6).toFixed(3)}`, i === 6 ? width - 4 : x(ns), HEAD / 2);
      c.beginPath(); c.moveTo(x(ns), HEAD); c.lineTo(x(ns), height); c.stroke();
    }
    c.textAlign = "left";
    if (data.busy) {
      // The height of a bar is the share of its stretch in which the machine was busy.
      c.fillStyle = colour("--busy");
      data.busy.lanes.forEach((shares, lane) => shares.forEach((share, index) => {
        const start = index * data.busy.ns;
        if (share === 0 || start > to || start + data.busy.ns < from) return;
        const left = Math.max(LEFT, x(start));
        const right = Math.min(width - 6, x(start + data.busy.ns));
        const bar = Math.max(1, (share / 100) * (LANE - 8));
        c.fillRect(left, HEAD + LANE * (lane + 1) - 2 - bar, Math.max(right - left, 0.5), bar);
      }));
    }
    labels.forEach((name, lane) => {
      c.fillStyle = colour("--fg");
      c.fillText(name.slice(0, 11), 6, y(lane));
      c.beginPath(); c.moveTo(LEFT, y(lane)); c.lineTo(width, y(lane)); c.stroke();
    });
    // One mark a column, lane and kind: a hundred thousand events cost no more than what is seen.
    const seen = new Set();
    const stop = at(to + 1);
    for (let i = at(from); i < stop; i += 1) {
      const event = events[i];
      if (!shownKinds.has(event[2]) || event[1] < 0) continue;
      const column = Math.round(x(event[0]));
      const key = (column * 64 + event[1]) * 64 + event[2] + (event[4] + 1) * 1e9;
      if (seen.has(key)) continue;
      seen.add(key);
      c.strokeStyle = c.fillStyle = colours[event[2]];
      const top = y(event[1]);
      if (event[4] >= 0 && event[4] !== event[1]) {
        const end = y(event[4]);
        const step = end > top ? -5 : 5;
        c.globalAlpha = 0.55;
        c.beginPath(); c.moveTo(column, top); c.lineTo(column + 2, end);
        c.moveTo(column - 1, end + step); c.lineTo(column + 2, end); c.lineTo(column + 5, end + step);
        c.stroke();
        c.globalAlpha = 1;
      } else {
        c.fillRect(column - 1, top - 8, 2, 16);
      }
    }
    if (chosen >= 0) {
      c.strokeStyle = colour("--bad");
      const column = x(events[chosen][0]);
      c.beginPath(); c.moveTo(column, HEAD); c.lineTo(column, height); c.stroke();
    }
    canvas.nsAt = (pixel) => from + ((pixel - LEFT) / (width - LEFT - 6)) * (to - from);
    canvas.laneAt = (pixel) => Math.floor((pixel - HEAD) / LANE);
  }

  function nearest(ns, lane) {
    let best = -1;
    for (const index of visible) {
      const event = events[index];
      if (lane !== event[1] && lane !== event[4]) continue;
      if (best < 0 || Math.abs(event[0] - ns) < Math.abs(events[best][0] - ns)) best = index;
    }
    return best;
  }

  function follow() {
    const match = /^#t=(\d+)$/.exec(location.hash);
    if (!match || events.length === 0) return;
    const ns = Number(match[1]);
    let index = visible.find((i) => events[i][0] >= ns);
    if (index === undefined) index = Math.min(at(ns), events.length - 1);
    const width = Math.min(endNs, Math.max((to - from) / 1, 1000));
    show(ns - width / 2, ns + width / 2);
    choose(index, true);
  }

  kinds.forEach((kind, index) => {
    const box = document.createElement("input");
    box.type = "checkbox";
    box.checked = shownKinds.has(index);
    box.dataset.kind = kind;
    box.addEventListener("change", () => {
      if (box.checked) shownKinds.add(index); else shownKinds.delete(index);
      refilter();
    });
    const frame = document.createElement("label");
    frame.append(box, ` ${kind}`);
    byId("kinds").append(frame);
  });
  for (const id of ["search", "machine", "in-range"]) byId(id).addEventListener("input", () => { first = 0; refilter(); });
  byId("earlier").addEventListener("click", () => { first = Math.max(0, first - PAGE); list(); });
  byId("later").addEventListener("click", () => { first = Math.min(first + PAGE, visible.length - 1); list(); });
  byId("zoom-in").addEventListener("click", () => zoom(0.5));
  byId("zoom-out").addEventListener("click", () => zoom(2));
  byId("zoom-all").addEventListener("click", () => show(0, endNs));
  byId("list").addEventListener("click", (press) => {
    const row = press.target.closest("tr[data-index]");
    if (row) choose(Number(row.dataset.index), false);
  });
  canvas.addEventListener("wheel", (turn) => {
    if (!turn.ctrlKey && !turn.shiftKey) return; // The page scrolls; with a key held the lanes zoom.
    turn.preventDefault();
    zoom(turn.deltaY > 0 ? 1.25 : 0.8, canvas.nsAt(turn.offsetX));
  }, { passive: false });
  let held = null;
  canvas.addEventListener("pointerdown", (press) => { held = { x: press.offsetX, from, to, moved: false }; canvas.setPointerCapture(press.pointerId); });
  canvas.addEventListener("pointermove", (move) => {
    if (!held) return;
    const shift = ((held.x - move.offsetX) / (canvas.clientWidth - LEFT - 6)) * (held.to - held.from);
    if (Math.abs(held.x - move.offsetX) > 3) held.moved = true;
    if (held.moved) show(held.from + shift, held.to + shift);
  });
  canvas.addEventListener("pointerup", (lift) => {
    if (held && !held.moved) {
      const index = nearest(canvas.nsAt(lift.offsetX), canvas.laneAt(lift.offsetY));
      if (index >= 0) choose(index, false);
    }
    held = null;
  });
  canvas.addEventListener("keydown", (press) => {
    const step = (to - from) / 10;
    const act = {
      ArrowLeft: () => show(from - step, to - step), ArrowRight: () => show(from + step, to + step),
      "+": () => zoom(0.5), "=": () => zoom(0.5), "-": () => zoom(2), 0: () => show(0, endNs),
    }[press.key];
    if (act) { press.preventDefault(); act(); }
  });
  window.addEventListener("resize", draw);
  window.addEventListener("hashchange", follow);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  show(0, endNs);
  refilter();
  follow();
  document.body.dataset.ready = "true";
})();
