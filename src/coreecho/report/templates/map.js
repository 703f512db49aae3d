// Draws the maps of one .coreecho-map element from the JSON inside it. No library, no network.
(function () {
  "use strict";
  const root = document.currentScript.closest(".coreecho-map");
  const data = JSON.parse(root.querySelector("script[type='application/json']").textContent);
  const canvases = Array.from(root.querySelectorAll("canvas"));
  const told = root.querySelector(".told");
  const bar = root.querySelector(".bar");
  const what = root.querySelector(".bounds .what");
  const card = root.querySelector(".card");
  const image = document.createElement("img");
  image.alt = "";
  image.width = image.height = 112;
  card.prepend(image);
  const [lowLabel, highLabel] = root.querySelectorAll(".bounds output");
  const MARGIN = 18;
  // Of a mouse, and of a finger, in pixels.
  const REACH = { mouse: 14, pen: 14, touch: 28 };
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  let colouring = "true";
  let chosen = null;

  const value = {
    true: (panel, i) => panel.true[i],
    predicted: (panel, i) => panel.predicted[i],
    error: (panel, i) => (panel.true[i] === null || panel.predicted[i] === null ? null : panel.predicted[i] - panel.true[i]),
  };

  function mix(stops, share) {
    const place = Math.min(Math.max(share, 0), 1) * (stops.length - 1);
    const before = Math.min(Math.floor(place), stops.length - 2);
    const part = place - before;
    const rgb = [0, 1, 2].map((c) => Math.round((1 - part) * stops[before][c] + part * stops[before + 1][c]));
    return `rgb(${rgb.join(",")})`;
  }

  function limits() {
    if (colouring !== "error") return data.limits;
    // Errors that are small beside the labels stay pale.
    const small = (data.limits[1] - data.limits[0]) / 10;
    const reach = Math.max(small, ...data.panels.flatMap((panel) => panel.true.map((_, i) => Math.abs(value.error(panel, i) || 0))));
    return [-reach, reach];
  }

  const stops = () => (colouring === "error" ? data.diverging : data.sequential);

  function extent(panel) {
    const xs = panel.x.concat(panel.placed.map((clip) => clip.x));
    const ys = panel.y.concat(panel.placed.map((clip) => clip.y));
    const [left, right] = [Math.min(...xs), Math.max(...xs)];
    const [bottom, top] = [Math.min(...ys), Math.max(...ys)];
    return { left, right, bottom, top, wide: right - left || 1, high: top - bottom || 1 };
  }

  // As high as the map needs at its width, within reason: one scale for both axes, and no empty half.
  function height(canvas, panel) {
    const { wide, high } = extent(panel);
    const inner = canvas.clientWidth - 2 * MARGIN;
    return Math.round(Math.min(Math.max((inner * high) / wide, 0.3 * inner), inner) + 2 * MARGIN);
  }

  function place(canvas, panel) {
    const { left, right, bottom, top, wide, high } = extent(panel);
    const [width, tall] = [canvas.clientWidth, height(canvas, panel)];
    // Distances on the map mean the same in all directions.
    const zoom = Math.min((width - 2 * MARGIN) / wide, (tall - 2 * MARGIN) / high);
    return {
      x: (x) => width / 2 + zoom * (x - (left + right) / 2),
      y: (y) => tall / 2 - zoom * (y - (bottom + top) / 2),
    };
  }

  function dot(context, x, y, radius, colour, edge) {
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.fillStyle = colour;
    context.fill();
    // Pale dots need an edge on white, and dark ones on black.
    context.lineWidth = edge ? 2 : dark.matches ? 1 : 0.5;
    context.strokeStyle = edge || (dark.matches ? "rgba(255,255,255,0.6)" : "rgba(0,0,0,0.35)");
    context.stroke();
  }

  function star(context, x, y) {
    context.beginPath();
    for (let i = 0; i < 10; i += 1) {
      const radius = i % 2 ? 4.5 : 11;
      const angle = (i * Math.PI) / 5 - Math.PI / 2;
      context.lineTo(x + radius * Math.cos(angle), y + radius * Math.sin(angle));
    }
    context.closePath();
    context.fillStyle = "#d55e00";
    context.strokeStyle = "white";
    context.lineWidth = 1.5;
    context.fill();
    context.stroke();
  }

  function draw(canvas, panel) {
    const ratio = window.devicePixelRatio || 1;
    const tall = height(canvas, panel);
    canvas.style.height = `${tall}px`;
    canvas.width = Math.round(canvas.clientWidth * ratio);
    canvas.height = Math.round(tall * ratio);
    const context = canvas.getContext("2d");
    context.scale(ratio, ratio);
    const at = place(canvas, panel);
    const [low, high] = limits();
    const radius = panel.x.length > 1500 ? 2 : panel.x.length > 200 ? 4 : 6;
    panel.x.forEach((x, i) => {
      const shown = value[colouring](panel, i);
      const colour = shown === null ? "#b0b0b0" : mix(stops(), (shown - low) / (high - low || 1));
      dot(context, at.x(x), at.y(panel.y[i]), radius, colour);
    });
    const i = chosen === null ? -1 : panel.id.indexOf(chosen);
    if (i >= 0) dot(context, at.x(panel.x[i]), at.y(panel.y[i]), radius + 3, "rgba(255,255,255,0.3)", "#d55e00");
    panel.placed.forEach((clip) => star(context, at.x(clip.x), at.y(clip.y)));
  }

  function drawAll() {
    canvases.forEach((canvas, number) => draw(canvas, data.panels[number]));
    const [low, high] = limits();
    const percent = stops().map((rgb, i, all) => `rgb(${rgb.join(",")}) ${(100 * i) / (all.length - 1)}%`);
    bar.style.background = `linear-gradient(to right, ${percent.join(",")})`;
    what.textContent = data.names[colouring];
    const sign = colouring === "error" && high > 0 ? "+" : "";
    lowLabel.textContent = low.toFixed(0);
    highLabel.textContent = sign + high.toFixed(0);
  }

  const number = (shown) => (shown === null ? "unknown" : `${shown.toFixed(1)} ${data.unit}`.trimEnd());

  function tell() {
    if (chosen === null) {
      told.textContent = data.hint;
      return;
    }
    const parts = data.panels.map((panel, index) => {
      const i = panel.id.indexOf(chosen);
      if (i < 0) return null;
      const name = data.panels.length > 1 ? `${"AB"[index] || index + 1}: ` : "";
      return `${name}${data.noun} ${number(panel.true[i])}, predicted ${number(panel.predicted[i])}`;
    });
    told.textContent = `${chosen} · ${parts.filter((part) => part !== null).join(" · ")}`;
  }

  function choose(id) {
    if (id === chosen) return;
    chosen = id;
    tell();
    drawAll();
  }

  function show(event, text, picture) {
    card.hidden = false;
    card.querySelector("p").textContent = text;
    image.hidden = !picture;
    if (picture) image.src = picture;
    // Beside the pointer, above a finger, and never beyond the window.
    const box = card.getBoundingClientRect();
    const above = event.pointerType === "touch" ? box.height + 30 : -16;
    const left = event.pointerType === "touch" ? event.clientX - box.width / 2 : event.clientX + 16;
    card.style.left = `${Math.max(4, Math.min(left, window.innerWidth - box.width - 4))}px`;
    card.style.top = `${Math.max(4, Math.min(event.clientY - above, window.innerHeight - box.height - 4))}px`;
  }

  function nearest(canvas, panel, event) {
    const box = canvas.getBoundingClientRect();
    const [px, py] = [event.clientX - box.left - 1, event.clientY - box.top - 1];
    const at = place(canvas, panel);
    let best = null;
    let least = (REACH[event.pointerType] || REACH.mouse) ** 2;
    panel.x.forEach((x, i) => {
      const distance = (at.x(x) - px) ** 2 + (at.y(panel.y[i]) - py) ** 2;
      if (distance < least) [best, least] = [panel.id[i], distance];
    });
    panel.placed.forEach((clip) => {
      if ((at.x(clip.x) - px) ** 2 + (at.y(clip.y) - py) ** 2 < least) {
        best = null;
        told.textContent = `★ ${clip.label} · predicted ${data.noun} ${number(clip.predicted)}, ${clip.doubt}`;
        show(event, `★ ${clip.label}\npredicted ${data.noun} ${number(clip.predicted)}\n${clip.doubt}`, null);
      }
    });
    return best;
  }

  function describe(panel, id) {
    const i = panel.id.indexOf(id);
    return `${id}\n${data.noun} ${number(panel.true[i])}\npredicted ${number(panel.predicted[i])}`;
  }

  canvases.forEach((canvas, index) => {
    const panel = data.panels[index];
    const point = (event) => {
      card.hidden = true;
      const id = nearest(canvas, panel, event);
      if (id === null) return;
      choose(id);
      show(event, describe(panel, id), panel.pictures[id]);
    };
    canvas.addEventListener("pointermove", point);
    canvas.addEventListener("pointerdown", point);
    // A finger that was lifted leaves what it asked for in view.
    canvas.addEventListener("pointerleave", (event) => {
      if (event.pointerType !== "touch") card.hidden = true;
    });
  });
  root.querySelectorAll("input[type='radio']").forEach((input) => {
    input.addEventListener("change", () => {
      colouring = input.value;
      drawAll();
    });
  });
  root.querySelector("input[type='search']").addEventListener("input", (event) => {
    const wanted = event.target.value.trim().toLowerCase();
    const all = data.panels.flatMap((panel) => panel.id);
    choose(wanted === "" ? null : all.find((id) => id.toLowerCase().startsWith(wanted)) || null);
  });
  window.addEventListener("scroll", () => (card.hidden = true), { passive: true });
  dark.addEventListener("change", drawAll);
  new ResizeObserver(drawAll).observe(root);
  tell();
  drawAll();
})();
