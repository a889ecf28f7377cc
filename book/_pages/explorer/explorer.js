// The attention explorer: a picture, a network, a layer, a map; move the query and see where it looks.
// Plain script, no outside request; its data is in data.js (made by _ext/explorer_data.py).
(() => {
  const CIVIDIS = ["#00224e", "#123570", "#3b496c", "#575d6d", "#707173", "#8a8678", "#a59c74", "#c3b369", "#e1cc55", "#fee838"];
  const root = document.getElementById("explorer");
  const sets = window.EXPLORER || [];
  if (!sets.length) {
    root.textContent = "보일 기록이 없다. profiles/maps.yaml을 학습하고 책을 다시 지으라.";
    return;
  }

  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const floats = (text) => new Float32Array(bytes(text).buffer);
  const decoded = new WeakMap();
  const arrays = (part) => {
    if (!decoded.has(part)) decoded.set(part, { values: bytes(part.values), highest: floats(part.highest) });
    return decoded.get(part);
  };
  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };

  // ---- the page ----
  const chooser = (id, title) => {
    const select = make("select", { id });
    return [select, make("label", { for: id }, title, select)];
  };
  const [setChoice, setLabel] = chooser("explorer-set", "자료");
  const [networkChoice, networkLabel] = chooser("explorer-network", "망");
  const [layerChoice, layerLabel] = chooser("explorer-layer", "층");
  const [mapChoice, mapLabel] = chooser("explorer-map", "지도");
  const strip = make("div", { class: "explorer-strip", role: "group", "aria-label": "시험 영상" });
  const canvas = make("canvas", {
    width: 1040, height: 512, tabindex: 0, role: "application",
    "aria-label": "왼쪽은 영상, 오른쪽은 지도. 화살표 글쇠로 쿼리를 옮긴다.", "aria-describedby": "explorer-where",
  });
  const where = make("p", { id: "explorer-where", "aria-live": "polite" });
  const scale = make("canvas", { width: 256, height: 12, "aria-hidden": "true" });
  const highest = make("span");
  const prediction = make("div", { class: "explorer-prediction" });
  const gates = make("canvas", { width: 640, height: 150, role: "img" });
  const gatesNote = make("p");
  const table = make("table", { class: "table" });
  const run = make("p", { class: "explorer-run" });
  root.replaceChildren(
    make("div", { class: "explorer-choices" }, setLabel, networkLabel, layerLabel, mapLabel),
    strip,
    make("div", { class: "explorer-main" },
      make("div", {}, canvas, make("div", { class: "explorer-scale" }, "0", scale, highest), where),
      make("div", {}, make("p", { class: "explorer-title" }, "예측"), prediction),
      make("div", {}, make("p", { class: "explorer-title" }, "게이트"), gates, gatesNote)),
    make("details", {}, make("summary", {}, "지도의 값을 표로 보기"),
      make("div", { class: "explorer-table", tabindex: 0, role: "region", "aria-label": "지도의 값" }, table)),
    run,
  );

  // ---- what is chosen ----
  const state = { set: 0, network: 0, layer: 0, map: "cam", picture: 0, row: 0, column: 0 };
  const theSet = () => sets[state.set];
  const network = () => theSet().networks[state.network];
  const layer = () => network().layers[state.layer];
  const fill = (select, options, chosen) => {
    select.replaceChildren(...options.map(([value, text]) => make("option", { value }, text)));
    select.value = options.some(([value]) => String(value) === String(chosen)) ? chosen : options[0][0];
    return select.value;
  };
  const mapsOf = (chosen) => {
    const heads = chosen.attention ? Array.from({ length: chosen.attention.heads }, (_, h) => [h, `어텐션, 헤드 ${h + 1}`]) : [];
    return [...(heads.length ? [["mean", "어텐션, 헤드의 평균"]] : []), ...heads, ["cam", "Grad-CAM"]];
  };

  // The map that is shown: {side, values (side * side)}; in attention, one row of the weights.
  const shown = () => {
    const { cam, attention } = layer();
    if (state.map === "cam") {
      const { values, highest: top } = arrays(cam), count = cam.side ** 2;
      return { side: cam.side, values: Array.from({ length: count }, (_, i) => (values[state.picture * count + i] / 255) * top[state.picture]) };
    }
    const { heads, side } = attention, count = side ** 2;
    const { values, highest: top } = arrays(attention);
    const chosen = state.map === "mean" ? [...Array(heads).keys()] : [Number(state.map)];
    const row = Array(count).fill(0);
    for (const head of chosen) {
      const start = (state.picture * heads + head) * count + state.row * side + state.column;
      for (let i = 0; i < count; i++) row[i] += ((values[start * count + i] / 255) * top[start]) / chosen.length;
    }
    return { side, values: row };
  };

  // ---- drawing ----
  const colour = (share) => {
    const at = Math.max(0, Math.min(1, share)) * (CIVIDIS.length - 1), low = Math.min(Math.floor(at), CIVIDIS.length - 2);
    const part = (text, i) => parseInt(text.slice(1 + 2 * i, 3 + 2 * i), 16);
    return `rgb(${[0, 1, 2].map((i) => Math.round(part(CIVIDIS[low], i) * (1 - at + low) + part(CIVIDIS[low + 1], i) * (at - low))).join()})`;
  };
  const drawMap = () => {
    const { side, values } = shown(), context = canvas.getContext("2d"), size = canvas.height, cell = size / side;
    const right = canvas.width - size, image = strip.children[state.picture].firstChild;
    const attends = state.map !== "cam", best = values.indexOf(Math.max(...values)), top = values[best];
    context.imageSmoothingEnabled = false;
    context.globalAlpha = 1;
    context.clearRect(0, 0, canvas.width, size);
    context.drawImage(image, 0, 0, size, size);
    context.filter = "grayscale(1)";
    context.drawImage(image, right, 0, size, size);
    context.filter = "none";
    context.globalAlpha = 0.72;
    values.forEach((value, i) => {
      context.fillStyle = colour(top > 0 ? value / top : 0);
      context.fillRect(right + (i % side) * cell, Math.floor(i / side) * cell, cell, cell);
    });
    context.globalAlpha = 1;
    if (attends)
      for (const [style, width] of [["#fff", 6], ["#000", 2]]) {
        context.strokeStyle = style;
        context.lineWidth = width;
        for (const left of [0, right]) context.strokeRect(left + state.column * cell + 3, state.row * cell + 3, cell - 6, cell - 6);
      }
    const place = (i) => `${Math.floor(i / side) + 1}행 ${(i % side) + 1}열`;
    where.textContent = attends
      ? `쿼리 ${place(state.row * side + state.column)}. 가장 많이 보는 곳은 ${place(best)}, ${top.toFixed(3)}.`
      : top > 0 ? `가장 높은 곳은 ${place(best)}이다. 이 지도는 쿼리와 관계가 없다.` : "지도가 모두 0이다.";
    highest.textContent = top.toFixed(3);
    table.replaceChildren(make("tbody", {}, ...Array.from({ length: side }, (_, r) =>
      make("tr", {}, ...values.slice(r * side, (r + 1) * side).map((v) => make("td", {}, v.toFixed(4)))))));
  };
  const drawGates = () => {
    const part = layer().gates, context = gates.getContext("2d"), text = getComputedStyle(root).color;
    context.clearRect(0, 0, gates.width, gates.height);
    gates.hidden = !part;
    if (!part) {
      gatesNote.textContent = "이 망에는 게이트가 없다.";
      return;
    }
    const values = floats(part.values).slice(state.picture * part.channels, (state.picture + 1) * part.channels);
    const low = gates.height - 4, width = gates.width / part.channels, mean = values.reduce((a, b) => a + b) / part.channels;
    context.strokeStyle = context.fillStyle = text;
    context.strokeRect(0.5, 4.5, gates.width - 1, low - 4);
    values.forEach((value, i) => context.fillRect(i * width + width * 0.15, low - value * (low - 4), width * 0.7, value * (low - 4)));
    gatesNote.textContent = `채널 ${part.channels}개, 평균 ${mean.toFixed(2)}, 최솟값 ${Math.min(...values).toFixed(2)}, 최댓값 ${Math.max(...values).toFixed(2)}`;
    gates.setAttribute("aria-label", `게이트 막대그래프. ${gatesNote.textContent}`);
  };
  const drawPrediction = () => {
    const { classes, labels } = theSet();
    const all = floats(network().probabilities).slice(state.picture * classes.length, (state.picture + 1) * classes.length);
    const best = [...all.keys()].sort((a, b) => all[b] - all[a]).slice(0, 3);
    prediction.replaceChildren(
      ...best.map((k) => make("div", { class: "explorer-bar" },
        make("span", {}, classes[k]), make("i", { style: `width:${(100 * all[k]).toFixed(1)}%` }), make("b", {}, `${(100 * all[k]).toFixed(1)}%`))),
      make("p", {}, `정답은 ${classes[labels[state.picture]]}이고, 예측은 ${best[0] === labels[state.picture] ? "맞았다" : "틀렸다"}.`),
    );
  };
  const draw = () => { drawMap(); drawGates(); drawPrediction(); };

  // ---- choosing ----
  const chooseMap = () => {
    state.map = fill(mapChoice, mapsOf(layer()), state.map);
    const side = layer().attention ? layer().attention.side : 1;
    state.row = Math.min(state.row, side - 1);
    state.column = Math.min(state.column, side - 1);
    run.textContent = `기록: ${network().run}`;
    draw();
  };
  const chooseLayer = () => {
    const layers = network().layers;
    state.layer = Number(fill(layerChoice, layers.map((l, i) => [i, l.attention ? `${l.name} (어텐션)` : l.name]), state.layer));
    chooseMap();
  };
  const chooseNetwork = () => {
    state.network = Number(fill(networkChoice, theSet().networks.map((n, i) => [i, n.label]), state.network));
    chooseLayer();
  };
  const choosePicture = (index) => {
    state.picture = index;
    [...strip.children].forEach((button, i) => button.setAttribute("aria-pressed", i === index));
    draw();
  };
  const chooseSet = () => {
    state.picture = 0;
    const pictures = theSet().pictures.map((source, index) => {
      const image = make("img", { src: source, alt: `${index + 1}번째 영상, ${theSet().classes[theSet().labels[index]]}`, width: 32, height: 32 });
      const button = make("button", { type: "button", "aria-pressed": index === 0 }, image);
      button.addEventListener("click", () => choosePicture(index));
      return button;
    });
    strip.replaceChildren(...pictures);
    Promise.all(pictures.map((button) => button.firstChild.decode())).then(chooseNetwork);
  };
  const moveTo = (row, column) => {
    const side = layer().attention && state.map !== "cam" ? layer().attention.side : 0;
    if (!side) return;
    state.row = Math.max(0, Math.min(side - 1, row));
    state.column = Math.max(0, Math.min(side - 1, column));
    drawMap();
  };
  const point = (event) => {
    if (state.map === "cam") return;
    const box = canvas.getBoundingClientRect(), cell = box.height / layer().attention.side;
    const x = event.clientX - box.left, right = box.width - box.height;
    if (x > box.height && x < right) return; // between the picture and the map
    moveTo(Math.floor((event.clientY - box.top) / cell), Math.floor((x < right ? x : x - right) / cell));
  };
  canvas.addEventListener("pointerdown", point);
  canvas.addEventListener("pointermove", point);
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    moveTo(state.row + step[0], state.column + step[1]);
  });
  setChoice.addEventListener("change", () => { state.set = Number(setChoice.value); chooseSet(); });
  networkChoice.addEventListener("change", () => { state.network = Number(networkChoice.value); chooseLayer(); });
  layerChoice.addEventListener("change", () => { state.layer = Number(layerChoice.value); chooseMap(); });
  mapChoice.addEventListener("change", () => { state.map = mapChoice.value; draw(); });
  new MutationObserver(drawGates).observe(document.documentElement, { attributeFilter: ["data-theme"] });

  // Begin where there is most to see: the last network, its last layer, the map's middle.
  const bar = scale.getContext("2d");
  for (let x = 0; x < scale.width; x++) { bar.fillStyle = colour(x / (scale.width - 1)); bar.fillRect(x, 0, 1, scale.height); }
  fill(setChoice, sets.map((s, i) => [i, s.title]), 0);
  state.network = theSet().networks.length - 1;
  state.layer = network().layers.length - 1;
  state.map = mapsOf(layer())[0][0];
  state.row = state.column = layer().attention ? Math.floor(layer().attention.side / 2) : 0;
  chooseSet();
})();
