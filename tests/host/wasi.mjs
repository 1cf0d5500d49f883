/** The few names of WASI that the module imports. */

import { randomFillSync } from 'node:crypto';

export class Exit extends Error {}

/** `call` stands before each, so that the host can count and refuse them too. */
export function wasi(host) {
  const variables = () => Object.entries(host.environment).map(([name, value]) => Buffer.from(`${name}=${value}\0`));
  const word = (pointer, value) => host.view.setUint32(pointer, value, true);
  return {
    random_get(pointer, size) {
      randomFillSync(host.bytes(pointer, size));
      return 0;
    },
    environ_sizes_get(count, size) {
      word(count, variables().length);
      word(size, Buffer.concat(variables()).length);
      return 0;
    },
    environ_get(pointers, pointer) {
      for (const variable of variables()) {
        word(pointers, pointer);
        variable.copy(host.bytes(pointer, variable.length));
        pointers += 4;
        pointer += variable.length;
      }
      return 0;
    },
    clock_time_get(_id, _precision, pointer) {
      host.view.setBigUint64(pointer, BigInt(host.now) * 1_000_000n, true);
      return 0;
    },
    fd_write: () => 0,
    proc_exit(code) {
      throw new Exit(`proc_exit(${code})`);
    },
  };
}
