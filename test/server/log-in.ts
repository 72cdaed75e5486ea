import type { Serving } from './serving.ts'

/** A session of the console, as a browser keeps it. */
export async function logIn(
  serving: Serving,
  by: object,
): Promise<{ cookie: string; csrf: string; setCookie: string }> {
  const answer = await serving.ask('POST', '/api/v1/session', { body: by, as: null })
  if (answer.status !== 200) throw new Error(answer.text)
  const setCookie = answer.headers.get('set-cookie') ?? ''
  return { setCookie, cookie: setCookie.split(';')[0] ?? '', csrf: answer.body.csrfToken }
}
