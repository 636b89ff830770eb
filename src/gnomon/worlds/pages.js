// What a page of ours tells about itself, and steps on it by label. The pages hold no script.
window.world = (() => {
  const KINDS = { button: "button", a: "link", summary: "menu", svg: "picture", table: "table" };
  const PARTS = "button, a, label, summary, svg, table";

  function kind(part) {
    if (part.matches("label")) return part.control.type === "checkbox" ? "box" : "field";
    return part.matches("[role=menuitem]") ? "item" : KINDS[part.localName];
  }

  function name(part) {
    if (part.matches("table")) return part.rows[0].cells[0].innerText.trim();
    return part.getAttribute("aria-label") || part.textContent.trim();
  }

  function on(part) {
    if (part.matches("label")) {
      const control = part.control;
      return control.type === "checkbox" ? control.checked : control === document.activeElement;
    }
    return part.matches("summary") && part.parentElement.open;
  }

  const shown = () => document.querySelector("section:target") ?? document.getElementById("home");
  const parts = () => [...shown().querySelectorAll(PARTS)].filter((part) => part.checkVisibility());
  const typed = (part) => (part.matches("label.field") ? part.control.value : "");
  const head = () => shown().querySelector("h1").innerText;
  const happened = (event) => new Promise((done, failed) => {
    addEventListener(event, done, { once: true });
    setTimeout(() => failed(new Error(`no ${event}`)), 5000);
  });

  async function back() {
    const arrived = happened("popstate");
    history.back();
    await arrived;
    await new Promise(requestAnimationFrame);  // then the place that was scrolled to is back
  }

  const STEPS = {
    async click(label) {
      const part = parts().find((each) => name(each) === label);
      document.activeElement.blur();
      const left = part.matches("a") ? happened("hashchange") : null;
      part.click();
      if (part.matches("label.field")) part.control.focus();
      await left;
    },
    async input_text(word) { document.activeElement.value += word; },
    async scroll(way) { scrollBy(0, (way === "down" ? 1 : -1) * (innerHeight - 28)); },
    async open_app(site) {
      const arrived = happened("hashchange");
      location.hash = `app-${site}`;
      await arrived;
    },
    navigate_back: back,
  };

  let last = { html: null, steps: [] };

  // A page that only goes on from where it is takes the steps that are new.
  async function open(html, steps) {
    const done = last.steps.length;
    const goes = html === last.html && done <= steps.length
      && last.steps.every((step, n) => step[0] === steps[n][0] && step[1] === steps[n][1]);
    last = { html: null, steps: [] };
    if (!goes) {
      document.activeElement.blur();
      document.body.innerHTML = html;
      if (!["", "#home"].includes(location.hash)) location.replace("#home");
      scrollTo(0, 0);
    }
    for (const [step, what] of goes ? steps.slice(done) : steps) await STEPS[step](what);
    last = { html, steps };
  }

  // Whole pixels inside the box; x2 and y2 are the first ones behind it.
  function seen(part) {
    const box = part.getBoundingClientRect();
    const edges = [Math.ceil(box.left), Math.ceil(box.top), Math.floor(box.right), Math.floor(box.bottom)];
    return [kind(part), name(part), edges, on(part), typed(part)];
  }

  function at([x, y]) {
    const hit = document.elementFromPoint(x, y);
    const part = hit && hit.closest(PARTS);
    return part ? `${kind(part)} ${name(part)}` : "";
  }

  function census(mesh) {
    const found = new Set();
    for (let x = 2; x < innerWidth; x += mesh) {
      for (let y = 2; y < innerHeight; y += mesh) found.add(document.elementFromPoint(x, y)?.closest(PARTS));
    }
    return [...found].filter(Boolean).map((part) => `${kind(part)} ${name(part)}`);
  }

  return {
    back, STEPS,
    // What follows by real input is not among the steps, so that the page cannot go on from it.
    touch: async ([html, steps]) => { await open(html, steps); last.html = null; },
    open: ([html, steps]) => open(html, steps),
    look: async ([html, steps]) => { await open(html, steps); return [head(), parts().map(seen)]; },
    probe: async ([html, steps, points]) => { await open(html, steps); return points.map(at); },
    census: async ([html, steps, mesh]) => { await open(html, steps); return census(mesh); },
    read: async ([html, steps, points]) => {
      await open(html, steps);
      return points.map(([x, y]) => document.elementFromPoint(x, y)?.innerText ?? "");
    },
    // What is so now, one line for each thing that a step can change.
    status: () => [
      `head ${head()}`, `top ${scrollY}`,
      ...parts().filter(on).map((part) => `${kind(part)} ${name(part)}`),
      ...parts().filter(typed).map((part) => `${name(part)}=${typed(part)}`),
      ...[...document.querySelectorAll(":popover-open")].map((note) => note.innerText),
    ],
  };
})();
