// For tests: a server as a child process that says in one line of JSON where it listens.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

const PATIENCE_MS = 15_000;

export class Child {
  #waiting = [];
  #errors = '';

  /** Starts `script` and waits for its first line. */
  static async start(script, ...args) {
    const child = new Child(script, args);
    child.ready = await child.line();
    return child;
  }

  constructor(script, args) {
    this.process = spawn(process.execPath, [script, ...args], { stdio: 'pipe' });
    this.process.stderr.setEncoding('utf8').on('data', (text) => { this.#errors += text; });
    createInterface({ input: this.process.stdout }).on('line', (line) => this.#waiting.shift()?.resolve(JSON.parse(line)));
    this.over = once(this.process, 'exit').then(([code]) => {
      for (const { reject } of this.#waiting) reject(new Error(`exited with ${code}: ${this.#errors}`));
      return { code, errors: this.#errors };
    });
  }

  /** The next line it prints, parsed. */
  line() {
    return within(PATIENCE_MS, new Promise((resolve, reject) => { this.#waiting.push({ resolve, reject }); }));
  }

  ask(command) {
    const answer = this.line();
    this.process.stdin.write(`${JSON.stringify(command)}\n`);
    return answer;
  }

  async stop() {
    this.process.kill('SIGTERM');
    return within(PATIENCE_MS, this.over);
  }
}

export function within(milliseconds, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing within ${milliseconds} ms`)), milliseconds);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Asks again and again until `condition` holds, and hands back what it held for. */
export async function until(ask, condition) {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const value = await ask();
    if (condition(value)) return value;
    if (Date.now() > deadline) throw new Error(`still ${JSON.stringify(value)}`);
    await new Promise((resolve) => { setTimeout(resolve, 20); });
  }
}
