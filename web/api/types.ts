/** The types of the API, from the schemas that validate it: the console has none of its own for what is sent. */
export type { BackupDecision, BackupInfo, JobConfig, JobState, RetentionPolicy, RetentionRules } from '../../src/index.ts'
