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
  const fill = root.querySelector("input[name='fill']");
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

  // What is in view of each map, in its own unit; null is all of it.
  const views = data.panels.map(() => null);
  // Flatter than this a map is hard to point at.
  const FLAT = 0.62;
  const FARTHEST = 40;
  const natural = (panel) => extent(panel).high / extent(panel).wide;

  // As high as the map needs at its width, within reason; where it fills its frame, it is never flat.
  function height(canvas, panel) {
    const inner = canvas.clientWidth - 2 * MARGIN;
    const least = fill.checked ? FLAT : 0.3;
    return Math.round(inner * Math.min(Math.max(natural(panel), least), 1) + 2 * MARGIN);
  }

  function place(canvas, panel) {
    const view = views[data.panels.indexOf(panel)] || extent(panel);
    const { left, right, bottom, top } = view;
    const [width, tall] = [canvas.clientWidth, height(canvas, panel)];
    let across = (width - 2 * MARGIN) / (right - left || 1);
    let up = (tall - 2 * MARGIN) / (top - bottom || 1);
    // Distances on the map mean the same in all directions, unless the frame is to be filled.
    if (!fill.checked) across = up = Math.min(across, up);
    return {
      x: (x) => width / 2 + across * (x - (left + right) / 2),
      y: (y) => tall / 2 - up * (y - (bottom + top) / 2),
      across,
      up,
    };
  }

  const within = (low, high, least, most) => {
    const shift = Math.max(least - low, 0) + Math.min(most - high, 0);
    return [low + shift, high + shift];
  };

  // Shows a part of a map, which never leaves it.
  function look(index, left, right, bottom, top) {
    const all = extent(data.panels[index]);
    if (right - left >= 0.999 * all.wide && top - bottom >= 0.999 * all.high) {
      views[index] = null;
    } else {
      [left, right] = within(left, right, all.left, all.right);
      [bottom, top] = within(bottom, top, all.bottom, all.top);
      views[index] = { left, right, bottom, top };
    }
    canvases[index].style.touchAction = views[index] ? "none" : "pan-y";
    card.hidden = true;
    drawAll();
  }

  // Larger or smaller about a point, from the canvas' corner in pixels.
  function zoom(index, factor, px, py) {
    const [canvas, panel] = [canvases[index], data.panels[index]];
    const all = extent(panel);
    const { left, right, bottom, top } = views[index] || all;
    const at = place(canvas, panel);
    const x = (left + right) / 2 + (px - canvas.clientWidth / 2) / at.across;
    const y = (bottom + top) / 2 - (py - height(canvas, panel) / 2) / at.up;
    const share = Math.min(Math.max((right - left) / factor / all.wide, 1 / FARTHEST), 1);
    const part = (share * all.wide) / (right - left || 1);
    look(index, x - (x - left) * part, x + (right - x) * part, y - (y - bottom) * part, y + (top - y) * part);
  }

  // Where four of five recordings lie in each direction: a group far away is then out of the frame.
  function most(panel) {
    const ends = (values) => {
      const ordered = [...values].sort((a, b) => a - b);
      const margin = 0.1 * (ordered[Math.floor(0.9 * (ordered.length - 1))] - ordered[Math.ceil(0.1 * (ordered.length - 1))]);
      return [ordered[Math.ceil(0.1 * (ordered.length - 1))] - margin, ordered[Math.floor(0.9 * (ordered.length - 1))] + margin];
    };
    return [...ends(panel.x), ...ends(panel.y)];
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
    const few = panel.x.length > 1500 ? 2 : panel.x.length > 200 ? 4 : 6;
    // A phone has less room for as many.
    const radius = canvas.clientWidth < 600 && few > 2 ? few - 1 : few;
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
        told.textContent = `★ ${clip.label} · predicted ${data.noun} ${number(clip.predicted)}, ${[clip.doubt, ...clip.why].join(". ")}`;
        show(event, `★ ${clip.label}\npredicted ${data.noun} ${number(clip.predicted)}\n${[clip.doubt, ...clip.why].join("\n")}`, null);
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
    // Pointers that are down, where they were last.
    const down = new Map();
    const apart = () => {
      const [one, other] = [...down.values()];
      return Math.hypot(one.x - other.x, one.y - other.y);
    };
    const here = (x, y) => {
      const box = canvas.getBoundingClientRect();
      return [x - box.left - 1, y - box.top - 1];
    };
    const point = (event) => {
      card.hidden = true;
      const id = nearest(canvas, panel, event);
      if (id === null) return;
      choose(id);
      show(event, describe(panel, id), panel.pictures[id]);
    };
    const drag = (event, before) => {
      const { left, right, bottom, top } = views[index];
      const at = place(canvas, panel);
      const [across, up] = [(event.clientX - before.x) / at.across, (event.clientY - before.y) / at.up];
      look(index, left - across, right - across, bottom + up, top + up);
    };
    canvas.addEventListener("pointermove", (event) => {
      const before = down.get(event.pointerId);
      if (before === undefined) return point(event);
      const distance = down.size === 2 ? apart() : 0;
      if (down.size === 1 && views[index]) drag(event, before);
      down.set(event.pointerId, { x: event.clientX, y: event.clientY });
      if (down.size === 2 && distance > 0) {
        const [one, other] = [...down.values()];
        zoom(index, apart() / distance, ...here((one.x + other.x) / 2, (one.y + other.y) / 2));
      } else if (down.size === 1 && !views[index]) {
        point(event);
      }
    });
    canvas.addEventListener("pointerdown", (event) => {
      down.set(event.pointerId, { x: event.clientX, y: event.clientY });
      point(event);
    });
    const lift = (event) => down.delete(event.pointerId);
    canvas.addEventListener("pointerup", lift);
    canvas.addEventListener("pointercancel", lift);
    // A finger that was lifted leaves what it asked for in view.
    canvas.addEventListener("pointerleave", (event) => {
      lift(event);
      if (event.pointerType !== "touch") card.hidden = true;
    });
    canvas.addEventListener("dblclick", (event) => zoom(index, 2, ...here(event.clientX, event.clientY)));
    // Two fingers on a touchpad come as a wheel with this key; a wheel alone scrolls the page.
    canvas.addEventListener(
      "wheel",
      (event) => {
        if (!event.ctrlKey) return;
        event.preventDefault();
        zoom(index, Math.exp(-event.deltaY / 100), ...here(event.clientX, event.clientY));
      },
      { passive: false },
    );
  });
  const middle = (factor) => () =>
    canvases.forEach((canvas, index) => zoom(index, factor, canvas.clientWidth / 2, height(canvas, data.panels[index]) / 2));
  const press = {
    larger: middle(1.6),
    smaller: middle(1 / 1.6),
    all: () => canvases.forEach((_, index) => look(index, -Infinity, Infinity, -Infinity, Infinity)),
    most: () => data.panels.forEach((panel, index) => look(index, ...most(panel))),
  };
  root.querySelectorAll("button[name]").forEach((button) => button.addEventListener("click", press[button.name]));
  fill.checked = data.panels.some((panel) => natural(panel) < FLAT);
  fill.addEventListener("change", drawAll);
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
