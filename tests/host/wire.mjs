/** Header maps as proxy-wasm writes them: a count, the sizes, then names and values, each ended by a zero. */

export function encode(pairs) {
  const texts = pairs.map((pair) => pair.map((text) => Buffer.from(text, 'latin1')));
  const sizes = Buffer.alloc(4 + 8 * texts.length);
  sizes.writeUInt32LE(texts.length);
  texts.forEach(([name, value], index) => {
    sizes.writeUInt32LE(name.length, 4 + 8 * index);
    sizes.writeUInt32LE(value.length, 8 + 8 * index);
  });
  const zero = Buffer.alloc(1);
  return Buffer.concat([sizes, ...texts.flatMap(([name, value]) => [name, zero, value, zero])]);
}

export function decode(bytes) {
  if (!bytes.length) return [];
  let at = 4 + 8 * bytes.readUInt32LE();
  const text = (size) => {
    const found = bytes.toString('latin1', at, at + size);
    at += size + 1;
    return found;
  };
  return Array.from({ length: bytes.readUInt32LE() }, (_, index) => [
    text(bytes.readUInt32LE(4 + 8 * index)),
    text(bytes.readUInt32LE(8 + 8 * index)),
  ]);
}

/** A header map that can be edited as hosts do: names in any case, several of one name. */
export class HeaderMap {
  constructor(pairs = []) {
    this.pairs = pairs.map(([name, value]) => [name.toLowerCase(), value]);
  }

  get(name) {
    return this.all(name)[0];
  }

  all(name) {
    return this.pairs.filter(([found]) => found === name).map(([, value]) => value);
  }

  remove(name) {
    this.pairs = this.pairs.filter(([found]) => found !== name.toLowerCase());
  }

  replace(name, value) {
    const at = this.pairs.findIndex(([found]) => found === name.toLowerCase());
    if (at < 0) return this.add(name, value);
    const kept = this.pairs.slice(at + 1).filter(([found]) => found !== name.toLowerCase());
    this.pairs = [...this.pairs.slice(0, at), [name.toLowerCase(), value], ...kept];
  }

  add(name, value) {
    this.pairs.push([name.toLowerCase(), value]);
  }
}
