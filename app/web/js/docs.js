// /openapi.json made readable, without anything from elsewhere. Types unfold one in the other, as deep as they go.
import { wantedTheme } from "./theme.js";

const METHODS = ["get", "post", "put", "patch", "delete"];

function element(name, text, ...children) {
  const made = document.createElement(name);
  if (text) made.textContent = text;
  made.append(...children);
  return made;
}

// Filled when it is opened for the first time: types refer to each other, some to themselves.
function folded(summary, fill) {
  const made = element("details", "", element("summary", "", ...summary));
  made.addEventListener("toggle", () => made.append(...fill()), { once: true });
  return made;
}

function nameIn(reference) {
  return reference.split("/").pop();
}

function follow(schema, api) {
  return schema?.$ref ? api.components.schemas[nameIn(schema.$ref)] : schema;
}

// The types that a schema is made of, by name.
function namedIn(schema) {
  if (!schema) return [];
  if (schema.$ref) return [nameIn(schema.$ref)];
  const parts = [...(schema.anyOf ?? []), schema.items, schema.additionalProperties];
  return [...new Set(parts.filter((part) => part && typeof part === "object").flatMap(namedIn))];
}

function words(schema) {
  if (!schema) return "";
  if (schema.$ref) return nameIn(schema.$ref);
  if (schema.anyOf) return schema.anyOf.map(words).join(" or ");
  if (schema.enum) return schema.enum.join(", ");
  if ("const" in schema) return String(schema.const);
  if (schema.type === "array") return `list of ${words(schema.items) || "any"}`;
  if (typeof schema.additionalProperties === "object") return `map of ${words(schema.additionalProperties)}`;
  return schema.type ?? "any";
}

function fields(schema, api) {
  const required = new Set(schema.required ?? []);
  return Object.entries(schema.properties ?? {}).map(([name, field]) => {
    const optional = required.has(name) ? "" : ", optional";
    return element("li", "",
      element("code", name), ` ${words(field)}${optional}`,
      ...(field.description ? [element("p", field.description)] : []),
      ...namedIn(field).map((inner) => type(inner, api)));
  });
}

function type(name, api) {
  const schema = api.components.schemas[name];
  return folded([element("code", name)], () => [
    ...(schema.description ? [element("p", schema.description)] : []),
    element("ul", "", ...fields(schema, api)),
  ]);
}

function content(title, described, api) {
  return Object.entries(described?.content ?? {}).flatMap(([kind, { schema }]) => [
    element("h3", `${title}, ${kind}`),
    ...(namedIn(schema).length === 0 ? [element("p", words(schema))] : []),
    ...namedIn(schema).map((name) => type(name, api)),
  ]);
}

function responses(described, api) {
  return Object.entries(described ?? {}).flatMap(([status, response]) => {
    const found = response.$ref ? api.components.responses[nameIn(response.$ref)] : response;
    return [folded([element("code", status), ` ${found.description ?? ""}`], () => content("Content", found, api))];
  });
}

function sample({ label, source }) {
  const text = element("pre", source);
  text.tabIndex = 0; // so that the keyboard can scroll it
  return folded([label], () => [text]);
}

function section(title, parts) {
  return parts.length ? [element("h3", title), ...parts] : [];
}

function operation(method, path, described, api) {
  const summary = [element("code", `${method.toUpperCase()} ${path}`), ` ${described.summary ?? ""}`];
  return folded(summary, () => {
    const parameters = (described.parameters ?? []).map((parameter) =>
      element("li", "",
        element("code", parameter.name), ` ${parameter.in}, ${words(follow(parameter.schema, api))}`,
        ...(parameter.description ? [element("p", parameter.description)] : [])));
    return [
      ...(described.description ? [element("p", described.description)] : []),
      ...section("Examples", (described["x-codeSamples"] ?? []).map(sample)),
      ...section("Parameters", parameters.length ? [element("ul", "", ...parameters)] : []),
      ...content("Body", described.requestBody, api),
      ...section("Responses", responses(described.responses, api)),
    ];
  });
}

document.documentElement.dataset.theme = wantedTheme();
const main = document.getElementById("operations");

async function read() {
  const answer = await fetch("/openapi.json");
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  return answer.json();
}

function show(api) {
  const groups = new Map();
  for (const [path, methods] of Object.entries(api.paths)) {
    for (const method of METHODS.filter((name) => methods[name])) {
      const tag = methods[method].tags?.[0] ?? "other";
      groups.set(tag, [...(groups.get(tag) ?? []), operation(method, path, methods[method], api)]);
    }
  }
  main.replaceChildren(...[...groups].flatMap(([tag, operations]) => [element("h2", tag), ...operations]));
}

try {
  show(await read());
} catch (error) {
  const said = element("p", `The service does not answer: ${error.message}. Check the connection, and reload the page.`);
  said.setAttribute("role", "alert");
  main.replaceChildren(said);
}
