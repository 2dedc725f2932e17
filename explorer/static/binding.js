// What binds bytes to those who vouch for them: signatures, Merkle trees, and the header that a quorum of the pinned
// validators finalised. Specification: docs/spec/proofs.md, sections 1 to 3.

import {
  Certificate, Header, ProofError, ValidatorSet, ZERO32, big64, concat, decodeMessage, hex, isWellFormed, same, unb64,
  unhex, utf8,
} from './encoding.js';
import { digests, sha256, tagged } from './hashing.js';

// --- Ed25519 by the browser's own WebCrypto, as strict as libsodium: where libraries disagree, the answer is no ---

export const TRANSACTION = 1;
export const VOTE = 2;
export const PROPOSAL = 3;

// y coordinates of all encodings of points of small order, the sign bit cleared, non-canonical ones included.
const SMALL_ORDER = new Set([
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
]);
// Little-endian, as keys and signatures are: the order of the group, and the prime of the field.
const ORDER = unhex('edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010');
const PRIME = unhex('edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f');

/** Whether a little-endian number of 32 bytes is below another. */
function isBelow(number, bound) {
  let at = 31;
  while (at > 0 && number[at] === bound[at]) at--;
  return number[at] < bound[at];
}

/** The y coordinate of an encoded point: without the sign bit. */
function yOf(point) {
  const y = point.slice(0, 32);
  y[31] &= 0x7f;
  return y;
}

const hasSmallOrder = (y) => SMALL_ORDER.has(hex(y));

/** Whether a public key is one on which no two libraries disagree: canonical and not of small order. */
function isSoundKey(key) {
  if (key.length !== 32) return false;
  const y = yOf(key);
  return !hasSmallOrder(y) && isBelow(y, PRIME);
}

/** What is signed for a purpose on a chain: the 45-byte domain, then the message (docs/spec/signing.md). */
function signingBytes(purpose, chainId, message) {
  return concat(utf8('TALLYSTICK'), Uint8Array.of(1, 1, purpose), chainId, message);
}

/** Whether a signature holds. */
export async function verifies(key, signature, purpose, chainId, message) {
  if (signature.length !== 64 || !isSoundKey(key) || hasSmallOrder(yOf(signature))) return false;
  if (!isBelow(signature.subarray(32), ORDER)) return false;
  return verifyRaw(key, signature, signingBytes(purpose, chainId, message));
}

async function verifyRaw(key, signature, message) {
  try {
    const imported = await crypto.subtle.importKey('raw', key, { name: 'Ed25519' }, false, ['verify']);
    return await crypto.subtle.verify({ name: 'Ed25519' }, imported, signature, message);
  } catch {
    return false; // not a point of the curve
  }
}

/**
 * Signatures that are checked beside everything else. A bundle fails as if each had been checked in its place: where
 * something else is wrong, too, `settled` is asked first, and a signature that came before it is what was wrong.
 */
export class Signatures {
  #checks = [];

  /** Start to check one; `code` and `detail` say what is wrong if it does not hold. */
  add(code, detail, ...claim) {
    const check = verifies(...claim).then((holds) => {
      if (!holds) throw new ProofError(code, detail);
    });
    check.catch(() => {}); // told by `settled`
    this.#checks.push(check);
  }

