// Encodings: bytes in their spellings, canonical MessagePack of the messages that a proof holds, canonical JSON of events;
// and the one error that a verification raises.

/** A proof does not hold. `code` is one of the codes of docs/spec/proofs.md, section 11. */
export class ProofError extends Error {
  constructor(code, detail) {
    super(`${detail} [${code}]`);
    this.code = code;
    this.detail = detail;
  }
}

export const ZERO32 = new Uint8Array(32);

const encoder = new TextEncoder();
const strictDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const HEX_OF_BYTE = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** UTF-8 bytes of a text. */
export const utf8 = (text) => encoder.encode(text);

// Control signs, and those that change the direction of what follows.
const STEERING = /[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/g;

/** Words of others for a reader: what steers a screen is shown as a replacement character. */
export const harmless = (text) => text.replace(STEERING, '\ufffd');

/** Bytes from base64 with padding; every other spelling is `unreadable`. */
export function unb64(text) {
  let characters;
  try {
    characters = atob(text);
  } catch {
    throw new ProofError('unreadable', 'not base64');
  }
  if (btoa(characters) !== text) throw new ProofError('unreadable', 'not the one base64 spelling of its bytes');
  const { length } = characters;
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = characters.charCodeAt(i);
  return bytes;
}

/** Lower-case hex of bytes. */
export function hex(bytes) {
  let text = '';
  for (let i = 0; i < bytes.length; i++) text += HEX_OF_BYTE[bytes[i]];
  return text;
}

// A digit of a lower-case hex text; letters have the bit of 64 and count from 97.
const digit = (code) => (code & 64 ? code - 87 : code - 48);

/** Bytes of a hex text whose shape was checked before. */
export function unhex(text) {
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) {
    bytes[i] = (digit(text.charCodeAt(2 * i)) << 4) | digit(text.charCodeAt(2 * i + 1));
  }
  return bytes;
}

/** Whether two byte strings are the same. */
export function same(first, second) {
  if (first.length !== second.length) return false;
  for (let i = 0; i < first.length; i++) if (first[i] !== second[i]) return false;
  return true;
}

/** Several byte strings as one. */
export function concat(...parts) {
  let size = 0;
  for (const part of parts) size += part.length;
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** A number as 8 bytes, big-endian. */
export function big64(number) {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(number));
  return bytes;
}

// --- canonical MessagePack: typed arrays, no maps, no floats, one spelling per value (docs/spec/encoding.md) ---
const NATURAL_MAX = Number.MAX_SAFE_INTEGER;
const TIME_MAX = 253402300799999;

class Malformed extends Error {}

class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = 0;
  }

  take(size) {
    if (this.at + size > this.bytes.length) throw new Malformed('ends early');
    const from = this.at;
    this.at += size;
    return from;
  }

  byte() {
    return this.bytes[this.take(1)];
  }

  // A number of `size` bytes that a shorter spelling could not hold.
  number(size, least) {
    const from = this.take(size);
    let value;
    if (size === 1) value = this.view.getUint8(from);
    else if (size === 2) value = this.view.getUint16(from);
    else if (size === 4) value = this.view.getUint32(from);
    else value = Number(this.view.getBigUint64(from));
    if (value < least) throw new Malformed('not the shortest spelling');
    return value;
  }

  uint() {
    const head = this.byte();
    if (head < 0x80) return head;
    if (head === 0xcc) return this.number(1, 0x80);
    if (head === 0xcd) return this.number(2, 0x100);
    if (head === 0xce) return this.number(4, 0x10000);
    if (head === 0xcf) return this.number(8, 0x100000000);
    throw new Malformed('not a natural number');
  }

  binary() {
    const head = this.byte();
    const sizes = { 0xc4: [1, 0], 0xc5: [2, 0x100], 0xc6: [4, 0x10000] };
    if (!(head in sizes)) throw new Malformed('not bytes');
    const size = this.number(...sizes[head]);
    const from = this.take(size);
    return this.bytes.slice(from, from + size);
  }

  text() {
    const head = this.byte();
    let size;
    if (head >= 0xa0 && head <= 0xbf) size = head & 0x1f;
    else if (head === 0xd9) size = this.number(1, 0x20);
    else if (head === 0xda) size = this.number(2, 0x100);
    else if (head === 0xdb) size = this.number(4, 0x10000);
    else throw new Malformed('not a text');
    const from = this.take(size);
    try {
      return strictDecoder.decode(this.bytes.subarray(from, from + size));
    } catch {
      throw new Malformed('not UTF-8');
    }
  }

  arrayCount() {
    const head = this.byte();
    if (head >= 0x90 && head <= 0x9f) return head & 0x0f;
    if (head === 0xdc) return this.number(2, 0x10);
    if (head === 0xdd) return this.number(4, 0x10000);
    throw new Malformed('not an array');
  }

  bool() {
    const head = this.byte();
    if (head !== 0xc2 && head !== 0xc3) throw new Malformed('not true or false');
    return head === 0xc3;
  }
}

