// As much of a browser as a login needs: it keeps cookies, follows redirects and fills in a form.
import { send } from './http.mjs';

const MOST_STEPS = 20;

export class Browser {
  #cookies = [];

  constructor({ ca }) {
    this.ca = ca;
  }

  /** Goes on from `url`, filling in each form it meets, until it is sent to where `isEnd` says. Returns that URL. */
  async go(url, { fillIn, isEnd }) {
    let next = { url: new URL(url) };
    for (let step = 0; step < MOST_STEPS; step += 1) {
      if (isEnd(next.url)) return next.url;
      const answer = await this.#visit(next);
      next = follow(next.url, answer, fillIn);
    }
    throw new Error(`no end after ${MOST_STEPS} pages`);
  }

  async #visit({ url, form }) {
    const cookie = this.#cookies.filter((one) => url.pathname.startsWith(one.path)).map((one) => one.pair).join('; ');
    const headers = cookie === '' ? {} : { cookie };
    const answer = await send(url, { ca: this.ca, headers, form, method: form ? 'POST' : 'GET' });
    for (const line of answer.headers['set-cookie'] ?? []) this.#keep(line);
    return answer;
  }

  #keep(line) {
    const [pair, ...attributes] = line.split(';').map((part) => part.trim());
    const attribute = (name) => attributes.find((one) => one.toLowerCase().startsWith(`${name}=`))?.slice(name.length + 1);
    const name = pair.split('=')[0];
    const path = attribute('path') ?? '/';
    this.#cookies = this.#cookies.filter((one) => one.name !== name || one.path !== path);
    const expired = Date.parse(attribute('expires') ?? '') <= Date.now();
    if (!expired) this.#cookies.push({ name, path, pair });
  }
}

function follow(url, { status, headers, text }, fillIn) {
  if (headers.location !== undefined) return { url: new URL(headers.location, url) };
  const action = /<form[^>]*\baction="([^"]+)"/.exec(text)?.[1].replaceAll('&amp;', '&');
  if (status !== 200 || action === undefined) throw new Error(`${url.pathname} answered ${status}: ${words(text)}`);
  return { url: new URL(action, url), form: fillIn(text) };
}

const words = (html) =>
  html.replace(/<style>.*?<\/style>|<[^>]*>/gs, ' ').replace(/\s+/g, ' ').trim().slice(0, 300);
