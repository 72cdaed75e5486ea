/**
 * What a channel was told already: a failure that goes on is told again only after a while. Pure, and plain JSON, so that
 * whoever raises the events can keep it across restarts.
 */
import type { NotifyEvent } from './event.ts'

/** By channel, then by what it was told of. */
export type ToldState = Readonly<Record<string, ChannelTold>>

type ChannelTold = Readonly<Record<string, Told>>

interface Told {
  /** When this channel was told last, ISO 8601 in UTC. */
  readonly at: string
  /** Tells one failure from the next one of the same job. */
  readonly incident: string
}

/** When the channel was told of the same, if it is too early to tell it again; null when the event is to be sent. */
export function toldAlready(
  state: ToldState,
  channel: string,
  event: NotifyEvent,
  reminderMs: number,
): Date | null {
  const topic = topicOf(event)
  if (topic === null || topic.incident === null) return null
  const told = state[channel]?.[topic.key]
  if (told === undefined || told.incident !== topic.incident) return null
  const at = new Date(told.at)
  const elapsedMs = event.at.getTime() - at.getTime()
  // A clock that jumped back must not silence anything.
  return elapsedMs >= 0 && elapsedMs < reminderMs ? at : null
}

/** The state once `channel` was told of `event`. */
export function afterTelling(state: ToldState, channel: string, event: NotifyEvent): ToldState {
  const topic = topicOf(event)
  if (topic === null) return state
  const { [topic.key]: _, ...others } = state[channel] ?? {}
  return {
    ...state,
    [channel]:
      topic.incident === null
        ? others
        : { ...others, [topic.key]: { at: event.at.toISOString(), incident: topic.incident } },
  }
}

/** What an event is about; null for one that is never kept quiet. An incident of null means that it is over. */
function topicOf(event: NotifyEvent): { key: string; incident: string | null } | null {
  switch (event.kind) {
    case 'failed':
      return {
        key: jobKey(event),
        // Another reason is news.
        incident: `${event.failingSince.toISOString()} ${event.code}`,
      }
    case 'recovered':
      return { key: jobKey(event), incident: null }
    case 'overdue':
      return {
        key: JSON.stringify(['overdue', event.database]),
        incident: event.lastGoodAt?.toISOString() ?? 'never',
      }
    default:
      return null
  }
}

function jobKey({ database, job }: { database: string; job: string }): string {
  return JSON.stringify(['failed', database, job])
}
