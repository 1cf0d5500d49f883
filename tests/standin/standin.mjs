#!/usr/bin/env node
// The Airbyte stand-in's command line. README.md says what it answers.
import { parseArgs } from 'node:util';
import { createStandin } from './server.mjs';

const USAGE = 'usage: standin.mjs [--name a] [--port 0] [--slow-seconds 2] [--auth off|on] [--exit-with-stdin]';

function options() {
  const { values } = parseArgs({
    options: {
      name: { type: 'string', default: 'standin' },
      port: { type: 'string', default: '0' },
      'slow-seconds': { type: 'string', default: '2' },
      auth: { type: 'string', default: 'off' },
      'exit-with-stdin': { type: 'boolean', default: false },
    },
  });
  const port = Number(values.port);
  const slowSeconds = Number(values['slow-seconds']);
  if (!/^[\w.-]{1,64}$/.test(values.name)) throw new Error('--name must be letters, digits, dots, dashes');
  if (!(Number.isInteger(port) && port >= 0 && port <= 65535)) throw new Error('--port must be a port');
  if (!(slowSeconds >= 0 && slowSeconds <= 3600)) throw new Error('--slow-seconds must be from 0 to 3600');
  if (!['off', 'on'].includes(values.auth)) throw new Error('--auth must be off or on');
  return { name: values.name, port, slowSeconds, auth: values.auth === 'on', exitWithStdin: values['exit-with-stdin'] };
}

function start({ port, exitWithStdin, ...settings }) {
  const server = createStandin(settings);
  const stop = () => process.exit(0);
  server.on('error', (error) => fail(error, 1));
  server.listen(port, '127.0.0.1', () => {
    console.log(JSON.stringify({ url: `http://127.0.0.1:${server.address().port}` }));
  });
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  if (exitWithStdin) process.stdin.on('close', stop).on('error', stop).resume();
}

function fail(error, code) {
  console.error(`standin: ${error.message}`);
  process.exit(code);
}

let settings;
try {
  settings = options();
} catch (error) {
  console.error(USAGE);
  fail(error, 2);
}
start(settings);
