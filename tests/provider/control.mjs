// Tests disturb the provider over its standard input: one JSON object a line, each answered by one line.
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

export async function obey(server, input, output) {
  for await (const line of createInterface({ input })) {
    if (line.trim() !== '') output.write(`${JSON.stringify(await answer(server, line))}\n`);
  }
}

async function answer(server, line) {
  try {
    return await command(server, JSON.parse(line));
  } catch (error) {
    return { error: error.error_description ?? error.message };
  }
}

async function command(server, { rotate, drop = false, change, forget, down, delay_ms: delay, certificate, hits, ...unknown }) {
  const names = Object.keys(unknown);
  if (names.length > 0) throw new Error(`unknown fields ${names.join(', ')}`);
  if (rotate === true) return { rotated: server.rotate({ drop: drop === true }) };
  if (change !== null && typeof change === 'object') {
    await server.change(change);
    return { changed: Object.keys(change) };
  }
  if (forget === true) {
    server.forget();
    return { forgotten: true };
  }
  if (typeof down === 'boolean') {
    server.setDown(down);
    return { down };
  }
  if (Number.isInteger(delay) && delay >= 0) {
    server.setDelay(delay);
    return { delay_ms: delay };
  }
  if (certificate?.cert && certificate.key) {
    server.certify({ cert: readFileSync(certificate.cert), key: readFileSync(certificate.key) });
    return { certificate: certificate.cert };
  }
  if (hits === true) return { hits: server.hits() };
  throw new Error(
    'expected one of {"rotate":true}, {"change":{…}}, {"forget":true}, {"down":true|false}, {"delay_ms":N}, ' +
      '{"certificate":{"cert":FILE,"key":FILE}}, {"hits":true}',
  );
}
