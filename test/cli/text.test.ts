import fc from 'fast-check'
import { expect, test } from 'vitest'
import { cutText, padText, safeLines, safeText, textWidth } from '../../src/cli/text.ts'

test.each([
  ['plain text', 'plain text'],
  ['\u001b[31mred\u001b[0m', String.raw`\x1b[31mred\x1b[0m`],
  ['\u001b]0;title\u0007', String.raw`\x1b]0;title\x07`],
  ['\u009b31m', String.raw`\x9b31m`],
  ['over\rwritten', String.raw`over\rwritten`],
  ['two\nlines\tand a tab', String.raw`two\nlines\tand a tab`],
  ['gpj\u202eexe', String.raw`gpj\u202eexe`],
  ['数据库 🎉', '数据库 🎉'],
  ['half a pair \ud800', 'half a pair \ufffd'],
])('%j is shown as %j', (text, shown) => {
  expect(safeText(text)).toBe(shown)
})

test('no text can drive the terminal', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), text => {
      // oxlint-disable-next-line no-control-regex
      expect(safeText(text)).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/)
    }),
  )
})

test('messages of several lines keep their lines', () => {
  expect(safeLines('one\n\u001b[2Jtwo')).toBe('one\n\\x1b[2Jtwo')
})

test.each([
  ['abc', 3],
  ['数据库', 6],
  ['é', 1],
  ['e\u0301', 1],
  ['🎉', 2],
  ['👨‍👩‍👧', 2],
])('%s takes %i columns', (text, width) => {
  expect(textWidth(text)).toBe(width)
})

test.each([
  ['abcdef', 6, 'abcdef'],
  ['abcdef', 5, 'abcd…'],
  ['数据库', 5, '数据…'],
  ['数据库', 4, '数…'],
  ['𠀀𠀀𠀀', 4, '𠀀…'],
])('%s cut to %i columns is %s', (text, width, cut) => {
  expect(cutText(text, width)).toBe(cut)
})

test('a cell is never wider than it may be, and filled up exactly', () => {
  const anyText = fc.string({ unit: 'grapheme' }).map(safeText)
  fc.assert(
    fc.property(anyText, fc.integer({ min: 1, max: 40 }), (text, width) => {
      expect(textWidth(padText(cutText(text, width), width))).toBe(width)
    }),
  )
})