  /** Wait for all of them, in order; raises what the first that does not hold was added with. */
  async settled() {
    for (const check of this.#checks) await check;
  }
}

// RFC 8032, section 7.1, test 2.
const KNOWN_KEY = unhex('3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c');
const KNOWN_SIGNATURE = unhex(
  '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da' +
    '085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
);

// FIPS 180-4, of "abc".
const KNOWN_DIGEST = unhex('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');

/** Whether this browser can hash and check signatures, found out by doing it; never by its name. */
export async function isSupported() {
  if (!globalThis.crypto?.subtle) return false;
  const [digest] = await digests([sha256(utf8('abc'))]);
  if (!same(digest, KNOWN_DIGEST)) return false;
  const good = await verifyRaw(KNOWN_KEY, KNOWN_SIGNATURE, Uint8Array.of(0x72));
  const bad = await verifyRaw(KNOWN_KEY, KNOWN_SIGNATURE, Uint8Array.of(0x73));
  return good && !bad;
}

// --- Merkle trees, of hashes that are named here and computed by `digests`: RFC 6962 paths and compact ranges, and the shown part of the state tree ---

const ENTRY_SIZE = 64;
const BUCKET_KEYS_MAX = 4;
const DEPTH_MAX = 256;
const SHAPE_SIZE_BYTES = 3;
const SHAPE_SIZE_MAX = 65536;

/** Hash of an RFC 6962 leaf. */
export const leafHash = (data) => tagged(0x00, data);
const nodeHash = (left, right) => tagged(0x01, left, right);

/** Root that an audit path leads to; index, count and length that do not fit are `not-in-tree`. */
export function rootFromPath(leaf, index, count, path) {
  if (!(index >= 0 && index < count)) throw new ProofError('not-in-tree', `leaf ${index} of ${count}`);
  let node = leaf;
  let at = index;
  let last = count - 1;
  let used = 0;
  while (last > 0) {
    if (at % 2 === 1 || at < last) {
      if (used === path.length) throw new ProofError('not-in-tree', 'audit path too short');
      const sibling = path[used++];
      node = at % 2 === 1 ? nodeHash(sibling, node) : nodeHash(node, sibling);
    }
    at = Math.floor(at / 2); // not >>, which ends at 32 bits
    last = Math.floor(last / 2);
  }
  if (used !== path.length) throw new ProofError('not-in-tree', 'audit path too long');
  return node;
}

/** Root that several leaves, by their places, and the path they share lead to; what does not fit is `not-in-tree`. */
export function rootFromSharedPath(leaves, count, path) {
  const places = [...leaves.keys()].sort((one, other) => one - other);
  if (places.length === 0 || !(places[0] >= 0 && places[places.length - 1] < count)) {
    throw new ProofError('not-in-tree', `leaves outside a tree of ${count}`);
  }
  let used = 0;
  const root = (first, size, below) => {
    if (below.length === 0) {
      if (used === path.length) throw new ProofError('not-in-tree', 'shared path too short');
      return path[used++];
    }
    if (size === 1) return leaves.get(first);
    let left = 1;
    while (2 * left < size) left *= 2;
    const hash = root(first, left, below.filter((place) => place < first + left));
    return nodeHash(hash, root(first + left, size - left, below.filter((place) => place >= first + left)));
  };
  const hash = root(0, count, places);
  if (used !== path.length) throw new ProofError('not-in-tree', 'shared path too long');
  return hash;
}

/** The roots of the perfect subtrees over these leaves, largest first. */
export function peaksOf(leaves) {
  const stack = [];
  for (let count = 0; count < leaves.length; count++) {
    let node = leaves[count];
    for (let carry = count; carry & 1; carry >>= 1) node = nodeHash(stack.pop(), node);
    stack.push(node);
  }
  return stack;
}

/** Root of the tree that a compact range covers. */
export function peaksRoot(peaks) {
  if (peaks.length === 0) return sha256();
  let root = peaks[peaks.length - 1];
  for (let i = peaks.length - 2; i >= 0; i--) root = nodeHash(peaks[i], root);
  return root;
}

const BITS_OF_BYTE = Array.from({ length: 256 }, (_, byte) => byte.toString(2).padStart(8, '0'));
function bitsOf(bytes) {
  let bits = '';
  for (let i = 0; i < bytes.length; i++) bits += BITS_OF_BYTE[bytes[i]];
  return bits;
}
/** Whether a key hash leads to a place of the tree. */
const leadsTo = (path, keyHash) => bitsOf(keyHash.subarray(0, Math.ceil(path.length / 8))).startsWith(path);
const unreadable = (detail) => new ProofError('unreadable', detail);
const notShown = (detail) => new ProofError('not-shown', `the state tree shows ${detail}`);

/** A state tree of which some buckets are shown (docs/spec/proofs.md, section 3). */
export class PartialTrie {
  /** @param {Map<string, Hash>} leaves hex key hash to leaf hash of the records shown beside the tree */
  static read(data, leaves = new Map()) {
    const trie = new PartialTrie();
    trie.data = data;
    const size = data.slice(0, SHAPE_SIZE_BYTES).reduce((sum, byte) => 256 * sum + byte, 0);
    if (size > SHAPE_SIZE_MAX) throw unreadable('the state tree shows too many places');
    trie.at = SHAPE_SIZE_BYTES + size;
    trie.shape = bitsOf(data.slice(SHAPE_SIZE_BYTES, trie.at));
    const early = trie.shape === '' || trie.at > data.length || (data.length - trie.at) % 32 !== 0;
    if (early) throw unreadable('the state tree ends early');
    trie.buckets = new Set(); // the bits that lead to them
    trie.leaves = new Map(leaves);
    trie.waiting = [...leaves.keys()].sort();
    const [root, end] = trie.#read(0, '');
    if (!/^0{0,7}$/.test(trie.shape.slice(end)) || trie.at !== data.length) {
      throw unreadable('the state tree ends early, or something is after its end');
    }
    if (trie.waiting.length > 0) throw notShown(`no place for key ${trie.waiting[0].slice(0, 16)}`);
    trie.root = root;
    return trie;
  }

