// Answers what is wrong with the page as people see and hear it: controls without a name, text that is too pale, a page that is too wide.
() => {
  const problems = [];
  const all = [];
  const collect = (root) => {
    for (const element of root.querySelectorAll("*")) {
      all.push(element);
      if (element.shadowRoot) collect(element.shadowRoot);
    }
  };
  collect(document.body);
  const parentOf = (element) => element.parentElement ?? element.getRootNode().host ?? null;
  const shown = (element) => {
    if (!element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) return false;
    const box = element.getBoundingClientRect();
    return box.width > 1 && box.height > 1;
  };
  const hidden = (element) => {
    for (let at = element; at; at = parentOf(at)) if (at.ariaHidden === "true" || at.inert) return true;
    return false;
  };

  // ---- names
  const nameOf = (element) => {
    const root = element.getRootNode();
    const by = (element.getAttribute("aria-labelledby") ?? "").split(" ").map((id) => id && root.getElementById(id)?.textContent);
    const labels = [...(element.labels ?? [])].map((label) => label.textContent);
    return [element.ariaLabel, ...by, ...labels, element.innerText, element.title, element.alt].filter(Boolean).join(" ").trim();
  };
  const controls = "button, a[href], input:not([type=hidden]), textarea, select, img, [role=slider], [role=button], [role=combobox]";
  for (const element of all)
    if (element.matches(controls) && shown(element) && !hidden(element) && !nameOf(element))
      problems.push(`no name: ${element.outerHTML.slice(0, 160)}`);

  // ---- contrast (WCAG 2.2, 1.4.3)
  const paint = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    paint.clearRect(0, 0, 1, 1);
    paint.fillStyle = colour;
    paint.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = paint.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = ([r, g, b, a], below) => [r, g, b].map((part, i) => part * a + below[i] * (1 - a));
  const groundOf = (element) => {
    const layers = [];
    const box = element.getBoundingClientRect();
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    for (let at = element; at; at = parentOf(at)) {
      const under = at.getBoundingClientRect();
      const beside = x < under.left || x > under.right || y < under.top || y > under.bottom;
      if (beside && getComputedStyle(at).overflow === "visible") continue; // a child drawn beside it, not scrolled out of it
      const colour = rgba(getComputedStyle(at).backgroundColor);
      if (colour[3] > 0) layers.push(colour);
      if (colour[3] === 1) break;
    }
    return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255]);
  };
  const light = (rgb) => {
    const [r, g, b] = rgb.map((part) => part / 255).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const check = (element, style, said) => {
    let opacity = 1;
    for (let at = element; at; at = parentOf(at)) opacity *= Number(getComputedStyle(at).opacity);
    const ground = groundOf(element);
    const colour = rgba(style.color);
    colour[3] *= opacity;
    const [one, two] = [light(over(colour, ground)), light(ground)].sort((a, b) => b - a);
    const ratio = (one + 0.05) / (two + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (large ? 3 : 4.5)) problems.push(`contrast ${ratio.toFixed(2)}: ${said.slice(0, 60)} (${element.tagName} ${element.className})`);
  };
  for (const element of all) {
    if (!shown(element) || hidden(element) || element.matches(":disabled, :disabled *, script, style")) continue;
    const own = [...element.childNodes].filter((node) => node.nodeType === 3 && node.data.trim());
    if (own.length) check(element, getComputedStyle(element), own[0].data.trim());
    if (element.matches("input:not([type=range], [type=file]), textarea") && element.value) check(element, getComputedStyle(element), element.value);
    else if (element.placeholder) check(element, getComputedStyle(element, "::placeholder"), element.placeholder);
  }

  // ---- width
  for (const element of [document.documentElement, ...all.filter((one) => one.matches("[data-testid=stMain], section"))])
    if (element.clientWidth && element.scrollWidth > element.clientWidth + 1) problems.push(`too wide: ${element.scrollWidth} > ${element.clientWidth}`);
  return problems;
}
