// Merkle trees: RFC 6962 paths and compact ranges, and the shown part of the state tree.

import { ProofError, concat, hex, same, sha256, tagged } from './bytes.js';

const ENTRY_SIZE = 64;
const BUCKET_KEYS_MAX = 16;
const DEPTH_MAX = 256;

/** Hash of an RFC 6962 leaf. */
export const leafHash = (data) => tagged(0x00, data);
const nodeHash = (left, right) => tagged(0x01, left, right);

/** Root that an audit path leads to; index, count and length that do not fit are `not-in-tree`. */
export async function rootFromPath(leaf, index, count, path) {
  if (!(index >= 0 && index < count)) throw new ProofError('not-in-tree', `leaf ${index} of ${count}`);
  let node = leaf;
  let at = index;
  let last = count - 1;
  let used = 0;
  while (last > 0) {
    if (at % 2 === 1 || at < last) {
      if (used === path.length) throw new ProofError('not-in-tree', 'audit path too short');
      const sibling = path[used++];
      node = at % 2 === 1 ? await nodeHash(sibling, node) : await nodeHash(node, sibling);
    }
    at = Math.floor(at / 2); // not >>, which ends at 32 bits
    last = Math.floor(last / 2);
  }
  if (used !== path.length) throw new ProofError('not-in-tree', 'audit path too long');
  return node;
}

/** The roots of the perfect subtrees over these leaves, largest first. */
export async function peaksOf(leaves) {
  const stack = [];
  for (let count = 0; count < leaves.length; count++) {
    let node = leaves[count];
    for (let carry = count; carry & 1; carry >>= 1) node = await nodeHash(stack.pop(), node);
    stack.push(node);
  }
  return stack;
}

/** Root of the tree that a compact range covers. */
export async function peaksRoot(peaks) {
  if (peaks.length === 0) return sha256();
  let root = peaks[peaks.length - 1];
  for (let i = peaks.length - 2; i >= 0; i--) root = await nodeHash(peaks[i], root);
  return root;
}

const bitsOf = (bytes) => Array.from(bytes, (byte) => byte.toString(2).padStart(8, '0')).join('');
const unreadable = (detail) => new ProofError('unreadable', detail);

/** A state tree of which some buckets are shown (docs/spec/proofs.md, section 3). */
export class PartialTrie {
  static async read(data) {
    const trie = new PartialTrie();
    trie.data = data;
    trie.buckets = new Map();
    const [root, end] = await trie.#read(0, '');
    if (end !== data.length) throw unreadable('bytes after the end of the state tree');
    trie.root = root;
    return trie;
  }

  /** The leaf of a key hash, null where the tree shows that there is none; `not-shown` where it shows nothing. */
  leaf(keyHash) {
    const bits = bitsOf(keyHash);
    for (let depth = 0; depth < DEPTH_MAX; depth++) {
      const entries = this.buckets.get(bits.slice(0, depth));
      if (entries === undefined) continue;
      for (let at = 0; at < entries.length; at += ENTRY_SIZE) {
        if (same(entries.subarray(at, at + 32), keyHash)) return entries.slice(at + 32, at + ENTRY_SIZE);
      }
      return null;
    }
    throw new ProofError('not-shown', `the state tree does not show the place of key ${hex(keyHash).slice(0, 16)}`);
  }

  async #read(at, path) {
    const { data } = this;
    if (at >= data.length || path.length >= DEPTH_MAX) throw unreadable('the state tree ends early or is too deep');
    if (data[at] === 0) {
      if (at + 33 > data.length) throw unreadable('the state tree ends early');
      return [data.slice(at + 1, at + 33), at + 33];
    }
    if (data[at] === 1) {
      const [left, middle] = await this.#read(at + 1, `${path}0`);
      const [right, end] = await this.#read(middle, `${path}1`);
      return [await tagged(0x03, left, right), end];
    }
    if (data[at] === 2) return this.#bucket(at + 1, path);
    throw unreadable('no part of a state tree starts so');
  }

  async #bucket(at, path) {
    const { data } = this;
    if (at >= data.length) throw unreadable('the state tree ends early');
    const end = at + 1 + data[at] * ENTRY_SIZE;
    if (data[at] > BUCKET_KEYS_MAX || end > data.length) throw unreadable('a bucket is too large or ends early');
    const entries = data.slice(at + 1, end);
    let before = '';
    for (let i = 0; i < entries.length; i += ENTRY_SIZE) {
      const key = hex(entries.subarray(i, i + 32));
      if (key <= before) throw unreadable('entries of a bucket are not in order');
      if (!bitsOf(entries.subarray(i, i + 32)).startsWith(path)) throw unreadable('an entry stands in a wrong bucket');
      before = key;
    }
    this.buckets.set(path, entries);
    return [await tagged(0x02, entries), end];
  }
}

/** Leaf of a record whose public half is shown and whose members' half is not. */
export async function recordLeaf(publicHalf, membersHash) {
  return tagged(0x04, concat(await tagged(0x05, publicHalf), membersHash));
}