// --- shapes: each is a function from a reader to a value; those of rarer kinds of proofs stand in their modules ---
const within = (least, most) => (reader) => {
  const value = reader.uint();
  if (value < least || value > most) throw new Malformed('number out of bounds');
  return value;
};
const bytesOf = (least, most) => (reader) => {
  const value = reader.binary();
  if (value.length < least || value.length > most) throw new Malformed('bytes of a wrong length');
  return value;
};
const textOf = (least, most) => (reader) => {
  const value = reader.text();
  const count = value.length <= most && value.length >= 2 * least ? value.length : [...value].length;
  if (count < least || count > most) throw new Malformed('text of a wrong length');
  return value;
};
const matching = (pattern) => (reader) => {
  const value = reader.text();
  if (!pattern.test(value)) throw new Malformed('text of a wrong form');
  return value;
};
const listOf = (shape, least, most) => (reader) => {
  const count = reader.arrayCount();
  if (count < least || count > most) throw new Malformed('list of a wrong length');
  return Array.from({ length: count }, () => shape(reader));
};
const struct = (fields) => {
  const names = Object.keys(fields);
  return (reader) => {
    if (reader.arrayCount() !== names.length) throw new Malformed('wrong number of fields');
    return Object.fromEntries(names.map((name) => [name, fields[name](reader)]));
  };
};
const bool = (reader) => reader.bool();
const natural = within(0, NATURAL_MAX);
const time = within(0, TIME_MAX);
const hash = bytesOf(32, 32);
const signature = bytesOf(64, 64);
const name = textOf(1, 128);
const text = textOf(0, 128);
const oneOf = (most) => within(1, most);
const peaks = listOf(hash, 0, 64);
const history = struct({ count: natural, peaks });
const executed = struct({
  height: natural, timeMs: time, stateRoot: hash, receiptsRoot: hash, historyRoot: hash,
});
const statement = struct({ epoch: natural, kind: oneOf(3), view: natural, blockHash: hash });

