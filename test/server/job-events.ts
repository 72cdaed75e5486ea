/** The stream of a job, read as a client reads it. */
export interface JobEvent {
  readonly id: string
  readonly data: {
    readonly status: string
    readonly endedAt: string | null
    readonly progress: { readonly step: string; readonly doneBytes?: number } | null
  }
}

export async function* eventsOf(response: Response): AsyncGenerator<JobEvent> {
  let text = ''
  for await (const bytes of response.body ?? []) {
    text += Buffer.from(bytes).toString()
    for (let end = text.indexOf('\n\n'); end !== -1; end = text.indexOf('\n\n')) {
      const lines = text.slice(0, end).split('\n')
      text = text.slice(end + 2)
      const get = (key: string): string | undefined =>
        lines.find(line => line.startsWith(`${key}: `))?.slice(key.length + 2)
      const data = get('data')
      if (data !== undefined) yield { id: get('id') ?? '', data: JSON.parse(data) }
    }
  }
}
