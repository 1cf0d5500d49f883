// How a test breaks a replica. `healthy` is what the health checks say; `delay_ms`, `fail`, `cut` and a
// `reset` of some paths leave them alone, so that a health checker cannot use up a counted fault;
// `reset: true` is the whole replica dying.
import { Refusal } from './reply.mjs';

const normal = () => ({ healthy: true, delay_ms: 0, fail: null, cut: null, reset: false });

export class Faults {
  #now = normal();

  get healthy() {
    return this.#now.healthy;
  }

  show() {
    return this.#now;
  }

  clear() {
    this.#now = normal();
  }

  /** Sets the fields that are named and leaves the others. Nothing is set if one of them is wrong. */
  set(patch) {
    for (const [name, value] of Object.entries(patch)) {
      if (!Object.hasOwn(FIELDS, name)) throw new Refusal(400, `unknown field ${name}`);
      if (!FIELDS[name].test(value)) throw new Refusal(400, `${name} must be ${FIELDS[name].says}`);
    }
    this.#now = { ...this.#now, ...structuredClone(patch) };
  }

  /** What is to befall this request. Counted faults count down here. */
  befalling(path) {
    const { delay_ms: delay, fail, cut, reset } = this.#now;
    if (HEALTH.includes(path)) return { delay: 0, fail: null, cut: null, reset: reset === true };
    return {
      delay,
      reset: this.#takes('reset', reset, path),
      fail: this.#takes('fail', fail, path) ? fail : null,
      cut: this.#takes('cut', cut, path) ? cut.in : null,
    };
  }

  #takes(name, fault, path) {
    if (!fault || fault === true) return fault === true;
    if (fault.path !== undefined && !path.startsWith(fault.path)) return false;
    if (fault.times !== undefined && --fault.times <= 0) this.#now[name] = normal()[name];
    return true;
  }
}

const HEALTH = ['/api/v1/health', '/api/public/v1/health'];

const isWhole = (least, most) => (value) => Number.isInteger(value) && value >= least && value <= most;
const isText = (value) => typeof value === 'string';
const isBoolean = (value) => typeof value === 'boolean';
const isField = (value) => isText(value) || (Array.isArray(value) && value.every(isText));
const isHeaders = (value) => isObject(value) && Object.values(value).every(isField);
const isObject = (value) => value !== null && typeof value === 'object' && !Array.isArray(value);
const has = (shape) => (value) =>
  isObject(value) && Object.entries(value).every(([name, field]) => Object.hasOwn(shape, name) && shape[name](field));

const SOME = { path: isText, times: isWhole(1, 1e6) };
const CUT = { ...SOME, in: (value) => ['head', 'body'].includes(value) };
const FAIL = { ...SOME, status: isWhole(200, 599), headers: isHeaders, body: isText };

const FIELDS = {
  healthy: { test: isBoolean, says: 'true or false' },
  delay_ms: { test: isWhole(0, 3_600_000), says: 'a whole number of milliseconds' },
  fail: {
    test: (value) => value === null || (has(FAIL)(value) && value.status !== undefined),
    says: 'null or {status, headers?, body?, path?, times?}',
  },
  cut: {
    test: (value) => value === null || (has(CUT)(value) && value.in !== undefined),
    says: 'null or {in: "head" or "body", path?, times?}',
  },
  reset: { test: (value) => isBoolean(value) || has(SOME)(value), says: 'true, false or {path?, times?}' },
};
