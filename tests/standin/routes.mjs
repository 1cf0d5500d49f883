// `METHOD /path/:parameter` -> handler. A short list, so it is searched in order.

export function routes(table) {
  const compiled = Object.entries(table).map(([key, handler]) => {
    const [method, pattern] = key.split(' ');
    return { method, segments: pattern.split('/'), handler };
  });

  return (method, path) => {
    const asked = path.split('/');
    for (const { method: own, segments, handler } of compiled) {
      const params = own === method || own === 'ANY' ? match(segments, asked) : undefined;
      if (params) return { handler, params };
    }
    return undefined;
  };
}

function match(segments, asked) {
  const rest = segments.at(-1) === '**';
  const fixed = rest ? segments.slice(0, -1) : segments;
  if (rest ? asked.length <= fixed.length : asked.length !== fixed.length) return undefined;
  const params = {};
  for (const [i, segment] of fixed.entries()) {
    if (segment.startsWith(':')) params[segment.slice(1)] = asked[i];
    else if (segment !== asked[i]) return undefined;
  }
  return params;
}
