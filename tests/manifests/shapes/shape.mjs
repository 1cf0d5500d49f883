// node shape.mjs: reads Kubernetes objects as a JSON list from the standard input and writes, for each, a list of what is
// wrong with its shape: what its kind's schema says, and every field that the schema does not know.
import { readFileSync } from "node:fs";

const PACKAGES = [
  ["networking.istio.io", "@kubernetes-models/istio"],
  ["security.istio.io", "@kubernetes-models/istio"],
  ["extensions.istio.io", "@kubernetes-models/istio"],
  ["gateway.networking.k8s.io", "@kubernetes-models/gateway-api"],
  ["gateway.envoyproxy.io", "@kubernetes-models/envoy-gateway"],
];

const objects = JSON.parse(readFileSync(0, "utf8"));
const faults = [];
for (const object of objects) faults.push(await faultsOf(object));
process.stdout.write(JSON.stringify(faults));

async function faultsOf(object) {
  const looked = [];
  try {
    const Model = await modelOf(object);
    Model.prototype.validate.call(watched(object, "", looked));
  } catch (error) {
    return [error.message];
  }
  // A validator asks an object for each property that its schema knows, so what it never asked for is unknown. One that
  // it asked for nothing is free in its form (a plugin's own configuration, an Envoy patch).
  const unknown = ({ object, asked }) => (asked.size ? Object.keys(object).filter((key) => !asked.has(key)) : []);
  return looked.flatMap((look) => unknown(look).map((key) => `unknown field: ${look.path}/${key}`));
}

function watched(object, path, looked) {
  const asked = new Set();
  if (!Array.isArray(object)) looked.push({ path, object, asked });
  return new Proxy(object, {
    get(_, key) {
      asked.add(key);
      const value = object[key];
      return typeof key === "string" && value && typeof value === "object" ? watched(value, `${path}/${key}`, looked) : value;
    },
  });
}

async function modelOf({ apiVersion, kind }) {
  const [group, version] = apiVersion.includes("/") ? apiVersion.split("/") : ["", apiVersion];
  const [, models] = PACKAGES.find(([name]) => name === group) ?? [];
  // Kubernetes' own: "apps/v1/Deployment", "v1/Service".
  const path = models ? `${models}/${group}/${version}/${kind}` : `kubernetes-models/${group && `${group}/`}${version}/${kind}`;
  return (await import(path))[kind];
}
