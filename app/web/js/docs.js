// /openapi.json made readable, without anything from elsewhere.
import { wantedTheme } from "./theme.js";

const METHODS = ["get", "post", "put", "patch", "delete"];

function element(name, text, ...children) {
  const made = document.createElement(name);
  if (text) made.textContent = text;
  made.append(...children);
  return made;
}

function schemaOf(content) {
  return content ? Object.values(content)[0]?.schema : undefined;
}

function block(title, schema) {
  return schema ? [element("h4", title), element("pre", JSON.stringify(schema, null, 2))] : [];
}

function resolve(schema, schemas) {
  const name = schema?.$ref?.split("/").pop();
  return name ? schemas[name] : schema;
}

function operation(method, path, described, schemas) {
  const summary = element("summary", "", element("code", `${method.toUpperCase()} ${path}`), ` ${described.summary ?? ""}`);
  const parameters = (described.parameters ?? []).map((parameter) =>
    element("li", "", element("code", parameter.name), ` (${parameter.in}) ${parameter.description ?? ""}`));
  const answer = schemaOf(described.responses?.["200"]?.content);
  return element("details", "", summary,
    ...(parameters.length ? [element("h4", "Parameters"), element("ul", "", ...parameters)] : []),
    ...block("Body", resolve(schemaOf(described.requestBody?.content), schemas)),
    ...block("Answer", resolve(answer, schemas)));
}

document.documentElement.dataset.theme = wantedTheme();
const main = document.getElementById("operations");
const api = await (await fetch("/openapi.json")).json();
const schemas = api.components?.schemas ?? {};
const groups = new Map();
for (const [path, methods] of Object.entries(api.paths)) {
  for (const method of METHODS.filter((name) => methods[name])) {
    const tag = methods[method].tags?.[0] ?? "other";
    groups.set(tag, [...(groups.get(tag) ?? []), operation(method, path, methods[method], schemas)]);
  }
}
main.replaceChildren(...[...groups].flatMap(([tag, operations]) => [element("h2", tag), ...operations]));
