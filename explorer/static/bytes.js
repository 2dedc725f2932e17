// Bytes: base64url, hex, SHA-256 with purpose tags, and the one error that a verification raises.

/** A proof does not hold. `code` is one of the codes of docs/spec/proofs.md, section 7. */
export class ProofError extends Error {
  constructor(code, detail) {
    super(`${detail} [${code}]`);
    this.code = code;
    this.detail = detail;
  }
}

export const ZERO32 = new Uint8Array(32);

const encoder = new TextEncoder();
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const VALUES = new Map([...ALPHABET].map((character, value) => [character, value]));

/** UTF-8 bytes of a text. */
export const utf8 = (text) => encoder.encode(text);

/** Bytes from base64url without padding; every other spelling is `unreadable`. */
export function unb64(text) {
  const size = Math.floor((text.length * 3) / 4);
  const bytes = new Uint8Array(size);
  let buffer = 0;
  let bits = 0;
  let at = 0;
  for (const character of text) {
    const value = VALUES.get(character);
    if (value === undefined) throw new ProofError('unreadable', 'not base64url without padding');
    buffer = ((buffer << 6) | value) & 0xffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes[at++] = (buffer >> bits) & 0xff;
    }
  }
  if (text.length % 4 === 1 || (buffer & ((1 << bits) - 1)) !== 0) {
    throw new ProofError('unreadable', 'not the one base64url spelling of its bytes');
  }
  return bytes;
}

/** Lower-case hex of bytes. */
export function hex(bytes) {
  let text = '';
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0');
  return text;
}

/** Bytes of a hex text whose shape was checked before. */
export function unhex(text) {
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = parseInt(text.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

/** Whether two byte strings are the same. */
export function same(first, second) {
  return first.length === second.length && first.every((byte, i) => byte === second[i]);
}

/** Several byte strings as one. */
export function concat(...parts) {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
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

/** SHA-256 of the parts one after another. */
export async function sha256(...parts) {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', concat(...parts)));
}

/** SHA-256 of a one-byte purpose tag and the parts (docs/spec/hashing.md). */
export const tagged = (tag, ...parts) => sha256(Uint8Array.of(tag), ...parts);
