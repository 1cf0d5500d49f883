#!/usr/bin/env node
// Prints an access token of a demo user or client, and nothing else.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { loadDemo } from './demo.mjs';
import { mint } from './mint.mjs';

const USAGE = 'usage: token.mjs --issuer URL --ca FILE --for alice|bob|carol|ci-bot|agent [--config FILE.json] [--json]';

function options() {
  const { values } = parseArgs({
    options: {
      issuer: { type: 'string' },
      ca: { type: 'string' },
      for: { type: 'string' },
      config: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  });
  for (const name of ['issuer', 'ca', 'for']) {
    if (!values[name]) throw new Error(`--${name} is needed`);
  }
  if (!URL.canParse(values.issuer)) throw new Error('--issuer must be a URL');
  return {
    issuer: values.issuer.replace(/\/$/, ''),
    ca: readFileSync(values.ca),
    demo: loadDemo(values.config),
    who: values.for,
    json: values.json,
  };
}

let settings;
try {
  settings = options();
} catch (error) {
  console.error(`${USAGE}\ntoken: ${error.message}`);
  process.exit(2);
}
try {
  const answer = await mint(settings);
  console.log(settings.json ? JSON.stringify(answer, null, 2) : answer.access_token);
} catch (error) {
  console.error(`token: ${error.message || error.code}`);
  process.exitCode = 1;
}
