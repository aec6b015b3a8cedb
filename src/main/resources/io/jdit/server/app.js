// The page of `jdit serve`: everything it knows comes from the server's own routes.

const $ = (id) => document.getElementById(id);
const PREVIEWS = 3;
const PAGE = 60;

let key = sessionStorage.getItem("jdit-key") || "";
let models = [];
let parameters = [];
const tasks = new Map(); // by id, as the server last told
const watched = new Set(); // whose events are being read
const previews = new Map(); // data URLs
const chosen = new Set(); // for comparing, at most two
const objects = new Map(); // results fetched with a key

function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "text") node.textContent = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((c) => c !== null));
  return node;
}

async function call(path, options = {}) {
  const headers = { ...(options.headers || {}) };
  if (key) headers.Authorization = `Bearer ${key}`;
  const response = await fetch(path, { ...options, headers });
  if (response.status === 401) {
    await askForKey();
    return call(path, options);
  }
  return response;
}

async function json(path, options) {
  const response = await call(path, options);
  const body = await response.json();
  if (!response.ok) {
    const detail = body.error ? body.error.message : body.detail;
    throw new Error(typeof detail === "string" ? detail : `status ${response.status}`);
  }
  return body;
}

function askForKey() {
  return new Promise((resolve) => {
    const dialog = $("key-dialog");
    dialog.addEventListener("close", () => {
      key = $("key").value.trim();
      sessionStorage.setItem("jdit-key", key);
      resolve();
    }, { once: true });
    if (!dialog.open) dialog.showModal();
  });
}

function say(text) {
  $("status").textContent = text;
}

// Settings ------------------------------------------------------------------------------------

async function chooseModel(name) {
  const model = await json(`/v1/models/${name}`);
  const given = values();
  parameters = model.parameters.filter((p) => !["prompt", "image_path"].includes(p.name));
  $("pictures-field").hidden = !model.parameters.some((p) => p.name === "image_path");
  $("parameters").replaceChildren(...parameters.map(field));
  fill(given);
}

function field(p) {
  const id = `p-${p.name}`;
  const number = p.schema.type === "integer" || p.schema.type === "number";
  const large = p.schema.maximum > Number.MAX_SAFE_INTEGER;
  const attributes = {
    id,
    name: p.name,
    type: number && !large ? "number" : "text",
    step: p.schema.type === "integer" ? 1 : "any",
    min: large ? null : p.schema.minimum,
    max: large ? null : p.schema.maximum,
    placeholder: p.default === null ? "" : String(p.default),
    "aria-describedby": `${id}-help`,
  };
  const input = p.schema.enum
    ? element("select", { id, name: p.name },
        element("option", { value: "", text: "default" }),
        ...p.schema.enum.map((v) => element("option", { value: v, text: v })))
    : element("input", attributes);
  return element("div", { class: "field" },
    element("label", { for: id, text: p.name.replaceAll("_", " ") }),
    input,
    element("p", { class: "hint", id: `${id}-help`, text: p.help || p.expected }));
}

/** What is filled in, by name, as the server reads it. */
function values() {
  const given = {};
  for (const p of parameters) {
    const text = $(`p-${p.name}`)?.value.trim();
    if (!text) continue;
    const type = p.schema.type;
    // A seed may be larger than what numbers hold exactly: it stays text until the body is made.
    given[p.name] = type === "integer" ? text : type === "number" ? Number(text)
      : type === "boolean" ? text === "true" : text;
  }
  return given;
}

function fill(given) {
  for (const p of parameters) {
    const input = $(`p-${p.name}`);
    if (input) input.value = given[p.name] ?? "";
  }
}

/** JSON in which whole numbers keep all their digits. */
function body(object) {
  const integers = new Set(parameters.filter((p) => p.schema.type === "integer").map((p) => p.name));
  const parts = Object.entries(object).map(([name, value]) => {
    const whole = integers.has(name) && /^-?\d+$/.test(String(value));
    return `${JSON.stringify(name)}:${whole ? value : JSON.stringify(value)}`;
  });
  return `{${parts.join(",")}}`;
}

