// SHA-256, the browser's own (Web Crypto), which answers later. So hashes are first named, one inside another as in the
// trees they make up, and then computed together: all that stand on known bytes, then all that stand on those, and so on.

// So many are asked for at once, however many a bundle names: the page stays alive, and its memory is bounded.
const AT_ONCE = 256;

/** A hash that is named: of parts one after another, each of them bytes or again a hash that is named. */
class Hash {
  constructor(parts) {
    this.parts = parts;
    this.bytes = null; // until it is computed
    this.level = 0; // so many must be computed before it, one after another
    for (const part of parts) if (part instanceof Hash) this.level = Math.max(this.level, part.level + 1);
  }
}

/** Names the SHA-256 of the parts. */
export const sha256 = (...parts) => new Hash(parts);

/** Names the SHA-256 of a one-byte purpose tag and the parts (docs/spec/encoding.md). */
export const tagged = (tag, ...parts) => new Hash([TAGS[tag], ...parts]);
const TAGS = Array.from({ length: 256 }, (_, tag) => Uint8Array.of(tag));

/** The bytes of hashes, in their order; computes them and what they stand on. Bytes among them stay as they are. */
export async function digests(wanted) {
  const levels = [];
  for (const hash of wanted) gather(hash, levels);
  for (const level of levels) {
    const hashes = [...level];
    for (let from = 0; from < hashes.length; from += AT_ONCE) await compute(hashes.slice(from, from + AT_ONCE));
  }
  return wanted.map(bytesOf);
}

const bytesOf = (part) => (part instanceof Hash ? part.bytes : part);

function gather(part, levels) {
  if (!(part instanceof Hash) || part.bytes !== null) return;
  while (levels.length <= part.level) levels.push(new Set());
  if (levels[part.level].has(part)) return;
  levels[part.level].add(part);
  for (const inner of part.parts) gather(inner, levels);
}

async function compute(hashes) {
  const { subtle } = crypto; // a getter each, as dear as a short hash
  const answers = await Promise.all(hashes.map((hash) => subtle.digest('SHA-256', messageOf(hash))));
  for (let i = 0; i < hashes.length; i++) hashes[i].bytes = new Uint8Array(answers[i]);
}

// Memory for messages, one after the other: Web Crypto takes a copy when it is asked.
let memory = new Uint8Array(1024);

function messageOf({ parts }) {
  let size = 0;
  for (const part of parts) size += bytesOf(part).length;
  if (size > memory.length) memory = new Uint8Array(2 * size);
  let at = 0;
  for (const part of parts) {
    const bytes = bytesOf(part);
    memory.set(bytes, at);
    at += bytes.length;
  }
  return memory.subarray(0, size);
}