  /** The leaf of a key hash, null where the tree shows that there is none; `not-shown` where it shows nothing. */
  leaf(keyHash) {
    const found = this.leaves.get(hex(keyHash));
    if (found !== undefined) return found;
    const bits = bitsOf(keyHash);
    for (let depth = 0; depth < DEPTH_MAX; depth++) if (this.buckets.has(bits.slice(0, depth))) return null;
    throw notShown(`no place of key ${hex(keyHash).slice(0, 16)}`);
  }

  // The hash of what stands at a place of the shape, and where its shape ends.
  #read(at, path) {
    const { shape } = this;
    if (at + 1 >= shape.length || path.length >= DEPTH_MAX) throw unreadable('the state tree ends early or is too deep');
    if (shape[at] === '1') {
      const [left, middle] = this.#read(at + 1, `${path}0`);
      const [right, end] = this.#read(middle, `${path}1`);
      return [tagged(0x03, left, right), end];
    }
    return shape[at + 1] === '1' ? this.#bucket(at + 2, path) : [this.#take(32), at + 2];
  }

  #bucket(at, path) {
    const count = parseInt(this.shape.slice(at, at + 3), 2);
    const end = at + 3 + count;
    if (!(count <= BUCKET_KEYS_MAX) || end > this.shape.length) throw unreadable('a bucket is too large or ends early');
    const entries = []; // each a key hash and a leaf
    let before = '';
    for (const own of this.shape.slice(at + 3, end)) {
      const entry = own === '1' ? this.#ownEntry(path) : this.#shownEntry(path);
      const key = hex(entry[0]);
      if (key <= before) throw unreadable('entries of a bucket are not in order');
      before = key;
      entries.push(entry);
    }
    this.buckets.add(path);
    return [tagged(0x02, ...entries.flat()), end];
  }

  // The entry of the next of the records shown: entries ascend, and so do they.
  #ownEntry(path) {
    const key = this.waiting.shift();
    if (key === undefined || !leadsTo(path, unhex(key))) throw notShown('a place for a record that is not shown');
    return [unhex(key), this.leaves.get(key)];
  }

  #shownEntry(path) {
    const entry = this.#take(ENTRY_SIZE);
    const key = entry.slice(0, 32);
    const leaf = entry.slice(32);
    if (!leadsTo(path, key)) throw unreadable('an entry stands in a wrong bucket');
    if (this.leaves.has(hex(key))) throw unreadable('two entries of one key');
    this.leaves.set(hex(key), leaf);
    return [key, leaf];
  }

  #take(size) {
    const from = this.at;
    this.at += size;
    if (this.at > this.data.length) throw unreadable('the state tree ends early');
    return this.data.slice(from, this.at);
  }
}

