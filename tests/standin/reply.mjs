// What a handler answers with: a plain value that the server writes out.
// Airbyte's web app parses an error only under exactly `application/json`, so no charset is added.

export const json = (status, value, headers = {}) => ({
  status,
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(value),
});

export const message = (status, text, headers) => json(status, { message: text }, headers);

/** Thrown where a handler cannot go on; carries the reply. */
export class Refusal extends Error {
  constructor(status, text, headers) {
    super(text);
    this.reply = message(status, text, headers);
  }
}
