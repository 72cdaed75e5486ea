/** The forms of ntfy and Gotify. */
import type { Message } from '../message.ts'
import { cut, cutBy, utf8Length } from '../text.ts'

/** Longer messages become attachments, which not every server takes. In bytes. */
const NTFY_MESSAGE_MAX = 4096
const NTFY_TITLE_MAX = 250
/** Gotify has no limit of its own; more than this is no message. */
const GOTIFY_MAX = 8000

/** Priorities from 1 to 5: 4 rings, 3 is ordinary. */
const NTFY_PRIORITY: Readonly<Record<Message['level'], number>> = { bad: 4, good: 3, info: 2 }
const NTFY_TAG: Readonly<Record<Message['level'], string>> = {
  bad: 'rotating_light',
  good: 'white_check_mark',
  info: 'information_source',
}
/** Priorities from 0 to 10: from 8 on phones ring, from 4 they show it. */
const GOTIFY_PRIORITY: Readonly<Record<Message['level'], number>> = { bad: 8, good: 5, info: 2 }

/** Published as JSON, to the server and not to the topic: headers, the other way, are not made for more than Latin-1. */
export function ntfyPayload({ subject, body, level }: Message, topic: string): object {
  return {
    topic,
    title: cut(subject, NTFY_TITLE_MAX),
    message: cutBy(body, NTFY_MESSAGE_MAX, utf8Length),
    priority: NTFY_PRIORITY[level],
    tags: [NTFY_TAG[level]],
  }
}

export function gotifyPayload({ subject, body, level }: Message): object {
  return {
    title: subject,
    message: cut(body, GOTIFY_MAX),
    priority: GOTIFY_PRIORITY[level],
    extras: { 'client::display': { contentType: 'text/plain' } },
  }
}
