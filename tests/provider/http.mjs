// HTTPS requests to the provider under its own certificate authority. Node's fetch cannot be told of one.
import { request } from 'node:https';

const TIMEOUT_MS = 15_000;

/** Resolves to {status, headers, text}; redirects are left to the caller. */
export function send(url, { ca, method = 'GET', headers = {}, form } = {}) {
  const body = form && new URLSearchParams(form).toString();
  const type = body === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded', 'content-length': Buffer.byteLength(body) };
  return new Promise((resolve, reject) => {
    const req = request(url, { ca, method, headers: { ...headers, ...type }, timeout: TIMEOUT_MS }, async (res) => {
      try {
        let text = '';
        for await (const chunk of res.setEncoding('utf8')) text += chunk;
        resolve({ status: res.statusCode, headers: res.headers, text });
      } catch (error) {
        reject(error);
      }
    });
    req.on('timeout', () => req.destroy(new Error(`${url} did not answer within ${TIMEOUT_MS / 1000} s`)));
    req.on('error', reject);
    req.end(body);
  });
}

export async function sendForJson(url, options) {
  const { status, text } = await send(url, options);
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error(`${url} answered ${status} with something that is not JSON`);
  }
  if (status !== 200) throw new Error(`${url} answered ${status}: ${value.error_description ?? value.error ?? text}`);
  return value;
}
