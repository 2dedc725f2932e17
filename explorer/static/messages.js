// Canonical MessagePack of the messages that a proof holds: typed arrays, no maps, no floats, one spelling per value.

import { ProofError } from './bytes.js';

const NATURAL_MAX = Number.MAX_SAFE_INTEGER;
const TIME_MAX = 253402300799999;
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

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
      return decoder.decode(this.bytes.subarray(from, from + size));
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

// --- shapes: each is a function from a reader to a value ---
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
export const ValidatorSet = struct({
  members: listOf(
    struct({ organisation: name, key: hash, blsKey: bytesOf(0, 48), blsPossession: bytesOf(0, 96) }), 1, 31,
  ),
});
export const Head = struct({
  version: natural, chainId: hash, nonce: bytesOf(16, 16), signers: listOf(hash, 1, 8), validUntilMs: time,
  kind: oneOf(2), eventCount: within(0, 1000), digest: hash,
});
export const HistoryEntry = struct({
  commitment: hash, height: natural, transactionIndex: natural, eventIndex: natural, kind: oneOf(17), link: hash,
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
export const Correction = struct({
  declaredBy: hash, reason: text, correctiveEventIds: listOf(textOf(0, 512), 0, 32), height: natural,
});
export const EventRecord = struct({
  status: oneOf(3), height: natural, transactionIndex: natural, eventIndex: natural,
});
export const Statements = struct({ history });
export const Inspection = struct({
  inspector: name, verdict: oneOf(2), commitment: hash, report: hash, height: natural,
});
export const Recall = struct({
  issuer: name, roots: listOf(name, 1, 100), reason: textOf(1, 500), severity: oneOf(3), state: oneOf(3),
  height: natural, reached: natural,
});
export const Organisation = struct({
  name, status: oneOf(2), roles: listOf(name, 0, 16), prefixes: listOf(name, 0, 64), currencies: listOf(name, 0, 16),
  admittedHeight: natural, keyCount: natural, rootKeyCount: natural,
});
export const Key = struct({
  organisation: name, status: oneOf(2), uses: listOf(oneOf(7), 1, 8), person: text, sinceHeight: natural,
  untilHeight: natural,
});

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