/** Leaf of a record whose public half is shown and whose members' half is not. */
export function recordLeaf(publicHalf, membersHash) {
  return tagged(0x04, tagged(0x05, publicHalf), membersHash);
}

// --- bundles of the right shape: known members of the right type, nothing else ---

const B64 = /^[A-Za-z0-9+/]*([AQgw]==|[AEIMQUYcgkosw048]=)?$/; // after the last byte only zero bits

const b64 = (value) => typeof value === 'string' && value.length % 4 === 0 && B64.test(value);
const hash = (value) => b64(value) && value.length === 44 && value[42] !== '=' && value[43] === '=';
const string = (value) => typeof value === 'string' && isWellFormed(value);
const whole = (value) => Number.isInteger(value);
const list = (shape) => (value) => Array.isArray(value) && value.every(shape);
// Bytes, whole or in pieces of which numbers name what is known (docs/spec/proofs.md, section 1.1).
const piece = (value) => b64(value) || whole(value);
const pieces = (value) => (Array.isArray(value) ? value.length <= PIECES_MAX && value.every(piece) : b64(value));
const PIECES_MAX = 1024;
const maybe = (shape) => (value) => value === null || shape(value);

// A shape is its members; those listed in `defaults` may be left out.
const object = (members, defaults = {}) => (value) => {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return false;
  for (const key of Object.keys(value)) {
    if (!Object.hasOwn(members, key) || !members[key](value[key])) return false;
  }
  return Object.keys(members).every((key) => Object.hasOwn(value, key) || Object.hasOwn(defaults, key));
};
const only = (word) => (value) => value === word;

const epochEnd = object(
  { boundary: pieces, finalisation: pieces, next_validators: pieces, closing: maybe(pieces) }, { closing: null },
);
const anchor = object(
  {
    chain_id: hash, header: pieces, descendants: list(pieces), finalisation: pieces, validators: pieces, epochs: list(epochEnd),
  },
  { descendants: [], epochs: [] },
);
const ZEROS = `${'A'.repeat(43)}=`;
const record = object({ key: pieces, public: pieces, members_hash: hash }, { members_hash: ZEROS });
const history = object({ owner: pieces, entries: list(pieces) });
const signed = object({ head: pieces, signatures: list(b64), path: list(hash) }, { path: [] });
const EVENT_DEFAULTS = { members: ZEROS, sealed: ZEROS, signed: null, index: 0 };
const event = object(
  { public: b64, members: hash, sealed: hash, signed: maybe(whole), index: whole },
  EVENT_DEFAULTS,
);
const height = object({ leaf: b64, path: list(hash) });
const frame = { format: whole, anchor, state: b64 };
const ENTRY_DEFAULTS = { entry: null, index: 0, path: [] };
const KINDS = {
  item: object({
    ...frame, kind: only('item'), subject: string, records: list(record), histories: list(history),
    events: list(event), signed: list(signed), hashes: list(hash), as_of: maybe(height),
  }, { hashes: [], as_of: null }),
  event: object({
    ...frame, kind: only('event'), subject: string, records: list(record), event, signed: list(signed),
    entry: maybe(pieces), index: whole, path: list(hash), hashes: list(hash), as_of: maybe(height),
  }, { ...ENTRY_DEFAULTS, hashes: [], as_of: null }),
  record: object({ ...frame, kind: only('record'), key: b64, record: maybe(record), as_of: maybe(height) }, { record: null, as_of: null }),
};

