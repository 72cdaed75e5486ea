/** Words, names and secrets as an application would hold them; all invented. */
import type { Random } from './random.ts'

const FIRST = words(
  'Amara Bruno Chiara Dmitri Elif Farid Greta Hana Ivo Jun Kofi Lena Mateo Nadia Oskar Priya Quentin Rosa Sami Tomas Ursula Viktor Wanda Ximena Yara Zoe',
)
const LAST = words(
  'Abebe Bauer Costa Dubois Eriksen Ferreira Garcia Haddad Ivanova Jensen Kowalski Lindgren Mbeki Nakamura Okafor Petrov Quispe Rossi Silva Tanaka Ueda Varga Weber Yilmaz Zhang',
)
const WORDS = words(
  'the a we you it this that is was will can not with for from before after again tomorrow today meeting invoice release backup coffee server customer design password ticket deploy weekend train office budget photo report question answer idea plan draft review team kitchen project table window garden river summer winter quiet busy early late new old small large green blue ready almost maybe please thanks sure right wrong open closed moved sent found lost',
)

function words(text: string): [string, ...string[]] {
  return text.split(' ') as [string, ...string[]]
}

export function personName(random: Random): string {
  return `${random.pick(FIRST)} ${random.pick(LAST)}`
}

/** Mostly short messages, now and then a long one. */
export function messageBody(random: Random): string {
  const count = random.below(20) === 0 ? random.between(60, 250) : random.between(3, 28)
  let text = ''
  for (let i = 0; i < count; i++) text += i === 0 ? random.pick(WORDS) : ` ${random.pick(WORDS)}`
  return text
}

/** Has the form of a stored password hash: scrypt for new accounts, bcrypt for old ones. */
export function passwordHash(random: Random): string {
  if (random.below(3) > 0) {
    return `$scrypt$ln=16,r=8,p=1$${unpadded(random.bytes(16))}$${unpadded(random.bytes(32))}`
  }
  return `$2b$12$${unpadded(random.bytes(40)).replaceAll('+', '.').slice(0, 53)}`
}

export function apiToken(random: Random): string {
  return `chame_${random.bytes(24).toString('base64url')}`
}

function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replaceAll('=', '')
}