/** The messages of a proof, field by field as docs/spec lists them. */
export const Header = struct({
  protocolVersion: natural, chainId: hash, epoch: natural, height: natural, view: natural, parentHash: hash,
  parentView: natural, proposer: within(0, 30), timeMs: time, transactionCount: within(0, 250), transactionRoot: hash,
  dueWork: bool, validatorsHash: hash, nextValidatorsHash: hash, executed,
});
export const Certificate = struct({
  statement, signers: within(1, 2 ** 31 - 1), signatures: listOf(signature, 1, 31),
});
export const Member = struct({ organisation: name, key: hash, blsKey: bytesOf(0, 48), blsPossession: bytesOf(0, 96) });
export const ValidatorSet = struct({ members: listOf(Member, 1, 31) });
export const Head = struct({
  version: natural, chainId: hash, nonce: bytesOf(16, 16), signers: listOf(hash, 1, 8), validUntilMs: time,
  kind: oneOf(2), eventCount: within(0, 1000), digest: hash,
});
export const HistoryEntry = struct({
  commitment: hash, height: natural, transactionIndex: natural, eventIndex: natural, kind: oneOf(17), link: hash,
  organisation: name,
});
export const ItemPublic = struct({
  status: oneOf(4), origin: oneOf(3), history, lot: text, container: hash, madeBy: hash, sessionCount: natural,
  recalls: listOf(name, 0, 64), declaredOrigin: textOf(0, 500),
});
export const SessionPublic = struct({
  identifier: name, number: natural, open: bool, history, openedMs: time, closedMs: time,
});
export const Transformation = struct({
  organisation: name, commitment: hash, inputs: listOf(name, 0, 1000), outputs: listOf(name, 0, 1000),
});
export const Statements = struct({ history });
export const Inspection = struct({
  inspector: name, verdict: oneOf(2), commitment: hash, report: hash, height: natural,
});
export const Recall = struct({
  issuer: name, roots: listOf(name, 1, 100), reason: textOf(1, 500), severity: oneOf(3), state: oneOf(3),
  height: natural, reached: natural,
});
export const Key = struct({
  organisation: name, status: oneOf(2), uses: listOf(oneOf(7), 1, 8), person: text, sinceHeight: natural,
  untilHeight: natural,
});

export { bool, bytesOf, hash, listOf, matching, name, natural, oneOf, signature, struct, text, textOf, time, within };

/** One message from its bytes; anything but its one canonical spelling raises a ProofError with `code`. */
export function decodeMessage(bytes, shape, sizeMax, code = 'unreadable') {
  try {
    if (bytes.length > sizeMax) throw new Malformed('too long');
    const reader = new Reader(bytes);
    const value = shape(reader);
    if (reader.at !== bytes.length) throw new Malformed('bytes after the end');
    return value;
  } catch (error) {
    if (error instanceof Malformed) throw new ProofError(code, `not a message of this kind: ${error.message}`);
    throw error;
  }
}

// --- canonical JSON: RFC 8785, numbers of at most 15 digits without exponent ---
const DEPTH_MAX = 32;
const NUMBER = /^-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,20})?$/;

function write(value, depth) {
  if (value === null || value === true || value === false) return String(value);
  if (typeof value === 'string') {
    if (!isWellFormed(value)) throw new Error('half a surrogate pair');
    return JSON.stringify(value);
  }
  if (typeof value === 'number') return writeNumber(value);
  if (depth >= DEPTH_MAX) throw new Error('nested too deeply');
  if (Array.isArray(value)) return `[${value.map((item) => write(item, depth + 1)).join(',')}]`;
  const members = Object.keys(value).sort(); // by UTF-16 code units, as RFC 8785 asks
  return `{${members.map((key) => `${write(key, depth)}:${write(value[key], depth + 1)}`).join(',')}}`;
}

function writeNumber(value) {
  const text = JSON.stringify(value);
  const digits = text.replace(/[-.]/g, '').replace(/^0+/, '');
  if (!NUMBER.test(text) || digits.length > 15) throw new Error('a number without canonical spelling');
  if (value !== 0 && Math.abs(value) < 1e-6) throw new Error('a number too small');
  return text;
}

/** Whether every half of a surrogate pair has its other half. */
export function isWellFormed(text) {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0xd800 || unit > 0xdfff) continue;
    if (unit > 0xdbff || !(text.charCodeAt(++i) >= 0xdc00 && text.charCodeAt(i) <= 0xdfff)) return false;
  }
  return true;
}

/** The value of canonical JSON bytes; any other spelling is `event-altered`. */
export function readCanonical(bytes) {
  try {
    const text = strictDecoder.decode(bytes);
    const value = JSON.parse(text);
    if (write(value, 0) !== text) throw new Error('another spelling');
    return value;
  } catch (error) {
    throw new ProofError('event-altered', `an event is not canonical JSON: ${error.message}`);
  }
}
