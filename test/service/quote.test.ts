import { spawnSync } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  argumentWord,
  cronWord,
  environmentWord,
  pathWord,
  programWord,
  wholeLine,
} from '../../src/service/quote.ts'
import { testWith } from '../support/requirements.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const hard = fc.constantFrom(' ', '%', "'", '"', '\\', '$', ';', '#', '{', '}', '-', '~', 'n', '0', 'ü', '😀')
const text = fc.string({ unit: fc.oneof(hard, fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 })) })
const withBreaks = fc.string({ unit: fc.oneof(hard, fc.constantFrom('\n', '\r', '\t', '\u001b', '\u007f')) })
const oneLine = text.filter(value => !/\p{Cc}/u.test(value))

test('systemd reads a command as the words that were written, line breaks and all', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(text, withBreaks), { minLength: 1 }), words => {
      const clean = words.map(word => word.replaceAll('\0', ''))
      const line = clean.map(argumentWord).join(' ')
      expect(line).not.toMatch(/[\n\r]/)
      expect(splitWords(line, { unescape: true }).map(expandSpecifiers).map(expandVariables)).toEqual(clean)
    }),
  )
})

test('systemd reads an assignment and a list of paths as they were written', () => {
  fc.assert(
    fc.property(oneLine, oneLine, (one, other) => {
      const [assignment] = splitWords(environmentWord('NAME', one), { unescape: true })
      expect(expandSpecifiers(assignment ?? '')).toBe(`NAME=${one}`)
      const paths = [`/${one}`, `/${other}`]
      const line = paths.map(path => pathWord(path, '-')).join(' ')
      expect(splitWords(line, { unescape: false }).map(expandSpecifiers)).toEqual(
        paths.map(path => `-${path}`),
      )
    }),
  )
})

testWith(['systemd-analyze'], 'systemd itself finds a program of any name by what is written', () => {
  const directory = temporaryDirectory()
  for (const name of ['plain', 'with space', '100%', '%i%%h', '$HOME ${X}', 'ü😀', ';', '#']) {
    const program = join(directory, name)
    symlinkSync('/bin/true', program)
    expect(verdictOn(directory, programWord(program)), name).toBe('')
    // The oracle is one: what is written for another name is not found.
    expect(verdictOn(directory, programWord(`${program}x`)), name).toContain('not executable')
  }
})

test('whatever cron makes of backslashes, the shell gets the words that were written', () => {
  fc.assert(
    fc.property(fc.array(oneLine, { minLength: 1, maxLength: 20 }), words => {
      const line = words.map(cronWord).join(' ')
      for (const isVixie of [true, false]) {
        const command = cronReads(line, isVixie)
        const { stdout } = spawnSync('sh', ['-c', `for word in ${command}; do printf '%s\\0' "$word"; done`])
        expect(stdout.toString().split('\0').slice(0, -1)).toEqual(words)
      }
    }),
    { numRuns: 50 },
  )
})

test('what cannot be written is refused, and named', () => {
  for (const write of [(path: string) => pathWord(path), programWord, wholeLine, cronWord])
    expect(() => write('/data/line\nbreak')).toThrow('"/data/line\\nbreak" cannot be written into a')
  expect(() => wholeLine('/data/ends with\\')).toThrow('ends with a space or a backslash')
  expect(() => wholeLine('/data/ends with ')).toThrow('ends with a space or a backslash')
  expect(() => programWord('/opt/node "26"')).toThrow('has a quote or a backslash in it')
  expect(wholeLine('/data/100% "quoted"')).toBe('/data/100%% "quoted"')
})

function verdictOn(directory: string, program: string): string {
  const units = join(directory, 'units')
  mkdirSync(units, { recursive: true })
  const unit = join(units, 'program.service')
  writeFileSync(unit, `[Service]\nExecStart=${program}\n`)
  return spawnSync('systemd-analyze', ['verify', unit], { encoding: 'utf8' }).stderr
}

/** As systemd.syntax(7) and systemd.service(5) say that words are told apart; lists of paths know no `\n`. */
function splitWords(line: string, { unescape }: { unescape: boolean }): string[] {
  const words: string[] = []
  let word: string | null = null
  let quote: string | null = null
  for (let at = 0; at < line.length; at++) {
    const character = line[at] as string
    if (character === '\\') {
      const [raw, value] = unescape ? escapeAt(line, at) : [line.slice(at, at + 2), line[at + 1] ?? '']
      word = (word ?? '') + value
      at += raw.length - 1
    } else if (quote !== null) {
      if (character === quote) quote = null
      else word = (word ?? '') + character
    } else if (character === '"' || character === "'") {
      quote = character
      word ??= ''
    } else if (character === ' ') {
      if (word !== null) words.push(word)
      word = null
    } else word = (word ?? '') + character
  }
  expect(quote).toBeNull()
  return word === null ? words : [...words, word]
}

function escapeAt(line: string, at: number): [raw: string, value: string] {
  const hex = /^\\x([0-9a-f]{2})/.exec(line.slice(at))
  if (hex !== null) return [hex[0], String.fromCodePoint(Number.parseInt(hex[1] ?? '', 16))]
  const character = line[at + 1] ?? ''
  expect(['\\', '"']).toContain(character)
  return [line.slice(at, at + 2), character]
}

function expandSpecifiers(word: string): string {
  return word.replaceAll(/%(.)/gsu, (_, character: string) => {
    expect(character).toBe('%')
    return '%'
  })
}

function expandVariables(word: string): string {
  return word.replaceAll(/\$(.)/gsu, (_, character: string) => {
    expect(character).toBe('$')
    return '$'
  })
}

/** The part of a crontab's line that its shell gets. Some crons take every backslash that escapes, some only those before `%`. */
function cronReads(line: string, isVixie: boolean): string {
  let command = ''
  for (let at = 0; at < line.length; at++) {
    const [character, next] = [line[at], line[at + 1]]
    if (character === '%') return command
    if (character === '\\' && (next === '%' || (isVixie && next === '\\'))) at += 1
    else if (character === '\\' && next === '\\') command += line[at++]
    command += line[at]
  }
  return command
}
