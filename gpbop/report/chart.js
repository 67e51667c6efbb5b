"use strict";
// The convergence chart: drawn from the JSON in the page, again whenever its width changes.
(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const BAND = 1.959964; // half-width of a 95 % band, in standard deviations
  const MOST_LINES = 12; // parameters that a tip lists
  const CROWD = 300; // points from which predicted means would be one blue smear: the band stays
  const data = JSON.parse(document.getElementById("data").textContent);
  const place = document.getElementById("chart");
  if (!place || !data.points.length) return;

  const svg = element("svg", { tabindex: "0", role: "img", "aria-describedby": "tip" });
  svg.setAttribute("aria-label", `Values of ${data.total} experiments; use the arrow keys to read them one by one.`);
  const tip = document.createElement("div");
  tip.id = "tip";
  tip.className = "tip";
  tip.hidden = true;
  tip.setAttribute("role", "status");
  place.append(legend(), svg, tip);
  document.body.classList.add("ready");
  for (const still of document.querySelectorAll("details.still")) still.open = false;

  const finite = data.points.filter((point) => point.value !== undefined);
  const lift = data.log ? Math.log10 : (value) => value;
  const range = limits();
  let at = -1; // the point that the tip is about
  let spots = []; // where the points stand, in pixels
  let cursor = null;

  function element(name, attributes) {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  }

  // Halves, so that the difference of two large numbers of opposite sign is still one.
  function limits() {
    const values = finite.map((point) => lift(point.value) / 2);
    const low = Math.min(...values), high = Math.max(...values);
    const room = (high - low) * 0.3 || Math.abs(high) * 0.1 || 0.5;
    const ends = finite.flatMap((point) => band(point).map((value) => lift(value) / 2)).filter(Number.isFinite);
    const margin = (high - low) * 0.05 || room;
    return [
      Math.max(Math.min(low, ...ends), low - room) - margin,
      Math.min(Math.max(high, ...ends), high + room) + margin,
    ];
  }

  function band(point) {
    if (point.mean === undefined) return [];
    return [point.mean - BAND * point.std, point.mean + BAND * point.std];
  }

  function draw() {
    const width = svg.clientWidth, height = svg.clientHeight;
    if (!width || !height) return;
    const left = 64, right = 14, top = 12, bottom = 40;
    const last = Math.max(data.points[data.points.length - 1].n, 2);
    const x = (n) => left + ((n - 0.5) / last) * (width - left - right);
    const y = (value) => {
      const share = (lift(value) / 2 - range[0]) / (range[1] - range[0]);
      const inside = Number.isNaN(share) ? 0 : Math.min(Math.max(share, 0), 1);
      return height - bottom - inside * (height - top - bottom);
    };
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.replaceChildren();
    axes(x, y, { width, height, left, right, top, bottom, last });
    ribbon(x, y);
    const best = data.points.filter((point) => point.best !== undefined);
    let path = "";
    best.forEach((point, i) => (path += i ? `H${x(point.n)}V${y(point.best)}` : `M${x(point.n)} ${y(point.best)}`));
    if (best.length) svg.append(element("path", { class: "best", d: `${path}H${x(last + 0.4)}` }));
    const size = data.points.length > CROWD ? 1.8 : data.points.length > 80 ? 3 : 4;
    spots = data.points.map((point) => {
      const spot = [x(point.n), point.value === undefined ? height - bottom - 9 : y(point.value)];
      svg.append(point.value === undefined ? cross(spot) : element("circle", { class: "point", cx: spot[0], cy: spot[1], r: size }));
      return spot;
    });
    cursor = element("circle", { class: "cursor", r: 8, visibility: "hidden" });
    svg.append(cursor);
    if (at >= 0) show(at);
  }

  function cross([x, y]) {
    return element("path", { class: "failed", d: `M${x - 4} ${y - 4}l8 8m0 -8l-8 8` });
  }

  function axes(x, y, box) {
    const base = box.height - box.bottom;
    for (const value of ticksY()) {
      const h = y(value);
      svg.append(element("line", { class: "grid", x1: box.left, x2: box.width - box.right, y1: h, y2: h }));
      label(short(value), box.left - 8, h + 4, "end");
    }
    const step = nice(box.last / Math.max(2, (box.width - box.left) / 90), 1);
    for (let n = step; n <= box.last; n += step) {
      const atEdge = x(n) > box.width - 24;
      label(n.toLocaleString("en"), atEdge ? box.width - 2 : x(n), base + 18, atEdge ? "end" : "middle");
    }
    if (step > 1) label("1", x(1), base + 18, "middle");
    label("experiment", (box.left + box.width - box.right) / 2, box.height - 4, "middle");
    if (data.initial < box.last) {
      const edge = x(data.initial + 0.5);
      svg.append(element("line", { class: "initial", x1: edge, x2: edge, y1: box.top, y2: base }));
      if (box.width - edge > 130) label("the model decides \u2192", edge + 6, box.top + 10, "start");
    }
  }

  function label(words, x, y, anchor) {
    const text = element("text", { x, y, "text-anchor": anchor });
    text.textContent = words;
    svg.append(text);
  }

  function nice(rough, least) {
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((k) => k * power).find((k) => k >= rough * 0.999);
    return Math.max(step, least);
  }

  function ticksY() {
    const [low, high] = range.map((end) => 2 * end);
    if (data.log) {
      const decades = [];
      const step = Math.max(1, Math.ceil((high - low) / 6));
      for (let k = Math.ceil(low); k <= high; k += step) decades.push(10 ** k);
      if (decades.length > 1) return decades;
      return [0.1, 0.5, 0.9].map((t) => 10 ** (low + t * (high - low)));
    }
    if (!Number.isFinite(high - low)) return [0.1, 0.5, 0.9].map((t) => low * (1 - t) + high * t);
    const step = nice((high - low) / 5, 0);
    const ticks = [];
    for (let k = Math.ceil(low / step); k * step <= high && ticks.length < 20; k++) ticks.push(k * step);
    return ticks;
  }

  function ribbon(x, y) {
    const run = finite.filter((point) => point.mean !== undefined);
    if (!run.length) return;
    // Steps, one an experiment: each prediction is of another config, so no line joins them.
    const edges = run.map((point, i) => {
      const before = i ? (run[i - 1].n + point.n) / 2 : point.n - 0.5;
      const after = i + 1 < run.length ? (run[i + 1].n + point.n) / 2 : point.n + 0.5;
      return [x(before), x(after), ...band(point).map(y), y(point.mean)];
    });
    const up = edges.map(([a, b, , high]) => `L${a} ${high}L${b} ${high}`).join("");
    const down = edges.reverse().map(([a, b, low]) => `L${b} ${low}L${a} ${low}`).join("");
    svg.append(element("path", { class: "band", d: `M${up.slice(1)}${down}Z` }));
    if (data.points.length > CROWD) return;
    const middle = edges.reverse().map(([a, b, , , mean]) => `L${a} ${mean}L${b} ${mean}`).join("");
    svg.append(element("path", { class: "mean", d: `M${middle.slice(1)}` }));
  }

  function short(value) {
    const size = Math.abs(value);
    if (size && (size < 1e-3 || size >= 1e6)) return value.toExponential(2).replace(/\.?0+e/, "e");
    return String(Number(value.toPrecision(5)));
  }

  function exact(value) {
    return String(Number(value.toPrecision(6)));
  }

  function lines(point) {
    const rows = [];
    if (point.value !== undefined) rows.push(["value", exact(point.value)]);
    if (point.mean !== undefined) rows.push(["expected", `${exact(point.mean)} \u00b1 ${Number(point.std.toPrecision(2))}`]);
    if (point.best !== undefined) rows.push(["best so far", exact(point.best)]);
    if (point.state === "failed") rows.push(["failed", point.reason || ""]);
    const config = data.names.map((name, j) => [name, point.config[j]]).filter(([, value]) => value !== null);
    rows.push(...config.slice(0, MOST_LINES));
    if (config.length > MOST_LINES) rows.push(["\u2026", `${config.length - MOST_LINES} more in the table`]);
    return rows;
  }

  function show(index) {
    at = index;
    const point = data.points[index], [x, y] = spots[index];
    const heading = document.createElement("strong");
    heading.textContent = `Experiment ${point.n.toLocaleString("en")}`;
    const list = document.createElement("dl");
    for (const [name, value] of lines(point)) {
      const term = document.createElement("dt"), told = document.createElement("dd");
      term.textContent = name;
      told.textContent = value;
      list.append(term, told);
    }
    tip.replaceChildren(heading, list);
    tip.hidden = false;
    cursor.setAttribute("cx", x);
    cursor.setAttribute("cy", y);
    cursor.setAttribute("visibility", "visible");
    // Beside the point, on the side with more room, and inside the chart; on a phone, under the chart.
    const outer = place.getBoundingClientRect(), inner = svg.getBoundingClientRect();
    const right = inner.left - outer.left + x, down = inner.top - outer.top + y;
    const wide = tip.offsetWidth + 16, isLeft = right < outer.width / 2;
    const fits = wide < (isLeft ? outer.width - right : right);
    const top = within(down - tip.offsetHeight / 2, outer.height - tip.offsetHeight);
    tip.style.left = `${within(isLeft ? right + 16 : right - wide, outer.width - tip.offsetWidth)}px`;
    tip.style.top = `${fits ? top : outer.height + 4}px`;
  }

  function within(wanted, most) {
    return Math.max(4, Math.min(wanted, most - 4));
  }

  function hide() {
    at = -1;
    tip.hidden = true;
    if (cursor) cursor.setAttribute("visibility", "hidden");
  }

  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const x = event.clientX - box.left, y = event.clientY - box.top;
    let nearest = -1, least = 40 ** 2; // pixels away at most
    spots.forEach(([px, py], i) => {
      const away = (px - x) ** 2 + (py - y) ** 2;
      if (away < least) [nearest, least] = [i, away];
    });
    if (nearest < 0) hide();
    else if (nearest !== at) show(nearest);
  });
  svg.addEventListener("pointerleave", () => { if (document.activeElement !== svg) hide(); });
  svg.addEventListener("focus", () => { if (at < 0 && svg.matches(":focus-visible")) show(data.points.length - 1); });
  svg.addEventListener("blur", hide);
  svg.addEventListener("keydown", (event) => {
    const last = data.points.length - 1;
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: last }[event.key];
    if (event.key === "Escape") hide();
    if (to === undefined) return;
    event.preventDefault();
    show(Math.max(0, Math.min(to, last)));
  });

  function legend() {
    const made = document.createElement("div");
    made.className = "legend";
    const marks = [
      ["value", element("circle", { class: "point", cx: 13, cy: 6, r: 4 })],
      ["best so far", element("path", { class: "best", d: "M0 6H26" })],
      ["expected before, 95 % band", element("rect", { class: "band", width: 26, height: 12 })],
    ];
    if (data.points.length <= CROWD) marks[2].push(element("path", { class: "mean", d: "M0 6H26" }));
    if (data.points.some((point) => point.state === "failed")) marks.push(["failed", cross([13, 6])]);
    if (data.log) marks.push(["(log scale)"]);
    for (const [words, ...shapes] of marks) {
      const item = document.createElement("span");
      if (shapes.length) {
        const small = element("svg", { "aria-hidden": "true" });
        small.append(...shapes);
        item.append(small);
      }
      item.append(words);
      made.append(item);
    }
    return made;
  }

  new ResizeObserver(draw).observe(svg);
})();