const halves = object({ key: b64, public: b64, salt: b64, members: b64 }, { salt: '', members: '' });
Object.assign(KINDS, {
  block: object({ format: whole, anchor, kind: only('block'), block: height, header: maybe(b64) }, { header: null }),
  receipt: object({
    format: whole, anchor, kind: only('receipt'), block: height, receipt: b64, index: whole, path: list(hash),
  }),
  receivable: object(
    { ...frame, kind: only('receivable'), obligation: hash, records: list(halves), as_of: maybe(height) }, { as_of: null },
  ),
  evidence: object({
    ...frame, kind: only('evidence'), evidence: b64, record: maybe(record), as_of: maybe(height),
    seats: maybe(object({ block: height, header: b64, validators: b64 })),
  }, { record: null, seats: null, as_of: null }),
});

const withDefaults = (shown) => ({ ...EVENT_DEFAULTS, ...shown });

/** A bundle whose shape was checked, defaults filled in; anything else is `unreadable`. */
export function readBundle(bundle) {
  const kind = bundle !== null && typeof bundle === 'object' && Object.hasOwn(bundle, 'kind') ? bundle.kind : '';
  if (!Object.hasOwn(KINDS, kind) || !KINDS[kind](bundle)) {
    throw new ProofError('unreadable', 'not a proof bundle');
  }
  if (bundle.format !== 1) throw new ProofError('unreadable', `format ${bundle.format}; this verifier reads 1`);
  if (kind === 'item') return { ...bundle, events: bundle.events.map(withDefaults) };
  if (kind === 'event') return { ...ENTRY_DEFAULTS, ...bundle, event: withDefaults(bundle.event) };
  if (kind === 'evidence') return { record: null, seats: null, ...bundle };
  return kind === 'record' ? { record: null, ...bundle } : { header: null, ...bundle };
}

/** What numbers name so far: 0 is 32 zero bytes, 1 the chain id, 2 the root of an empty tree, then each in turn. */
export class Known {
  constructor(chainId, named = []) {
    this.named = [ZERO32, chainId, sha256(), ...named];
  }

  /** A byte string, whole or in pieces, as bytes. */
  async whole(pieces) {
    if (!Array.isArray(pieces)) return unb64(pieces);
    const parts = pieces.map((piece) => {
      if (typeof piece === 'string') return unb64(piece);
      if (!(piece >= 0 && piece < this.named.length)) throw new ProofError('unreadable', `${piece} names nothing that is known`);
      return this.named[piece];
    });
    return concat(...(await digests(parts)));
  }
}

/** A set of validators, read, with its hash. */
export const readSet = (bytes) => ({ hash: tagged(0x21, bytes), members: decodeMessage(bytes, ValidatorSet, 16384).members });

/** An anchor's sets, headers and certificates put together: hashes of sets are known from the beginning, of blocks after them. */
async function writeOutAnchor(shown, descendants, later) {
  const known = new Known(unb64(shown.chain_id));
  const sets = await (later ? later.setsOf(shown, known) : known.whole(shown.validators).then((bytes) => [readSet(bytes)]));
  known.named.push(...sets.map(({ hash }) => hash));
  const take = async (pieces, tag) => {
    const bytes = await known.whole(pieces);
    const hash = tagged(tag, bytes);
    known.named.push(hash);
    return { bytes, hash };
  };
  const ends = later && (await later.writeOutEnds(shown.epochs, sets, known, take));
  const chain = [];
  for (const header of [shown.header, ...descendants]) chain.push(await take(header, 0x20));
  return { set: sets[sets.length - 1], chain, finalisation: await known.whole(shown.finalisation), ends };
}

export const FINALIZE = 3;
const EPOCHS_MAX = 64;
const DESCENDANTS_MAX = 256;
const BITS = 31;

/**
 * Check an anchor under `trust = {chainId, validatorsHashes: {epoch: hex}, heightMin, lastHeights: {epoch: height}}`.
 * Its votes, and whatever else is signed, hold once `signatures` are settled.
 */
