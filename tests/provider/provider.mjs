#!/usr/bin/env node
// The demo provider's command line. README.md says what it is and what it obeys.
import { Console } from 'node:console';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { obey } from './control.mjs';
import { loadDemo } from './demo.mjs';

const USAGE = 'usage: provider.mjs --cert FILE --key FILE [--port 0] [--config FILE.json] [--exit-with-stdin]';

function options() {
  const { values } = parseArgs({
    options: {
      cert: { type: 'string' },
      key: { type: 'string' },
      port: { type: 'string', default: '0' },
      config: { type: 'string' },
      'exit-with-stdin': { type: 'boolean', default: false },
    },
  });
  const port = Number(values.port);
  if (values.cert === undefined || values.key === undefined) throw new Error('--cert and --key are needed');
  if (!(Number.isInteger(port) && port >= 0 && port <= 65535)) throw new Error('--port must be a port');
  return {
    port,
    cert: readFileSync(values.cert),
    key: readFileSync(values.key),
    demo: loadDemo(values.config),
    exitWithStdin: values['exit-with-stdin'],
  };
}

async function start({ port, exitWithStdin, ...settings }) {
  const stop = () => process.exit(0);
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);

  const { ProviderServer } = await import('./server.mjs');
  const server = new ProviderServer(settings);
  const issuer = await server.listen(port);
  process.stdout.write(`${JSON.stringify({ issuer })}\n`);

  // A background job of a shell would be stopped for reading from the terminal.
  if (process.stdin.isTTY) return;
  await obey(server, process.stdin, process.stdout);
  if (exitWithStdin) stop();
}

function fail(error, code) {
  console.error(`provider: ${error.message}`);
  process.exit(code);
}

// oidc-provider writes its notices to the console; standard output belongs to the line protocol.
globalThis.console = new Console(process.stderr);

let settings;
try {
  settings = options();
} catch (error) {
  console.error(USAGE);
  fail(error, 2);
}
start(settings).catch((error) => fail(error, 1));
