// Airbyte answers every path it does not know with its web app. This page says instead what it is,
// and shows what the gateway said about the visitor.

export function page({ name, rawHeaders }) {
  const said = rawHeaders.filter(([header]) => header.toLowerCase().startsWith('x-airgate-'));
  const rows = said.map(([header, value]) => `<tr><th>${escape(header)}</th><td>${escape(value)}</td></tr>`);
  return {
    status: 200,
    headers: { 'content-type': 'text/html; charset=utf-8' },
    body: `<!doctype html>
<html lang="en">
<title>Airbyte stand-in ${escape(name)}</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 44rem; margin: 4rem auto; padding: 0 1rem; color: #222; }
  th { text-align: left; padding-right: 2rem; font-weight: 500; color: #555; }
  td { font-family: ui-monospace, monospace; overflow-wrap: anywhere; }
</style>
<h1>Airbyte stand-in <em>${escape(name)}</em></h1>
<p>This is not Airbyte. It answers where Airbyte would, so that the gateway can be tried and tested.</p>
${rows.length > 0
    ? `<h2>What the gateway said about you</h2>\n<table>\n${rows.join('\n')}\n</table>`
    : '<p>No gateway said anything about you: you came here directly.</p>'}
</html>
`,
  };
}

const ENTITIES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const escape = (text) => text.replace(/[&<>"]/g, (character) => ENTITIES[character]);
