/** Downloads SQLite's corpus where tests look for it, and says where that is, or why they will fail or skip it. */
import { findCorpus } from './find-corpus.ts'

const corpus = findCorpus()
console.log(
  'directory' in corpus
    ? `SQLite's corpus is in ${corpus.directory}`
    : `SQLite's corpus cannot be had, so its test fails in CI and is skipped elsewhere: ${corpus.missing}`,
)
