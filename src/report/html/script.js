"use strict";

const data = JSON.parse(document.getElementById("data").textContent);

/** An element with a class and children: elements, or strings, which are text and not markup. */
function element(name, className, ...children) {
  const made = document.createElement(name);
  made.className = className;
  made.append(...children);
  return made;
}

/**
 * Makes the buttons of a grid one stop for the keyboard: arrow keys go from one to the nearest in
 * their direction.
 */
function rove(grid) {
  const buttons = [...grid.querySelectorAll("button")];
  buttons.forEach((button, i) => (button.tabIndex = i === 0 ? 0 : -1));
  grid.onkeydown = (event) => {
    const direction = {
      ArrowLeft: [-1, 0], ArrowRight: [1, 0],
      ArrowUp: [0, -1], ArrowDown: [0, 1],
    }[event.key];
    if (!direction || event.target.tagName !== "BUTTON") return;
    event.preventDefault();
    const here = event.target.getBoundingClientRect();
    let [nearest, least] = [null, Infinity];
    for (const button of buttons) {
      const there = button.getBoundingClientRect();
      const [dx, dy] = [there.x - here.x, there.y - here.y];
      const along = dx * direction[0] + dy * direction[1];
      const across = Math.abs(dx * direction[1]) + Math.abs(dy * direction[0]);
      if (along > 1 && across < here.width / 2 && along < least) [nearest, least] = [button, along];
    }
    if (!nearest) return;
    event.target.tabIndex = -1;
    nearest.tabIndex = 0;
    nearest.focus();
  };
}

document.querySelectorAll(".matrix").forEach(rove);

// What scrolls must be reachable by the keyboard.
for (const box of document.querySelectorAll(".scroll")) {
  if (box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight) box.tabIndex = 0;
}

/* Charts: exact values under the pointer, and under the arrow keys. */

const SVG = "http://www.w3.org/2000/svg";

for (const figure of document.querySelectorAll("[data-chart]")) {
  const chart = data.charts[figure.dataset.chart];
  const plot = figure.querySelector(".plot");
  const svg = plot.querySelector("svg");
  const { width } = svg.viewBox.baseVal;
  const last = chart.heads.length - 1;
  let shown = -1;

  const rule = svg.querySelector(".rule");
  const dots = chart.series.map((series) => {
    const dot = document.createElementNS(SVG, "circle");
    dot.setAttribute("class", `dot ${series.class}`);
    dot.setAttribute("r", 4.5);
    dot.setAttribute("visibility", "hidden");
    return dot;
  });
  svg.append(...dots);
  const tip = element("div", "tip");
  tip.hidden = true;
  plot.append(tip);

  // One stop for the keyboard, whatever the number of values.
  const words = (i) =>
    `${chart.axis} ${chart.heads[i]}: ` +
    chart.series.map((series) => `${series.name} ${series.text[i]}`).join(", ");
  plot.tabIndex = 0;
  plot.setAttribute("role", "slider");
  plot.setAttribute("aria-label", svg.getAttribute("aria-label"));
  plot.setAttribute("aria-valuemin", 0);
  plot.setAttribute("aria-valuemax", last);
  plot.setAttribute("aria-valuenow", last);
  plot.setAttribute("aria-valuetext", words(last));

  function show(i) {
    shown = i;
    const x = chart.x[i];
    rule.setAttribute("x1", x);
    rule.setAttribute("x2", x);
    chart.series.forEach((series, k) => {
      const y = series.y[i];
      dots[k].setAttribute("visibility", y === null ? "hidden" : "visible");
      dots[k].setAttribute("cx", x);
      dots[k].setAttribute("cy", y ?? 0);
    });
    rule.setAttribute("visibility", "visible");
    tip.replaceChildren(
      element("p", "", `${chart.axis} ${chart.heads[i]}`),
      ...chart.series.map((series) =>
        element(
          "div",
          "",
          element("span", `key ${series.class}`),
          element("span", "name", series.name),
          element("b", "", series.text[i]),
        ),
      ),
    );
    tip.hidden = false;
    const left = x < width / 2;
    tip.style.left = left ? `calc(${(100 * x) / width}% + 0.75rem)` : "auto";
    tip.style.right = left ? "auto" : `calc(${100 - (100 * x) / width}% + 0.75rem)`;
    plot.setAttribute("aria-valuenow", i);
    plot.setAttribute("aria-valuetext", words(i));
  }

  function hide() {
    shown = -1;
    tip.hidden = true;
    for (const mark of [rule, ...dots]) mark.setAttribute("visibility", "hidden");
  }

  function point(event) {
    const box = svg.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * width;
    const distance = (i) => Math.abs(chart.x[i] - x);
    let nearest = 0;
    for (let i = 1; i <= last; i++) {
      if (distance(i) < distance(nearest)) nearest = i;
    }
    if (nearest !== shown) show(nearest);
  }

  plot.addEventListener("pointerdown", point);
  plot.addEventListener("pointermove", point);
  plot.addEventListener("pointerleave", (event) => {
    if (event.pointerType === "mouse" && document.activeElement !== plot) hide();
  });
  plot.addEventListener("focus", () => {
    if (shown < 0) show(last);
  });
  plot.addEventListener("blur", hide);
  plot.addEventListener("keydown", (event) => {
    if (event.key === "Escape") hide();
    const steps = {
      ArrowLeft: -1, ArrowDown: -1, PageDown: -10,
      ArrowRight: 1, ArrowUp: 1, PageUp: 10,
    };
    const to = { Home: 0, End: last }[event.key] ?? shown + steps[event.key];
    if (Number.isNaN(to)) return;
    event.preventDefault();
    show(Math.min(Math.max(to, 0), last));
  });
}

