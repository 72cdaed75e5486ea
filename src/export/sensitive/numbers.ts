/** Numbers that carry their own proof: cards, IBANs, and the shape of a US social security number. */

/** Issuer prefixes and the lengths that they come in. Source: ISO/IEC 7812 as the issuers publish it. */
const CARD_SHAPES: readonly RegExp[] = [
  /^4(?:\d{12}|\d{15}|\d{18})$/, // Visa
  /^(?:5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12})$/, // Mastercard
  /^3[47]\d{13}$/, // American Express
  /^(?:6011\d{12}|64[4-9]\d{13}|65\d{14})$/, // Discover
  /^3(?:0[0-5]\d{11}|[68]\d{12})$/, // Diners Club
  /^35(?:2[89]|[3-8]\d)\d{12}$/, // JCB
  /^62\d{14,17}$/, // UnionPay
  /^(?:5018|5020|5038|5893|6304|6759|676[1-3])\d{9,15}$/, // Maestro
]

/** Lengths by country. Source: SWIFT IBAN registry. */
const IBAN_LENGTHS: Readonly<Record<string, number>> = {
  AD: 24, AE: 23, AL: 28, AT: 20, AZ: 28, BA: 20, BE: 16, BG: 22, BH: 22, BR: 29, BY: 28, CH: 21, CR: 22, CY: 28,
  CZ: 24, DE: 22, DK: 18, DO: 28, EE: 20, EG: 29, ES: 24, FI: 18, FO: 18, FR: 27, GB: 22, GE: 22, GI: 23, GL: 18,
  GR: 27, GT: 28, HR: 21, HU: 28, IE: 22, IL: 23, IQ: 23, IS: 26, IT: 27, JO: 30, KW: 30, KZ: 20, LB: 28, LC: 32,
  LI: 21, LT: 20, LU: 20, LV: 21, LY: 25, MC: 27, MD: 24, ME: 22, MK: 19, MR: 27, MT: 31, MU: 30, NL: 18, NO: 15,
  PK: 24, PL: 28, PS: 29, PT: 25, QA: 29, RO: 24, RS: 22, SA: 24, SC: 31, SE: 24, SI: 19, SK: 24, SM: 27, ST: 25,
  SV: 28, TL: 23, TN: 24, TR: 26, UA: 29, VA: 22, VG: 24, XK: 20,
} // prettier-ignore

/** Whether the whole text is a card number, with or without spaces or dashes between its digits. */
export function isCardNumber(text: string): boolean {
  if (!/^\d(?:[ -]?\d){12,18}$/.test(text)) return false
  const digits = text.replaceAll(/[ -]/g, '')
  return CARD_SHAPES.some(shape => shape.test(digits)) && passesLuhn(digits)
}

/** Source: ISO/IEC 7812-1, annex B. */
export function passesLuhn(digits: string): boolean {
  let sum = 0
  for (let index = 0; index < digits.length; index++) {
    const digit = digits.charCodeAt(digits.length - 1 - index) - 48
    const weighted = index % 2 === 1 ? digit * 2 : digit
    sum += weighted > 9 ? weighted - 9 : weighted
  }
  return sum % 10 === 0
}

/** Whether the whole text is an IBAN whose length and check digits are right. */
export function isIban(text: string): boolean {
  if (text.length > 48) return false
  const compact = text.replaceAll(/[ -]/g, '').toUpperCase()
  if (!/^[A-Z]{2}\d{2}[A-Z0-9]+$/.test(compact)) return false
  const country = compact.slice(0, 2)
  if (!Object.hasOwn(IBAN_LENGTHS, country) || IBAN_LENGTHS[country] !== compact.length) return false
  const moved = compact.slice(4) + compact.slice(0, 4)
  return BigInt(moved.replaceAll(/[A-Z]/g, letter => String(letter.charCodeAt(0) - 55))) % 97n === 1n
}

/** Never assigned: area 000, 666 and 9xx, group 00, serial 0000. Source: ssa.gov, randomization FAQ. */
export function isSocialSecurityNumber(text: string): boolean {
  return /^\d{3}-\d{2}-\d{4}$/.test(text) && !/^(?:000|666|9)|-00-|-0000$/.test(text)
}
