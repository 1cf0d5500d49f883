// The few pages a person meets. They load nothing from elsewhere: the demo runs without a network.

export function login(action, { hint = '', problem } = {}) {
  return page('Sign in', `
<p>A demo: sign in as <b>alice</b> (admin), <b>bob</b> (editor) or <b>carol</b> (reader), with any password.</p>
${problem ? `<p role="alert">${escape(problem)}</p>` : ''}
<form method="post" action="${escape(action)}">
  <label>User <input name="login" value="${escape(hint)}" autocomplete="username" autofocus required></label>
  <label>Password <input name="password" type="password" autocomplete="off" required></label>
  <button>Sign in</button>
</form>
<form method="post" action="${escape(action)}"><button name="cancel" value="yes">Cancel</button></form>`);
}

export function consent(action, client) {
  return page('Allow', `
<p><b>${escape(client)}</b> wants to know who you are.</p>
<form method="post" action="${escape(action)}">
  <button name="consent" value="yes" autofocus>Allow</button>
  <button name="cancel" value="yes">Cancel</button>
</form>`);
}

/** oidc-provider brings its own form, which the buttons belong to by its id. */
export function logout(ctx, form) {
  show(ctx, page('Sign out', `
${form}
<p>Sign out of the demo provider?</p>
<button form="op.logoutForm" name="logout" value="yes" autofocus>Sign out</button>
<button form="op.logoutForm">Stay signed in</button>`));
}

export function loggedOut(ctx) {
  show(ctx, page('Signed out', '<p>You are signed out of the demo provider.</p>'));
}

export function error(ctx, out) {
  show(ctx, page('That did not work', Object.entries(out)
    .map(([name, value]) => `<p>${escape(name)}: ${escape(String(value))}</p>`).join('\n')));
}

function show(ctx, html) {
  ctx.type = 'html';
  ctx.body = html;
}

const page = (title, body) => `<!doctype html>
<html lang="en">
<meta name="viewport" content="width=device-width">
<title>${title}: demo provider</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 22rem; margin: 4rem auto; padding: 0 1rem; color: #222; }
  label, button { display: block; width: 100%; margin-bottom: 1rem; }
  input { display: block; width: 100%; box-sizing: border-box; }
  input, button { font: inherit; padding: .5rem; }
  [role=alert] { color: #a00; }
</style>
<h1>${title}</h1>
${body}
</html>
`;

const ENTITIES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const escape = (text) => text.replace(/[&<>"]/g, (character) => ENTITIES[character]);