/* Images: thumbnails, and cards with what the models say. */

const percent = (thousandths) => (thousandths === null ? "–" : (thousandths / 10).toFixed(1));

/** An image by its picture's file, or by its place in the test set. */
function called(name) {
  return typeof name === "number" ? `#${name}` : name;
}

function describe(run, [, index, label, answers]) {
  const words = answers.map((answer, m) => `${run.models[m]}: ${run.classes[answer]}`);
  return `Test image ${called(index)}, ${run.classes[label]}; ${words.join(", ")}`;
}

function thumb(name, run, image) {
  const made = element(name, `thumb sheet-${run.sheet}`);
  made.style.setProperty("--column", image[0] % data.columns);
  made.style.setProperty("--row", Math.floor(image[0] / data.columns));
  made.setAttribute("aria-label", describe(run, image));
  if (name === "span") made.setAttribute("role", "img");
  return made;
}

/** The image, and the classes that any model thinks of, with the models' probabilities. */
function card(run, image) {
  const [, index, label, , classes, rows] = image;
  const head = element("tr", "", element("td", ""), ...run.models.map((m) => element("th", "", m)));
  head.querySelectorAll("th").forEach((th) => (th.scope = "col"));
  const body = classes.map((c, i) => {
    const name = element("th", "", c === label ? "✓ " : "", run.classes[c]);
    name.scope = "row";
    // The style sheet has eight colours.
    const cells = rows.map((row, m) => {
      const cell = element("td", `c${m % 8}`, percent(row[i]));
      cell.style.setProperty("--w", `${(row[i] ?? 0) / 10}%`);
      return cell;
    });
    return element("tr", c === label ? "true" : "", name, ...cells);
  });
  const table = element("table", "", element("thead", "", head), element("tbody", "", ...body));
  const caption = element("p", "", element("b", "", run.classes[label]), ` ${called(index)}`);
  return element("div", "card", thumb("span", run, image), element("div", "", caption, table));
}

for (const place of document.querySelectorAll("[data-cards]")) {
  const run = data.runs[place.dataset.run];
  const list = run.lists[place.dataset.cards];
  place.append(...list.shown.map((i) => card(run, run.images[i])));
  if (list.total === 0) place.append(element("p", "note", "No mistakes."));
}

for (const place of document.querySelectorAll("[data-thumbs]")) {
  const { run: number, thumbs: name } = place.dataset;
  const run = data.runs[number];
  const list = run.lists[name];
  place.append(...list.shown.slice(0, 24).map((i, k) => {
    const made = thumb("button", run, run.images[i]);
    made.addEventListener("click", () => view(number, name, k));
    return made;
  }));
  rove(place);
}

/* Confusion matrices too large for a table: the cell under the pointer in words. */

for (const figure of document.querySelectorAll("[data-matrix]")) {
  const run = data.runs[figure.dataset.run];
  if (!run) continue;
  const flat = run.counts[figure.dataset.matrix];
  const counts = new Map();
  for (let i = 0; i < flat.length; i += 3) counts.set(`${flat[i]} ${flat[i + 1]}`, flat[i + 2]);
  const drawn = figure.querySelector(".drawn");
  const words = figure.querySelector(".pointed");
  const point = (event) => {
    const box = drawn.getBoundingClientRect();
    const last = run.classes.length - 1;
    const place = (share) => Math.min(Math.max(Math.floor(share * (last + 1)), 0), last);
    const label = place((event.clientY - box.top) / box.height);
    const answer = place((event.clientX - box.left) / box.width);
    const count = counts.get(`${label} ${answer}`) ?? 0;
    const [name, other] = [run.classes[label], run.classes[answer]];
    words.textContent = `${name} taken for ${other}: ${count}`;
  };
  drawn.addEventListener("pointerdown", point);
  drawn.addEventListener("pointermove", point);
}

/* The viewer: all images of a cell, and the one that is chosen. */

const viewer = document.getElementById("viewer");
const [title, note, shownCard, thumbs] = ["title", "note", "card", "thumbs"].map((part) =>
  document.getElementById(`viewer-${part}`),
);

function view(number, name, first) {
  const run = data.runs[number];
  const list = run.lists[name];
  title.textContent = list.title;
  const some = list.shown.length < list.total ? `${list.shown.length} of ${list.total}, ` : "";
  note.textContent = some + list.order;
  const buttons = list.shown.map((i) => {
    const made = thumb("button", run, run.images[i]);
    for (const way of ["click", "focus"]) {
      made.addEventListener(way, () => choose(made, run.images[i]));
    }
    return made;
  });
  function choose(button, image) {
    buttons.forEach((other) => other.setAttribute("aria-pressed", other === button));
    shownCard.replaceChildren(card(run, image));
  }
  thumbs.replaceChildren(...buttons);
  rove(thumbs);
  choose(buttons[first], run.images[list.shown[first]]);
  viewer.showModal();
  buttons[first].focus();
}

for (const button of document.querySelectorAll("[data-list]")) {
  button.addEventListener("click", () => view(button.dataset.run, button.dataset.list, 0));
}
document.getElementById("viewer-close").addEventListener("click", () => viewer.close());
viewer.addEventListener("click", (event) => {
  if (event.target === viewer) viewer.close();
});
