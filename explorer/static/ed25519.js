// Ed25519 by the browser's own WebCrypto, as strict as libsodium: where libraries disagree, the answer is no.

import { concat, unhex, utf8 } from './bytes.js';

export const TRANSACTION = 1;
export const VOTE = 2;

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
const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;
const PRIME = 2n ** 255n - 19n;

function littleEndian(bytes) {
  let number = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) number = (number << 8n) | BigInt(bytes[i]);
  return number;
}

function hasSmallOrder(point) {
  const cleared = point.slice();
  cleared[31] &= 0x7f;
  let text = '';
  for (const byte of cleared) text += byte.toString(16).padStart(2, '0');
  return SMALL_ORDER.has(text);
}

/** Whether a public key is one on which no two libraries disagree: canonical and not of small order. */
export function isSoundKey(key) {
  return key.length === 32 && !hasSmallOrder(key) && (littleEndian(key) & (2n ** 255n - 1n)) < PRIME;
}

/** What is signed for a purpose on a chain: the 45-byte domain, then the message (docs/spec/signing.md). */
export function signingBytes(purpose, chainId, message) {
  return concat(utf8('TALLYSTICK'), Uint8Array.of(1, 1, purpose), chainId, message);
}

/** Whether a signature holds. */
export async function verifies(key, signature, purpose, chainId, message) {
  if (signature.length !== 64 || !isSoundKey(key) || hasSmallOrder(signature.slice(0, 32))) return false;
  if (littleEndian(signature.slice(32)) >= ORDER) return false;
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

// RFC 8032, section 7.1, test 2.
const KNOWN_KEY = unhex('3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c');
const KNOWN_SIGNATURE = unhex(
  '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da' +
    '085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
);

/** Whether this browser can check signatures, found out by checking one; never by its name. */
export async function isSupported() {
  if (!globalThis.crypto?.subtle) return false;
  const good = await verifyRaw(KNOWN_KEY, KNOWN_SIGNATURE, Uint8Array.of(0x72));
  const bad = await verifyRaw(KNOWN_KEY, KNOWN_SIGNATURE, Uint8Array.of(0x73));
  return good && !bad;
}
