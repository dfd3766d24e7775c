/** Codes and numbers in plain words. */

/** What a reason code means to who waits. @type {Record<string, string>} */
const REASONS = {
  AllocatedElsewhere: "Its devices are on a node where it does not fit",
  BindFailed: "Binding to a node failed",
  CapacityTooSmall: "Free devices have too little capacity left",
  ClaimNotShareable: "Its claim is another Pod's alone",
  ConstraintNotMet: "No devices satisfy the constraints together",
  CountersExhausted: "Partitions: the counters of the devices are used up",
  Deleted: "Being deleted",
  DevicesInUse: "All matching devices are in use",
  DeviceTainted: "Matching devices are tainted",
  Fits: "Devices are free: waits for kube-scheduler",
  InsufficientResources: "Nodes with devices lack CPU, memory or other resources",
  NoDevices: "No node has devices",
  NodeUnsuited: "Nodes do not meet the Pod's selector, affinity or tolerations",
  NoNodes: "There are no nodes",
  NotEvaluated: "Not evaluated yet",
  PodResourcesTooSmall: "Its own requests or limits do not cover its devices",
  PoolIncomplete: "A driver has not published all slices of a pool",
  PoolInvalid: "A driver has published an invalid pool",
  ResourcesHeld: "Nodes lack CPU or memory beside Pods that are being bound",
  SchedulingGated: "Held by scheduling gates",
  SelectorBroken: "A selector does not compile",
  SelectorFailed: "A selector fails on devices",
  SelectorRejected: "No device matches",
  TooFewDevices: "No node has enough matching devices",
  Unschedulable: "Nodes with devices are unschedulable",
  UnknownClass: "The DeviceClass does not exist",
  WaitingForClaim: "Its ResourceClaim has not been created yet",
};

/** A headline for a reason: that of its code, or the first clause of its text. @param {string} code @param {string} text */
export function reasonTitle(code, text) {
  if (REASONS[code]) return REASONS[code];
  const clause = text.split(/[;,]/, 1)[0];
  return clause.charAt(0).toUpperCase() + clause.slice(1);
}

/** @param {number} value */
export function count(value) {
  return value.toLocaleString("en");
}

/** @param {number} value percent with at most one decimal */
export function percent(value) {
  return `${value.toLocaleString("en", { maximumFractionDigits: 1 })} %`;
}

/** A share of 1 as percent; a dash for none. @param {number | null} value */
export function share(value) {
  return value === null ? "–" : percent(value * 100);
}

/** How long ago, without "ago". @param {string | null} text @param {number} [now] */
export function age(text, now = Date.now()) {
  const at = new Date(text ?? NaN).getTime();
  return Number.isNaN(at) ? "–" : duration((now - at) / 1000);
}

/** @param {number} seconds */
export function duration(seconds) {
  const rounded = Math.max(0, Math.round(seconds));
  if (rounded < 60) return `${rounded} s`;
  if (rounded < 3600) return `${Math.floor(rounded / 60)} min`;
  if (rounded < 172800) return `${Math.floor(rounded / 3600)} h`;
  return `${Math.floor(rounded / 86400)} days`;
}