function dataUrl(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(new Error(`${file.name} cannot be read`));
    reader.readAsDataURL(file);
  });
}

async function draw(event) {
  event.preventDefault();
  $("problem").textContent = "";
  $("go").disabled = true;
  try {
    const model = models.find((m) => m.id === $("model").value);
    const request = { ...values(), prompt: $("prompt").value, model: model.id };
    const cache = $("cache").value;
    if (cache) request.enable_cache_dit = cache === "on";
    if (cache === "on" && $("cache-params").value.trim()) {
      try {
        request.cache_dit_params = JSON.parse($("cache-params").value);
      } catch (e) {
        throw new Error(`keys of cache_config: ${e.message}`);
      }
    }
    const files = [...$("pictures").files];
    if (files.length > 0) request.image = await Promise.all(files.map(dataUrl));
    const video = model.task_type.endsWith("V");
    if (!video) Object.assign(request, { partial_images: PREVIEWS, output_format: "png" });
    const task = await json(`/v1/tasks/${video ? "video" : "image"}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: body(request),
    });
    take(task);
    say("accepted");
  } catch (e) {
    $("problem").textContent = e.message;
  } finally {
    $("go").disabled = false;
  }
}

// Tasks ---------------------------------------------------------------------------------------

const over = (task) => ["completed", "failed", "cancelled"].includes(task.status);

function take(task) {
  tasks.set(task.id, task);
  show();
  if (!over(task)) watch(task.id);
}

/** Reads a task's events; the platform's EventSource cannot send a key. */
async function watch(id) {
  if (watched.has(id)) return;
  watched.add(id);
  try {
    const response = await call(`/v1/tasks/${id}/events`);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) break;
      text += value;
      for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
        happened(id, text.slice(0, end));
        text = text.slice(end + 2);
      }
    }
  } catch (e) {
    // The connection broke: the next refresh finds out how it is.
  } finally {
    watched.delete(id);
    if (tasks.has(id) && !over(tasks.get(id))) setTimeout(refresh, 1500);
  }
}

function happened(id, event) {
  const name = /^event: (.*)$/m.exec(event)?.[1];
  const data = /^data: (.*)$/m.exec(event)?.[1];
  if (!name || !data) return;
  const told = JSON.parse(data);
  if (name === "preview") {
    previews.set(id, `data:image/png;base64,${told.b64_json}`);
  } else {
    tasks.set(id, told);
    if (over(told)) {
      previews.delete(id);
      say(`${told.status}: ${told.prompt}`);
    }
  }
  show();
}

async function refresh() {
  try {
    const list = await json(`/v1/tasks?limit=${PAGE}`);
    const known = new Set(list.data.map((t) => t.id));
    for (const id of tasks.keys()) if (!known.has(id)) tasks.delete(id);
    list.data.forEach((t) => tasks.set(t.id, t));
    list.data.filter((t) => !over(t)).forEach((t) => watch(t.id));
    show();
  } catch (e) {
    say(`the server does not answer: ${e.message}`);
    setTimeout(refresh, 3000);
  }
}

async function cancel(id) {
  take(await json(`/v1/tasks/${id}/cancel`, { method: "POST" }));
}

async function remove(id) {
  await json(`/v1/tasks/${id}`, { method: "DELETE" });
  tasks.delete(id);
  chosen.delete(id);
  show();
}

async function useAgain(task) {
  if (models.some((m) => m.id === task.model) && $("model").value !== task.model) {
    $("model").value = task.model;
    await chooseModel(task.model);
  }
  $("prompt").value = task.prompt;
  fill(task.request);
  $("settings").open = true;
  $("prompt").focus();
  say("the settings of that picture are filled in");
}

/** An address that an img may show: with a key the file is fetched first. */
function source(node, url) {
  if (!key) {
    node.src = url;
  } else if (objects.has(url)) {
    node.src = objects.get(url);
  } else {
    call(url).then((r) => r.blob()).then((blob) => {
      objects.set(url, URL.createObjectURL(blob));
      node.src = objects.get(url);
    });
  }
  return node;
}

// Cards ---------------------------------------------------------------------------------------

const cards = new Map(); // nodes by id, with what they show

function show() {
  const all = [...tasks.values()].sort((a, b) => b.created_at_ms - a.created_at_ms || (a.id < b.id ? 1 : -1));
  place($("running"), all.filter((t) => !over(t)), runningCard);
  place($("gallery"), all.filter(over), doneCard);
  $("idle").hidden = all.some((t) => !over(t));
  $("empty").hidden = all.some(over);
  $("compare-bar").hidden = chosen.size === 0;
  $("compare-count").textContent = `${chosen.size} of 2 chosen `;
  $("compare").disabled = chosen.size !== 2;
}

/** Keeps the nodes of what has not changed: focus and playing videos stay. */
function place(list, shown, make) {
  const nodes = shown.map((task) => {
    const version = JSON.stringify([task, previews.get(task.id), chosen.has(task.id), chosen.size]);
    const old = cards.get(task.id);
    if (old && old.version === version) return old.node;
    const node = make(task);
    const focused = old && old.node.contains(document.activeElement)
      ? document.activeElement.dataset.action : null;
    cards.set(task.id, { version, node });
    if (focused) queueMicrotask(() => node.querySelector(`[data-action="${focused}"]`)?.focus());
    return node;
  });
  const same = nodes.length === list.children.length && nodes.every((n, i) => n === list.children[i]);
  if (!same) list.replaceChildren(...nodes);
}

function button(text, action, label, onclick, plain = true) {
  return element("button", {
    type: "button", class: plain ? "small plain" : "small", "data-action": action,
    "aria-label": label, onclick, text,
  });
}

function runningCard(task) {
  const preview = previews.get(task.id);
  const where = task.steps ? `step ${task.step} of ${task.steps}` : task.stage;
  return element("li", { class: "card" },
    preview ? element("img", { src: preview, alt: "A coarse preview" }) : null,
    element("p", { class: "prompt", text: task.prompt }),
    element("progress", { max: 100, value: task.progress, "aria-label": `Progress of ${task.prompt}` }),
    element("p", { class: "quiet", text: `${task.status.replace("_", " ")}, ${where}` }),
    button("Cancel", "cancel", `Cancel ${task.prompt}`, () => cancel(task.id)));
}

function media(task, url) {
  return task.kind === "video"
    ? source(element("video", { controls: true, loop: true, preload: "metadata", "aria-label": task.prompt }), url)
    : source(element("img", { alt: task.prompt, loading: "lazy" }), url);
}

function doneCard(task) {
  const result = task.urls ? media(task, task.urls[0]) : null;
  const seconds = task.inference_time_s === null ? "" : `${task.inference_time_s} s`;
  const several = task.urls && task.urls.length > 1 ? `${task.urls.length} outputs` : "";
  return element("li", { class: "card" },
    result,
    element("p", { class: "prompt", text: task.prompt }),
    task.error ? element("p", { class: "failed", text: task.error.message }) : null,
    element("p", { class: "quiet", text: [task.model, seconds, several,
      task.status === "completed" ? "" : task.status].filter(Boolean).join(", ") }),
    element("div", { class: "row" },
      button("Use again", "again", `Use the settings of ${task.prompt} again`, () => useAgain(task)),
      task.urls ? button("Details", "details", `Details of ${task.prompt}`, () => details(task)) : null,
      task.urls ? element("label", { class: "row quiet" },
        element("input", {
          type: "checkbox", "data-action": "choose", checked: chosen.has(task.id),
          disabled: chosen.size === 2 && !chosen.has(task.id),
          onchange: (e) => {
            if (e.target.checked) chosen.add(task.id); else chosen.delete(task.id);
            show();
          },
        }), "compare") : null,
      button("Delete", "delete", `Delete ${task.prompt}`, () => remove(task.id))));
}

// Details and comparison ----------------------------------------------------------------------

function open(title, ...content) {
  $("viewer-title").textContent = title;
  $("viewer-body").replaceChildren(...content.filter((c) => c !== null));
  $("viewer").showModal();
}

function details(task) {
  open(task.prompt,
    element("div", { class: "pair" }, ...task.urls.map((u) => media(task, u))),
    plot(task),
    table(task.settings, null));
}

function compare() {
  const [a, b] = [...chosen].map((id) => tasks.get(id));
  open("Comparison",
    element("div", { class: "pair" }, ...[a, b].map((t) =>
      element("figure", {}, media(t, t.urls[0]), element("figcaption", { text: t.prompt }), plot(t)))),
    table({ ...a.settings, "inference_time_s": a.inference_time_s },
      { ...b.settings, "inference_time_s": b.inference_time_s }));
}

function table(left, right) {
  const names = [...new Set([...Object.keys(left), ...Object.keys(right || {})])];
  const text = (value) => value === undefined ? "" : typeof value === "object"
    ? JSON.stringify(value) : String(value);
  return element("table", {},
    element("tbody", {}, ...names.map((name) => {
      const cells = [element("td", { text: text(left[name]) })];
      if (right) cells.push(element("td", { text: text(right[name]) }));
      return element("tr", { class: right && text(left[name]) !== text(right[name]) ? "differs" : null },
        element("th", { scope: "row", text: name }), ...cells);
    })));
}

/** Residual differences by step, cached steps marked; nothing without a cache. */
function plot(task) {
  const context = task.cached_steps?.[0];
  if (!context) return null;
  const svgNs = "http://www.w3.org/2000/svg";
  const steps = task.steps_ms.length;
  const cached = new Set(context.cached_steps);
  const diffs = context.residual_diffs;
  const most = Math.max(1e-9, ...Object.values(diffs));
  const width = 600, height = 120, floor = height - 16, bar = width / steps;
  const svg = document.createElementNS(svgNs, "svg");
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label",
    `${cached.size} of ${steps} steps cached; the largest residual difference is ${most.toPrecision(3)}`);
  for (let i = 0; i < steps; i++) {
    const size = diffs[i] === undefined ? 3 : Math.max(3, (diffs[i] / most) * (floor - 6));
    const rect = document.createElementNS(svgNs, "rect");
    rect.setAttribute("class", cached.has(i) ? "cached" : "computed");
    rect.setAttribute("x", i * bar + bar * 0.1);
    rect.setAttribute("y", floor - size);
    rect.setAttribute("width", bar * 0.8);
    rect.setAttribute("height", size);
    const title = document.createElementNS(svgNs, "title");
    title.textContent = `step ${i}: ${cached.has(i) ? "cached" : "computed"}`
      + (diffs[i] === undefined ? "" : `, difference ${diffs[i].toPrecision(3)}`)
      + `, ${Math.round(task.steps_ms[i])} ms`;
    rect.append(title);
    svg.append(rect);
  }
  const label = document.createElementNS(svgNs, "text");
  label.setAttribute("x", 0);
  label.setAttribute("y", height - 3);
  label.textContent = `${context.name}: ${cached.size} of ${steps} steps cached`;
  svg.append(label);
  return element("figure", {}, svg, element("figcaption", {
    text: "Residual difference of each step; cached steps in the second colour.",
  }));
}

// Start ---------------------------------------------------------------------------------------

async function connect() {
  try {
    models = (await json("/v1/models")).data;
    $("model").replaceChildren(...models.map((m) => element("option", { value: m.id, text: m.id })));
    $("model-field").hidden = models.length < 2;
    await chooseModel(models[0].id);
    say(models[0].about || `${models[0].id} is being loaded`);
    await refresh();
  } catch (e) {
    say(`the server does not answer: ${e.message}`);
    setTimeout(connect, 3000);
  }
}

$("form").addEventListener("submit", draw);
$("prompt").addEventListener("keydown", (e) => {
  if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) $("form").requestSubmit();
});
$("model").addEventListener("change", () => chooseModel($("model").value));
$("compare").addEventListener("click", compare);
$("compare-clear").addEventListener("click", () => { chosen.clear(); show(); });
$("viewer-close").addEventListener("click", () => $("viewer").close());
connect();
