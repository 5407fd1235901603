// Sends the forms of the page at /docs and shows what the endpoint answers. Addresses are relative, so the page works
// below any prefix.

const SHOWN_HEADERS = ["content-type", "location", "retry-after", "server-timing"];
const SHOWN_CHARACTERS = 20000;

for (const form of document.querySelectorAll(".try form")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const output = form.querySelector("output");
    const button = form.querySelector("button");
    button.disabled = true;
    output.replaceChildren("Sending …");
    try {
      const request = requestOf(form);
      const since = performance.now();
      const response = await fetch(request.address, request);
      const text = await response.text();
      show(output, response, text, performance.now() - since);
    } catch (error) {
      output.replaceChildren(`No answer: ${error.message}`);
    } finally {
      button.disabled = false;
      button.focus();
    }
  });
}

function requestOf(form) {
  const { method } = form.dataset;
  const fields = [...form.querySelectorAll("[data-in]")];
  const of = (place) => fields.filter((field) => field.dataset.in === place && (field.type === "file" ? field.files.length : field.value.trim()));
  let path = form.dataset.path.slice(1);
  for (const { name, value } of of("path")) path = path.replace(`{${name}}`, encodeURIComponent(value.trim()));
  const query = new URLSearchParams(of("query").flatMap(pairs));
  const headers = {};
  for (const { value } of of("key")) headers.Authorization = `Bearer ${value.trim()}`;
  const body = bodyOf(form, of);
  if (typeof body === "string") headers["Content-Type"] = "application/json";
  else if (body instanceof File) headers["Content-Type"] = body.type || "application/octet-stream";
  return { address: (path || ".") + (query.size ? `?${query}` : ""), method, headers, body };
}

function bodyOf(form, of) {
  const [own] = of("body");
  if (own) return own.type === "file" ? own.files[0] : own.value;
  if (!form.querySelector('[data-in="form"]')) return undefined;
  const data = new FormData();
  for (const field of of("form")) {
    if (field.type === "file") data.append(field.name, field.files[0]);
    else for (const [name, value] of pairs(field)) data.append(name, value);
  }
  return data;
}

function pairs({ name, value, dataset }) {
  if (!("several" in dataset)) return [[name, value.trim()]];
  const values = value.split(",").map((each) => each.trim()).filter(Boolean);
  return values.map((each) => [name.endsWith("[]") ? name : `${name}[]`, each]);
}

function show(output, response, text, took_ms) {
  const headers = SHOWN_HEADERS.filter((name) => response.headers.has(name)).map((name) => `${name}: ${response.headers.get(name)}`);
  const pre = document.createElement("pre");
  pre.tabIndex = 0;
  const readable = pretty(text);
  const rest = readable.length > SHOWN_CHARACTERS ? `\n… ${readable.length - SHOWN_CHARACTERS} characters more` : "";
  pre.textContent = `${[`${response.status} ${response.statusText}`.trim(), ...headers].join("\n")}\n\n${readable.slice(0, SHOWN_CHARACTERS)}${rest}`;
  const summary = document.createElement("p");
  summary.textContent = `Answered ${response.status} in ${Math.round(took_ms)} ms.`;
  output.replaceChildren(summary, pre);
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
