// The OpenAPI description as a page on which every route can be tried.
import { ask } from "./api.js";
import { element } from "./elements.js";

const view = document.getElementById("view");
const description = await ask("/openapi.json");
// Items to try it with.
const known = await ask("/overview").then((overview) => overview.starters.slice(0, 2), () => []);
for (const [path, methods] of Object.entries(description.paths)) {
  for (const [method, route] of Object.entries(methods)) view.append(section(method.toUpperCase(), path, route));
}

function section(method, path, route) {
  const fields = (route.parameters ?? []).map((parameter) => field(parameter.name, parameter));
  const body = route.requestBody && bodyField(route.requestBody.content["application/json"].schema);
  const shown = element("pre", { hidden: true, tabindex: 0 });
  const form = element("form", {}, ...fields.map((each) => each.label), body?.label, element("button", {}, "Try"));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    let address = path;
    const query = new URLSearchParams();
    for (const { parameter, input } of fields) {
      if (parameter.in === "path") address = address.replace(`{${parameter.name}}`, encodeURIComponent(input.value));
      else if (input.value) query.append(parameter.name, input.value);
    }
    const response = await fetch(`${address}?${query}`, body ? { method, body: body.input.value, headers: { "content-type": "application/json" } } : {});
    const text = await response.text();
    const json = response.headers.get("content-type")?.includes("json");
    shown.textContent = `${response.status}\n${json ? JSON.stringify(JSON.parse(text), null, 2) : text.slice(0, 20_000)}`;
    shown.hidden = false;
  });
  return element("section", { class: "route" }, element("h2", {}, element("b", {}, method), path), element("p", {}, route.description ?? ""), form, answers(route), shown);
}

// What comes back, field by field.
function answers(route) {
  const name = route.responses["200"]?.content?.["application/json"]?.schema?.$ref?.split("/").at(-1);
  if (!name) return null;
  const fields = Object.entries(description.components.schemas[name].properties);
  return element("details", {}, element("summary", {}, `Answers ${name}`),
    element("dl", {}, ...fields.flatMap(([field, each]) => [element("dt", {}, element("code", {}, field)), element("dd", {}, told(each))])));
}

function told(schema) {
  const of = (schema.items ?? schema).$ref?.split("/").at(-1);
  return [of && (schema.items ? `list of ${of}` : of), schema.description].filter(Boolean).join("; ") || (schema.type ?? "");
}

function field(name, parameter) {
  const { schema } = parameter;
  const value = name === "item_id" ? known[0]?.key : schema.default;
  const input = element("input", { required: parameter.required, value, placeholder: parameter.required ? "" : "optional" });
  const limits = [schema.minimum !== undefined && `from ${schema.minimum}`, schema.maximum !== undefined && `to ${schema.maximum}`].filter(Boolean).join(" ");
  const note = [parameter.description ?? schema.description, limits].filter(Boolean).join(" ");
  return { parameter, input, label: element("label", {}, name, input, note ? element("small", {}, note) : null) };
}

function bodyField(schema) {
  const model = description.components.schemas[schema.$ref.split("/").at(-1)];
  const example = { items: known.map((item) => item.item_id), k: model.properties.k?.default };
  const input = element("textarea", { rows: 4, spellcheck: "false" }, JSON.stringify(example));
  const note = Object.entries(model.properties).map(([name, each]) => `${name}: ${each.description ?? each.title ?? ""}`).join("  ");
  return { input, label: element("label", {}, "body", input, element("small", {}, note)) };
}
