/** Downloads SQLite's corpus where tests look for it, and says where that is, or why they will skip it. */
import { findCorpus } from './find-corpus.ts'

const corpus = findCorpus()
console.log(
  'directory' in corpus
    ? `SQLite's corpus is in ${corpus.directory}`
    : `SQLite's corpus cannot be had, and its test is skipped: ${corpus.missing}`,
)
