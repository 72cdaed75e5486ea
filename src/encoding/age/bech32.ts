/** Whether a text of age's is written as Bech32 says (BIP 173): its letters, and the checksum at its end. */

const LETTERS = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l'
const GENERATORS = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3]
/** 52 letters for 32 bytes, and 6 of checksum. */
const LENGTH = 58

/** @param prefix what stands before the `1`, in lower case */
export function isBech32Key(text: string, prefix: string): boolean {
  const data = text.slice(prefix.length + 1)
  if (!text.startsWith(`${prefix}1`) || data.length !== LENGTH) return false
  const codes = Array.from(prefix, letter => letter.charCodeAt(0))
  const digits = Array.from(data, letter => LETTERS.indexOf(letter))
  if (digits.includes(-1)) return false
  let sum = 1
  for (const value of [...codes.map(code => code >> 5), 0, ...codes.map(code => code & 31), ...digits]) {
    const top = sum >>> 25
    sum = ((sum & 0x1ffffff) << 5) ^ value
    GENERATORS.forEach((generator, bit) => {
      if (((top >> bit) & 1) === 1) sum ^= generator
    })
  }
  return sum === 1
}