export async function verifyAnchor(shown, trust, signatures) {
  const { epochs = [], descendants = [] } = shown;
  if (descendants.length > DESCENDANTS_MAX || epochs.length > EPOCHS_MAX) {
    throw new ProofError('unreadable', 'too many descendants or ends of epochs');
  }
  const later = epochs.length > 0 && (await import('./epochs.js'));
  const written = await writeOutAnchor(shown, descendants, later);
  const chain = written.chain.map(({ bytes }) => decodeMessage(bytes, Header, 1024));
  const [header] = chain;
  if (hex(unb64(shown.chain_id)) !== trust.chainId || chain.some((each) => hex(each.chainId) !== trust.chainId)) {
    throw new ProofError('wrong-chain', 'the proof is from another chain');
  }
  const finalisation = decodeMessage(written.finalisation, Certificate, 8192);
  const validators = written.set.members;
  const sets = later ? await later.knownSets(written.ends, trust, signatures) : trust.validatorsHashes;
  const known = sets[header.epoch];
  const [setHash, ...hashes] = await digests([written.set.hash, ...written.chain.map(({ hash: named }) => named)]);
  if (known === undefined || hex(setHash) !== known || chain.some((each) => hex(each.validatorsHash) !== known)) {
    throw new ProofError('unknown-validators', `validators of epoch ${header.epoch} are not the pinned ones`);
  }
  if (chain[chain.length - 1].height > (trust.lastHeights?.[header.epoch] ?? Infinity)) {
    throw new ProofError('unknown-validators', `validators of epoch ${header.epoch} sign for a height after its end`);
  }
  for (let i = 1; i < chain.length; i++) {
    if (!same(chain[i].parentHash, hashes[i - 1]) || chain[i].height !== chain[i - 1].height + 1) {
      throw new ProofError('not-in-chain', 'a descendant does not follow its parent');
    }
  }
  const last = chain[chain.length - 1];
  const { statement } = finalisation;
  const about = statement.kind === FINALIZE && same(statement.blockHash, hashes[hashes.length - 1]);
  if (!about || statement.epoch !== last.epoch || statement.view !== last.view) {
    throw new ProofError('not-in-chain', 'the certificate does not finalise this header or its descendant');
  }
  const chainId = unhex(trust.chainId);
  const signers = checkCertificate(finalisation, validators, chainId, signatures);
  if (header.executed.height < (trust.heightMin ?? 0)) {
    throw new ProofError('rolled-back', `proves height ${header.executed.height}; a newer one was seen before`);
  }
  return { header, executed: header.executed, signers, validators, validatorCount: validators.length, chainId, signatures };
}

/** Check that a quorum of distinct validators signed a certificate's statement; gives their organisations. */
export function checkCertificate(certificate, validators, chainId, signatures) {
  const signers = [];
  for (let i = 0; i < BITS; i++) if ((certificate.signers >>> i) & 1) signers.push(i);
  if (signers.length !== certificate.signatures.length) throw new ProofError('quorum-short', 'signers and signatures differ');
  if (signers[signers.length - 1] >= validators.length) throw new ProofError('unknown-validators', 'a signer outside the set');
  const quorum = validators.length - Math.floor((validators.length - 1) / 3);
  if (signers.length < quorum) throw new ProofError('quorum-short', `${signers.length} signatures, ${quorum} needed`);
  const { epoch, kind, view, blockHash } = certificate.statement;
  const message = concat(big64(epoch), Uint8Array.of(kind), big64(view), blockHash);
  for (const [i, index] of signers.entries()) {
    const claim = [validators[index].key, certificate.signatures[i], VOTE, chainId, message];
    signatures.add('bad-vote-signature', 'a validator’s signature does not verify', ...claim);
  }
  return signers.map((index) => validators[index].organisation);
}
