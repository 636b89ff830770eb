"use strict";
(() => {
  // Text of models is only ever set as textContent; nothing here parses it as markup.
  const root = document.documentElement;
  addEventListener("error", (event) => { root.dataset.error = event.message; });
  const data = JSON.parse(document.getElementById("data").textContent);
  const PAGE = 12;
  const get = (id) => document.getElementById(id);

  function make(tag, className, ...children) {
    const element = document.createElement(tag);
    if (className) element.className = className;
    element.append(...children.filter((child) => child !== null && child !== undefined).map(
      (child) => (child instanceof Node ? child : String(child))));
    return element;
  }

  function prose(tag, className, text) {
    const element = make(tag, className, text);
    element.dir = "auto";
    return element;
  }

  function digits(value) {
    if (value === null || value === undefined) return "–";
    const shown = Math.abs(value) >= 1000 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
    return shown.replace("-", "−");
  }

  const signed = (value) => (value > 0 ? "+" : "") + digits(value);
  const settle = (value) => (Math.abs(value) < 1e-6 ? 0 : value);
  const sign = (value) => (value > 0 ? "up" : value < 0 ? "down" : "");

  // -- one rollout ----------------------------------------------------------------------------

  const MARKS = /(<\/?[a-zA-Z_][\w-]{0,30}>)|(\\boxed\{[^{}]{0,200}\})/g;

  /* The text as written: tags dim, thought quiet, the rest plain, boxed answers marked. */
  function marked(className, text) {
    const box = prose("div", className, "");
    const closing = text.lastIndexOf("</think>");
    const end = closing < 0 && text.includes("<think>") ? text.length : closing;
    let at = 0;
    const put = (until) => {
      if (until <= at) return;
      const cut = at < end && until > end ? end : until;
      box.append(make("span", at < end ? "thought" : "", text.slice(at, cut)));
      at = cut;
      put(until);
    };
    for (const match of text.matchAll(MARKS)) {
      put(match.index);
      box.append(make("span", match[1] ? "tag" : "boxed", match[0]));
      at = match.index + match[0].length;
    }
    put(text.length);
    if (!text) box.append(make("span", "tag", "(empty)"));
    return box;
  }

  function badge(outcome) {
    const kind = outcome === "correct" ? "good" : outcome === "wrong" ? "bad" : "odd";
    const mark = { good: "✓ ", bad: "✗ ", odd: "○ " }[kind];
    return prose("span", "badge " + kind, mark + (outcome || "not graded"));
  }

  function fact(name, value, className) {
    return make("span", "fact", make("span", "label", name), make("b", className || "", value));
  }

  function chip(name, value) {
    const element = make("span", value === null ? "chip none" : "chip " + sign(value));
    element.append(prose("span", "", name), make("b", "", value === null ? "n/a" : digits(value)));
    if (value === null) element.title = "does not apply";
    return element;
  }

  function factsOf(member, kind) {
    const facts = make("div", "facts-line", fact("reward", digits(member.reward)));
    if (member.advantage !== null) {
      const advantage = settle(member.advantage);
      facts.append(fact("advantage", signed(advantage), sign(advantage)));
    }
    if (kind === "training") facts.append(fact("kept", "×" + digits(member.kept)));
    facts.append(fact("tokens", digits(member.length)), fact("stop", member.stop));
    return facts;
  }

  function memberOf(member, card) {
    const place = card.kind === "evaluation" ? member.stage : "#" + digits(member.member);
    const element = make("article", "member" + (member.kept === 0 ? " dropped" : ""),
      make("header", "", prose("span", "place", place), badge(member.outcome)),
      factsOf(member, card.kind));
    if (member.prompt) element.append(marked("own-prompt", member.prompt));
    element.append(marked("response", member.response || ""));
    const answer = make("div", "answer", make("span", "label", "read as"));
    answer.append(member.prediction === null
      ? make("span", "tag none", "nothing") : prose("code", "", member.prediction));
    answer.append(make("span", "label", "reference"), prose("code", "", card.reference ?? "–"));
    element.append(answer);
    const terms = Object.entries(member.scores);
    if (terms.length) element.append(make("div", "chips", ...terms.map((term) => chip(...term))));
    if (member.reason) element.append(prose("p", "reason", member.reason));
    return element;
  }

  // -- one group ------------------------------------------------------------------------------

  function pictureOf(name, position) {
    const uri = data.images[name];
    if (!uri) return make("p", "tag", "image not in this page");
    const image = document.createElement("img");
    image.alt = "image " + (position + 1) + " of the question";
    image.addEventListener("load", () => {
      const side = Math.max(image.naturalWidth, image.naturalHeight);
      if (side >= 200) return;
      const scale = Math.max(1, Math.floor(232 / side));
      image.classList.add("small");
      image.style.width = image.naturalWidth * scale + "px";
    });
    image.src = uri;
    return image;
  }

  function titleOf(card) {
    const first = card.members[0];
    if (card.kind === "evaluation") return "evaluated question";
    return first.stage + " · step " + digits(first.step) + " · group " + digits(card.group);
  }

  function cardOf({ card, members }) {
    const side = make("aside", "", ...card.images.map(pictureOf));
    const list = make("dl", "");
    const entries = [["task", card.task], ["difficulty", card.difficulty],
      ["reference", card.reference], ["sample", card.id]];
    for (const [name, value] of entries) {
      if (value !== null && value !== "") {
        list.append(make("dt", "", name), prose("dd", name, value));
      }
    }
    side.append(list);
    const shown = members.length < card.size ? members.length + " of " + card.size + " shown" : null;
    const body = make("div", "body",
      make("header", "", prose("h4", "", titleOf(card)),
        make("span", "right", card.right + " of " + card.size + " right"),
        shown && make("span", "right", shown)));
    if (card.prompt) body.append(marked("prompt", card.prompt));
    body.append(make("div", "members", ...members.map((member) => memberOf(member, card))));
    return make("div", "card", side, body);
  }

  // -- filters --------------------------------------------------------------------------------

  const KINDS = { training: "training groups", evaluation: "evaluated questions" };
  const entries = data.cards.flatMap((card) => card.members.map((member) => ({
    card,
    member,
    kind: card.kind,
    stage: member.stage,
    step: String(member.step),
    task: card.task || "",
    outcome: member.outcome || "",
    words: [card.prompt, member.prompt, member.response, member.prediction, card.reference, card.id,
      member.reason].join("\n").toLowerCase(),
  })));
  const FILTERS = ["kind", "stage", "step", "task", "outcome"];

  function chosen() {
    const words = get("search").value.toLowerCase();
    const wanted = FILTERS.map((name) => [name, get(name).value]).filter(([, value]) => value);
    return { words, wanted };
  }

  const fits = (entry, { words, wanted }, except) => entry.words.includes(words)
    && wanted.every(([name, value]) => name === except || entry[name] === value);

  /* Every choice with how many rollouts it would leave, given the other choices. */
  function fill(name) {
    const select = get(name);
    const value = select.value;
    const counts = new Map();
    for (const entry of entries) if (entry[name]) counts.set(entry[name], 0);
    const filter = chosen();
    for (const entry of entries) {
      if (entry[name] && fits(entry, filter, name)) counts.set(entry[name], counts.get(entry[name]) + 1);
    }
    const names = [...counts.keys()];
    if (name === "step") names.sort((one, other) => one - other);
    const options = names.filter((each) => counts.get(each) || each === value).map((each) => {
      const option = make("option", "", (KINDS[each] || each) + "  (" + counts.get(each) + ")");
      option.value = each;
      return option;
    });
    const all = make("option", "", "all");
    all.value = "";
    select.replaceChildren(all, ...options);
    select.value = value;
  }

  let groups = [];
  let drawn = 0;
  let rollouts = 0;

  function drawMore() {
    const next = groups.slice(drawn, drawn + PAGE);
    get("cards").append(...next.map(cardOf));
    drawn += next.length;
    rollouts += next.reduce((sum, group) => sum + group.members.length, 0);
    get("more").hidden = drawn >= groups.length;
    get("more").textContent = "Show more (" + (groups.length - drawn) + " left)";
    root.dataset.ready = rollouts;
  }

  function refresh() {
    FILTERS.forEach(fill);
    const filter = chosen();
    const found = new Map();
    let count = 0;
    for (const entry of entries) {
      if (!fits(entry, filter)) continue;
      if (!found.has(entry.card)) found.set(entry.card, []);
      found.get(entry.card).push(entry.member);
      count += 1;
    }
    groups = [...found].map(([card, members]) => ({ card, members }));
    drawn = rollouts = 0;
    get("cards").replaceChildren();
    get("count").textContent = count + " rollouts in " + groups.length + " groups";
    if (!count) get("cards").append(make("p", "empty", "No rollout fits; clear a filter."));
    drawMore();
  }

  // -- values under the pointer ---------------------------------------------------------------

  function follow(figure) {
    const series = data.panels[figure.dataset.panel];
    const chart = figure.querySelector("svg");
    const readout = figure.querySelector(".readout");
    const resting = readout.textContent;
    const line = document.createElementNS("http://www.w3.org/2000/svg", "line");
    line.setAttribute("class", "pointer");
    line.setAttribute("y1", 20);
    line.setAttribute("y2", chart.viewBox.baseVal.height - 30);
    chart.append(line);
    const nearest = (points, x) => points.reduce(
      (best, point) => (Math.abs(point[0] - x) < Math.abs(best[0] - x) ? point : best));
    chart.addEventListener("pointermove", (event) => {
      const frame = chart.getBoundingClientRect();
      const x = (event.clientX - frame.left) / frame.width * chart.viewBox.baseVal.width;
      const found = series.map(({ name, points }) => [name, nearest(points, x)]);
      const [, first] = found[0];
      line.setAttribute("x1", first[0]);
      line.setAttribute("x2", first[0]);
      line.classList.add("on");
      const values = found.map(([name, point]) => (series.length > 1 ? name + " " : "") + digits(point[2]));
      readout.textContent = "step " + first[1] + "   " + values.join("   ");
    });
    chart.addEventListener("pointerleave", () => {
      line.classList.remove("on");
      readout.textContent = resting;
    });
  }

  document.querySelectorAll("[data-panel]").forEach(follow);
  if (get("filters")) {
    FILTERS.forEach((name) => get(name).addEventListener("change", refresh));
    get("search").addEventListener("input", refresh);
    get("filters").addEventListener("submit", (event) => event.preventDefault());
    get("filters").addEventListener("reset", () => setTimeout(refresh));
    get("more").addEventListener("click", drawMore);
    refresh();
  } else {
    root.dataset.ready = 0;
  }
})();
