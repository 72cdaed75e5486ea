import { MISSED_MAX } from '../schedule/due.ts'

/** "1 backup", "2 backups" */
export function plural(count: number, one: string): string {
  return `${count} ${one}${count === 1 ? '' : 's'}`
}

/** "once", "3 times"; what is counted no further is "1000 times or more". */
export function timesMissed(runs: number): string {
  if (runs === 1) return 'once'
  return runs < MISSED_MAX ? `${runs} times` : `${MISSED_MAX} times or more`
}
