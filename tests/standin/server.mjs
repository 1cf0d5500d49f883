// A request's way through: journal, body, faults, Airbyte's login, then a handler or a generic reply.
import { createServer } from 'node:http';
import { Readable, pipeline } from 'node:stream';
import { Call, notFound, readBody } from './call.mjs';
import { configApi } from './config-api.mjs';
import { Faults } from './faults.mjs';
import { Jobs } from './jobs.mjs';
import { Journal } from './journal.mjs';
import { page } from './page.mjs';
import { isBehindTheScenes, probe } from './probe.mjs';
import { publicApi } from './public-api.mjs';
import { Refusal, json, message } from './reply.mjs';
import { routes } from './routes.mjs';
import { authenticate, tokenRoutes } from './tokens.mjs';

// Node counts all header lines together; this leaves room for one of 64 KiB among others.
const HEADER_LIMIT = 128 * 1024;
const IDLE_MS = 5 * 60 * 1000; // Airbyte's idle and read timeouts
const READ_MS = 10 * 60 * 1000;

export function createStandin({ name, slowSeconds, auth }) {
  const journal = new Journal();
  const faults = new Faults();
  const parts = { journal, faults, auth, jobs: new Jobs() };
  const find = routes({ ...probe(parts), ...configApi(parts), ...publicApi(parts), ...tokenRoutes });

  async function answer(req, signal, path) {
    if (req.headers['x-standin-early']) return json(200, { standin: name, early: true });
    const call = new Call(req, await readBody(req), { name, slowSeconds, signal });
    const route = find(call.method === 'HEAD' ? 'GET' : call.method, call.path);
    if (route) call.params = route.params;
    const handle = route?.handler ?? generic;
    if (isBehindTheScenes(path)) return handle(call);

    const { delay, fail, cut, reset } = faults.befalling(call.path);
    await call.pause(delay / 1000 + (call.wantedPause() ?? 0));
    if (reset) return undefined;
    if (cut) return { cut };
    if (fail) return failure(fail);
    if (auth) authenticate(call);
    return handle(call);
  }

  const server = createServer(
    { maxHeaderSize: HEADER_LIMIT, keepAliveTimeout: IDLE_MS, requestTimeout: READ_MS },
    async (req, res) => {
      const path = req.url.split('?')[0];
      if (!isBehindTheScenes(path)) journal.open(name, req, res);
      res.setHeader('x-standin-name', name);
      const gone = new AbortController();
      res.on('close', () => gone.abort());
      try {
        const reply = await answer(req, gone.signal, path);
        if (!reply) req.socket.destroy();
        else if (reply.cut) breakOff(req.socket, HALVES[reply.cut]);
        else send(res, reply);
      } catch (error) {
        if (req.socket.destroyed) return; // the client left; the journal has it
        if (!(error instanceof Refusal)) console.error(error);
        send(res, error instanceof Refusal ? error.reply : message(500, 'the stand-in failed'));
      }
    },
  );
  server.on('clientError', (error, socket) => {
    if (error.code !== 'ECONNRESET') journal.malformed(name, error);
    refuse(name, error, socket);
  });
  return server;
}

/** Operations without data of their own answer something that says so; the rest is the web app's. */
function generic(call) {
  const { path } = call;
  // Airbyte's answer to a client with the API's prefix written twice.
  if (path === '/api/public/v1/v1/applications/token') return page(call);
  if (/^\/(api\/v1|api\/public\/v1|scim\/v2)\/./.test(path)) return json(200, { standin: call.name, generic: true });
  if (/^\/(api|scim|assets|fonts|routes)(\/|$)/.test(path)) return notFound(call);
  return page(call);
}

function failure({ status, headers, body }) {
  const reply = message(status, 'failing on request', headers);
  return body === undefined ? reply : { ...reply, body };
}

function send(res, { status, headers, body }) {
  res.statusCode = status;
  for (const [header, value] of Object.entries(headers)) res.setHeader(header, value);
  if (body instanceof Readable) pipeline(body, res, () => {}); // the error is the client leaving
  else res.end(body);
}

const HALVES = {
  head: 'HTTP/1.1 200 OK\r\ncontent-type: text/pl',
  body: 'HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 100\r\n\r\nthe first half',
};

/** The beginning of an answer, and then a reset. */
function breakOff(socket, beginning) {
  socket.write(beginning, () => socket.resetAndDestroy());
}

/** What is not HTTP never becomes a request; it is answered by hand. */
function refuse(name, error, socket) {
  if (!socket.writable || error.code === 'ECONNRESET') return socket.destroy();
  const status = error.code === 'HPE_HEADER_OVERFLOW' ? '431 Request Header Fields Too Large' : '400 Bad Request';
  return socket.end(`HTTP/1.1 ${status}\r\nx-standin-name: ${name}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`);
}
